"""Reconstruction as a method of a comparison, with a pipeline that only notes what it is asked."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sharpening.errors import NoFaceFound, ShapeError, WeightsMissing
from sharpening.evaluation.reconstructing import Reconstructing
from sharpening.evaluation.sample import Sample
from sharpening.evaluation.sections import careful_sources, good_sources
from sharpening.frames.face_places import TYPICAL_FACE, part_mask
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize_tensor
from sharpening.reconstruct import Settings
from sharpening.reconstruct.people import TwoPersons
from tests.restore_helpers import crops

SETTINGS = Settings(clean="bicubic")


def sample(name: str = "s") -> Sample:
    masks = np.zeros((7, 128, 128), bool)
    for i, part in ((1, "nose"), (2, "mouth"), (3, "mouth"), (3, "nose")):
        masks[i] |= part_mask(part, TYPICAL_FACE, 128)
    return Sample(name, "g", "c", crops(), np.zeros((128, 128, 3), np.uint8), masks, (TYPICAL_FACE,) * 7)


class Pipeline:
    """Returns a grey picture, takes the mouth from frame 4 and the nose from frame 1, and refuses what is called so."""

    def __init__(self) -> None:
        self.asked = []

    def __call__(self, sequence, *, choice, cropped):
        self.asked.append((sequence.name, choice, cropped))
        if sequence.name == "refuse":
            raise NoFaceFound("any frame")
        if sequence.name == "two":
            raise TwoPersons("two", "shows more than one person.")
        if sequence.name == "mistake":
            raise ShapeError("mask", "[1]", "[1, 128, 128]")
        if sequence.name == "broken":
            raise WeightsMissing("net", [], "Train it.")
        side = 144 if sequence.name == "large" else 128
        picture = np.full((side, side, 3), 0.25, np.float32)
        return SimpleNamespace(picture=picture, choice=SimpleNamespace(sources={"mouth": 4, "nose": 1, "chin": 0}))


def test_the_base_is_the_middle_and_the_rest_is_left_to_the_pipeline():
    pipeline = Pipeline()
    made = Reconstructing(SETTINGS, pipeline=pipeline).of([sample("a"), sample("b")])
    ((name, choice, cropped), _) = pipeline.asked
    assert (name, choice.base, dict(choice.sources), choice.rest, cropped) == ("a", 3, {}, "auto", True)
    assert made.pictures.shape == (2, 3, 128, 128)
    assert made.pictures.eq(0.25).all()
    assert made.facts["refused"].tolist() == [0, 0]
    # The mouth is whole in frame 4; the nose was taken from the one frame where it is damaged too.
    assert made.facts["right_sources"].tolist() == [0.5, 0.5]
    assert 1 not in good_sources(sample())["nose"]


def test_by_hand_only_what_is_damaged_is_taken_from_where_it_is_whole():
    pipeline = Pipeline()
    Reconstructing(SETTINGS, by_hand=True, pipeline=pipeline).of([sample()])
    ((_, choice, _),) = pipeline.asked
    assert (choice.base, choice.rest) == (3, "base")
    assert dict(choice.sources) == careful_sources(sample()) == {"mouth": 4, "nose": 2}


def test_refusals_are_counted_and_show_the_cleaned_middle():
    made = Reconstructing(SETTINGS, pipeline=Pipeline()).of([sample("refuse"), sample("fine"), sample("two")])
    assert made.facts["refused"].tolist() == [1, 0, 1]
    assert made.facts["right_sources"].isnan().tolist() == [True, False, True]
    middle = resize_tensor(to_tensor(crops()), 128).clamp(0, 1)[3]
    torch.testing.assert_close(made.pictures[0], middle)


def test_results_of_different_sizes_are_brought_to_the_label():
    made = Reconstructing(SETTINGS, pipeline=Pipeline()).of([sample("large"), sample("small"), sample("refuse")])
    assert made.pictures.shape == (3, 3, 128, 128)
    torch.testing.assert_close(made.pictures[0], made.pictures[1])


@pytest.mark.parametrize(("name", "error"), [("broken", WeightsMissing), ("mistake", ShapeError)])
def test_mistakes_of_the_run_are_no_refusals(name, error):
    with pytest.raises(error):
        Reconstructing(SETTINGS, pipeline=Pipeline()).of([sample(name)])
