"""Every numbered example runs in its tiny mode and leaves what it promises."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# What each one leaves in its --out folder. An example without a line here fails `test_every_example_is_tested`.
LEAVES = {
    "01_make_sequences.py": ["batch.png", "sequences", "stills"],
    "02_train_unet.py": ["my-unet.json", "my-unet.safetensors", "results.png", "stills"],
    "03_finetune_default.py": ["mine.json", "mine.safetensors", "sequences", "stand-in.json", "stand-in.safetensors", "stills"],
    "04_restore_film.py": ["film.mp4", "restored.json", "restored.png", "restored.sheet.png"],
    "06_reconstruct.py": ["automatic.json", "automatic.png", "automatic.sheet.png", "automatic.state.npz", "by_hand.png"],
    "07_generator.py": ["found.png", "mixed.png", "turned.png"],
    "05_read_report.py": ["face.json", "face.png", "face.sheet.png", "sequences"],
}


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_example_runs_in_its_tiny_mode(name: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--tiny", "--out", str(tmp_path / "out")])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert set(LEAVES[name]) <= left
    assert str(tmp_path / "out") in capsys.readouterr().out, "it says where things are"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_example_without_data_says_what_to_give(name: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    with pytest.raises(SystemExit):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert "--tiny" in capsys.readouterr().err


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("[0-9]*.py")} == set(LEAVES)
