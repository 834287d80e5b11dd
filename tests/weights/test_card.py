"""Weight cards."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from sharpening.errors import InputError, WeightsMismatch
from sharpening.weights.card import _KINDS, WeightCard, card_path, load_card, markdown_table

CARD = WeightCard(
    name="default",
    model="fusion_net",
    source="trained by the project",
    licence="MIT | research data",
    free_use=False,
    data="made faces\nand others",
    n_parameters=2_345_678,
    settings={"preset": "small", "widths": [1, 2]},
    metrics={"stills PSNR [dB]": 27.12345},
)


def test_a_card_survives_json():
    assert WeightCard.from_json(CARD.to_json()) == CARD
    assert WeightCard.from_json(replace(CARD, n_frames=7).to_json()).n_frames == 7


def test_only_the_five_needed_facts_are_needed():
    least = {"name": "a", "model": "b", "source": "c", "licence": "MIT", "free_use": True}
    assert WeightCard.from_json(json.dumps(least)).value_range == (0.0, 1.0)
    for fact in least:
        with pytest.raises(WeightsMismatch, match=f"lacks '{fact}'"):
            WeightCard.from_json(json.dumps({key: value for key, value in least.items() if key != fact}))


def test_every_field_has_a_kind_to_check():
    assert {each.name for each in fields(WeightCard)} == set(_KINDS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"n_bytes": "12"}, "'n_bytes' is of the wrong kind"),
        ({"n_bytes": True}, "'n_bytes' is of the wrong kind"),
        ({"free_use": 1}, "'free_use'"),
        ({"settings": []}, "'settings'"),
        ({"value_range": [0]}, "'value_range'"),
        ({"value_range": ["a", "b"]}, "'value_range'"),
    ],
)
def test_other_contents_are_refused(change, words):
    with pytest.raises(WeightsMismatch, match=words):
        WeightCard.from_json(json.dumps(json.loads(CARD.to_json()) | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000])
def test_what_is_no_card(text):
    with pytest.raises(WeightsMismatch, match="no weight card"):
        WeightCard.from_json(text, path="x.json")


def test_the_card_lies_beside_the_weights(tmp_path):
    assert card_path("a/b.v1.safetensors").as_posix() == "a/b.v1.json"
    (tmp_path / "w.json").write_text(CARD.to_json(), encoding="utf-8")
    assert load_card(tmp_path / "w.safetensors") == load_card(tmp_path / "w.json") == CARD
    with pytest.raises(InputError, match="there is no weight card"):
        load_card(tmp_path / "absent.safetensors")
    (tmp_path / "w.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        load_card(tmp_path / "w.safetensors")


def test_the_table_has_one_line_a_card_whatever_the_words_hold():
    lines = markdown_table([CARD, replace(CARD, name="twin", n_frames=1, free_use=True)]).splitlines()
    assert len(lines) == 4
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "27.12" in lines[2]
    assert "| any |" in lines[2]
    assert "| no |" in lines[2]
    assert "| 1 |" in lines[3]
    assert "| yes |" in lines[3]
