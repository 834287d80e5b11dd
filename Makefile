# Two commands do everything on a machine that has Python ≥ 3.11 and make:  make demo   and   make test
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DATA   ?= ../shared/data
RUNS   ?= runs
# Two processes with one thread each use two cores better than one process with two threads.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help setup demo test check test-gpu format accept constraints train-pretrained train-twin train-perceptual evaluate goals reproduce benchmarks clean

help:                ## What there is
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ —/'

setup: $(VENV)/.ready  ## The environment in .venv (uv where it is installed, else pip)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV): the packages take about 6 GB of disk and a few minutes."
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV) && uv pip install --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
	  $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@touch $@

demo: setup          ## A small shaky film of one face → one sharp picture, with figures
	@$(BIN)/sharpening demo

test: setup          ## All tests that this machine can run
	$(PYTEST) -q

check: setup         ## Lint, format, types, import contracts, fast tests and docstring examples
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q -m "not slow"

test-gpu: setup      ## The tests that need CUDA
	$(BIN)/python -m pytest -q -m gpu

format: setup        ## Bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

accept: setup        ## Store public names and the page of weights as they are now
	ACCEPT=1 $(BIN)/python -m pytest -q tests/test_public_names.py tests/weights/test_pretrained.py tests/evaluation/test_tables.py tests/models/published/test_published_page.py

constraints:         ## Compile constraints.txt anew (needs uv); torch is held at the version that PLATFORM tests ran on
	printf 'torch==2.14.1\ntorchvision==0.29.1\n' > $(RUNS)-hold.txt
	uv pip compile pyproject.toml --universal --no-annotate --no-header --all-extras --python-version 3.11 -c $(RUNS)-hold.txt -o constraints.txt
	rm $(RUNS)-hold.txt

PRETRAIN = $(BIN)/python -m sharpening.models.fusion_net.pretrain --data $(DATA)
# What the last legs of the shipped weights saw; --seed is another one for each leg. The decoder has 94 % of the weights, and its steps alone cost half to
# three quarters of whole ones: LEG="--critic psnr --epochs 11 --steps 200 --lr 1.3e-3" trains all of it. From mixed weights a short leg at a rate above
# 3e-4 loses more than it finds; a long one (3,000 steps and more) was made at 1.3e-3.
SEEN     = --p-clip 0.5 --other-damage film=0.7,p_damage_middle=0.25
MANY     = --n-choices 1,1,3,5,7,7,7,11
LEG      = --only decoder,correction,second_correction --critic psnr --epochs 6 --steps 250 --lr 3e-4 --start-share 0.5

train-pretrained: setup  ## Train the fidelity weights further on DATA (default ../shared/data); resumes; replaces them when better; then train-perceptual
	$(PRETRAIN) --out $(RUNS)/fusion_small --init pretrained/fusion_small.safetensors $(MANY) $(SEEN) $(LEG)

train-twin: setup    ## Train the single-frame twin further: legs as long as those of the shipped weights, on the middle frame alone
	$(PRETRAIN) --out $(RUNS)/twin_small --init pretrained/twin_small.safetensors --one-frame $(SEEN) $(LEG)

train-perceptual: setup  ## A short last leg with features and identity in the loss, half of it kept: pretrained/fusion_small_perceptual, the default
	$(PRETRAIN) --out $(RUNS)/fusion_small_perceptual --init pretrained/fusion_small.safetensors --critic perceptual $(MANY) $(SEEN) --epochs 1 --steps 160 --lr 3e-4 --start-share 0.5

evaluate: setup      ## All protocols on DATA, rows and tables into docs/results/
	@for protocol in stills h264 damaged-middle noise-others clips; do \
	  $(BIN)/sharpening evaluate --protocol $$protocol --data $(DATA) --peers $(DATA)/../weights --twin pretrained/twin_small.safetensors --out docs/results || exit 1; done

# -small: nets a quarter as wide, some hours on two cores. SIZE= (nothing) trains the thesis's own sizes, for which a GPU is needed.
SIZE ?= -small
NETS := inpaint-truth inpaint-blur thesis-unet-one-frame thesis-unet-one-frame-longer thesis-unet thesis-feature-net thesis-serfiq thesis-bionet serfiq-only finetune-144

goals: setup         ## The goals of the fusion net on DATA: must, target, moonshot and ours; resumes; docs/results/goals.md
	@$(BIN)/sharpening goals --data $(DATA) --peers $(DATA)/../weights --twin pretrained/twin_small.safetensors \
	  --fidelity fidelity --out docs/results

reproduce: setup     ## Tables 3.1–3.6 and the probe from data to figures: trains each net of the thesis on DATA; long, resumes (SIZE=-small|)
	@echo "Ten nets are trained first: with SIZE=-small 16 to 51 minutes each on two busy cores. Stop and call again at any time."
	@for net in $(NETS); do \
	  $(BIN)/sharpening train --recipe $$net$(SIZE) --data $(DATA) --out $(RUNS)/$$net$(SIZE) || exit 1; done
	@for table in 3.1 3.2 3.3 3.4 3.5 3.6; do \
	  $(BIN)/sharpening tables $$table --data $(DATA) --runs $(RUNS) --out docs/results || exit 1; done
	@for pair in thesis-unet:one-frame thesis-bionet:one-frame thesis-feature-net:one-frame-longer; do \
	  net=$${pair%:*}$(SIZE) single=thesis-unet-$${pair#*:}$(SIZE); \
	  $(BIN)/sharpening probe $(RUNS)/$$net/$$net.safetensors --one-frame $(RUNS)/$$single/$$single.safetensors \
	    --data $(DATA) --out docs/results || exit 1; done
	@$(BIN)/sharpening probe default --one-frame pretrained/twin_small.safetensors --data $(DATA) --out docs/results

benchmarks: setup    ## Every question of benchmarks/, each a table of ratios
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

clean:               ## Remove what was made, but not .venv
	rm -rf build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache
