"""Short names, and the weights that lie in the searched places."""

from __future__ import annotations

from sharpening.errors import SharpeningError
from sharpening.weights.names import NAMES, found_weights, search_places, true_name
from tests.restore_helpers import write_weights


def test_default_is_one_of_the_names() -> None:
    assert true_name("default") == NAMES["default"] == "fusion_small_perceptual"
    assert true_name("fidelity") == "fusion_small"
    assert true_name("folder/mine.safetensors") == "folder/mine.safetensors"


def test_places_start_with_what_is_given(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "b"))
    folders = [folder for _, folder in search_places(tmp_path / "a")]
    assert folders[:2] == [tmp_path / "a", tmp_path / "b"]
    assert len(folders) >= 4


def test_found_weights_come_with_card_or_error(tmp_path) -> None:
    write_weights(tmp_path, "good")
    write_weights(tmp_path, "without").with_suffix(".json").unlink()
    found = {file.name: card for file, card in found_weights(tmp_path) if file.parent == tmp_path}
    assert found["good.safetensors"].licence == "MIT"
    assert isinstance(found["without.safetensors"], SharpeningError)
