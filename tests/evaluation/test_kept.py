"""Kept pictures: found again as they were written."""

import json

import numpy as np
import pytest
import torch

from sharpening.errors import InputError
from sharpening.evaluation.kept import Kept


@pytest.fixture
def folder(tmp_path):
    kept = Kept(tmp_path / "kept")
    for label, grey in (("net", 51), ("net+", 102)):
        for name in ("a@0", "b@3"):
            kept.add(label, name, torch.full((3, 4, 4), grey / 255))
        kept.done(label, f"key of {label}", ["a@0", "b@3"])
    return tmp_path / "kept"


def test_pictures_come_back_and_labels_do_not_collide(folder):
    kept = Kept(folder)
    assert kept.picture("net", "b@3").tolist() == np.full((4, 4, 3), 51).tolist()
    assert kept.picture("net+", "b@3").tolist() == np.full((4, 4, 3), 102).tolist()


def test_a_system_is_there_only_whole_and_of_its_key(folder):
    names = ["a@0", "b@3"]
    assert Kept(folder).holds("net", "key of net", names)
    assert not Kept(folder).holds("net", "another key", names)
    assert not Kept(folder).holds("net", "key of net", names[:1])
    assert not Kept(folder).holds("nobody", "key of net", names)
    assert not Kept(folder, anew=True).holds("net", "key of net", names)
    Kept(folder).paths("net")["a@0"].unlink()
    assert not Kept(folder).holds("net", "key of net", names)


def test_lists_that_are_not_ours_are_refused_and_lead_nowhere_else(folder):
    file = folder / "pictures.json"
    facts = json.loads(file.read_text())
    for outside in ("../../outside", "..", "", "x/y"):
        facts["systems"]["net"]["folder"] = outside
        file.write_text(json.dumps(facts))
        with pytest.raises(InputError, match="no plain name"):
            Kept(folder)
    for spoiled in ("", "[]", '{"form": "else"}', '{"form": "sharpening-pictures", "systems": {"net": 3}}'):
        file.write_text(spoiled)
        with pytest.raises(InputError, match="pictures.json"):
            Kept(folder)
    with pytest.raises(InputError, match="holds nothing"):
        Kept(folder / "absent").paths("net")
