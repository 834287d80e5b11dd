"""Every card in `pretrained/` is true, and the page made from the cards is up to date (`make accept` writes it anew)."""

import os
from pathlib import Path

import pytest
import torch

from sharpening.imaging.files import sha256_of
from sharpening.models.zoo import create_model
from sharpening.weights.card import WeightCard, markdown_table
from sharpening.weights.names import NAMES
from sharpening.weights.store import load_card, load_into, load_state

FOLDER = Path(__file__).parents[2] / "pretrained"
FILES = sorted(FOLDER.glob("*.safetensors"))
HEAD = """# Weights that ship

Made from the cards by `make accept`; the cards (`.json`) hold all facts. **The weights are for research, not for commerce**: that is the
strictest of the terms of their training data. `sharpening weights list` shows what is installed.

"""


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request) -> Path:
    return request.param


def test_what_has_a_short_name_is_there():
    assert {FOLDER / f"{name}.safetensors" for name in NAMES.values()} <= set(FILES)


def test_file_is_what_its_card_says(file):
    card = load_card(file)
    assert sha256_of(file) == card.sha256
    assert file.stat().st_size == card.n_bytes <= 25e6
    assert card.file == file.name
    assert card.name == file.stem


def test_network_is_what_its_card_says(file):
    card = load_card(file)
    network = create_model(card.model, **card.settings)
    load_into(network, load_state(file, sha256=card.sha256), source=file)
    assert sum(p.numel() for p in network.parameters()) == card.n_parameters
    with torch.no_grad():
        out = network.eval()(torch.full((1, 3 * card.n_frames, card.size_in, card.size_in), 0.5))
    assert out.shape == (1, 3, card.size_out, card.size_out)
    # A grey sequence stays grey: the net has learned to add nothing where there is nothing.
    assert (out - 0.5).abs().mean() < 0.05


def test_terms_data_and_figures_are_stated(file):
    card = load_card(file)
    for fact in ("licence", "data", "recipe", "source"):
        assert len(getattr(card, fact)) > 10, fact
    assert card.free_use is False
    found, wanted = ("heldout_stills", 2.0) if card.n_frames > 1 else ("heldout_stills_one", 1.5)
    assert card.metrics[found] > card.metrics["heldout_stills_bicubic"] + wanted


def test_page_is_made_from_the_cards():
    cards: list[WeightCard] = [load_card(path) for path in FILES]
    wanted = HEAD + markdown_table(cards)
    page = FOLDER / "README.md"
    if os.environ.get("ACCEPT"):
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted, "cards have changed: make accept"
