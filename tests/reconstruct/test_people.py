"""Frames of two persons are told apart by the distances of their descriptors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import InputError
from sharpening.reconstruct.people import check_one_person, descriptor_distances, groups_of_people


def between(groups: list[str], within: float, apart: float) -> np.ndarray:
    n = len(groups)
    found = np.array([[within if groups[i] == groups[j] else apart for j in range(n)] for i in range(n)])
    np.fill_diagonal(found, 0)
    return found


def test_one_person_is_one_group() -> None:
    assert groups_of_people(between(list("aaaa"), 0.5, 1)) == [[0, 1, 2, 3]]
    assert check_one_person(between(list("aaaa"), 0.5, 1), [0, 1, 2, 3], "film") is None


def test_two_persons_are_named_with_their_frames() -> None:
    distances = between(list("aabaabb"), 0.35, 0.8)
    assert groups_of_people(distances) == [[0, 1, 3, 4], [2, 5, 6]]
    with pytest.raises(InputError, match=r"person 1: frames 10, 11, 13, 14; person 2: frames 12, 15, 16"):
        check_one_person(distances, range(10, 17), "film")


def test_a_poor_frame_that_is_near_to_some_stays() -> None:
    distances = between(list("aaaa"), 0.4, 1)
    distances[3, :3] = distances[:3, 3] = [0.5, 0.62, 0.6]
    assert len(groups_of_people(distances)) == 1


def test_frames_without_a_face_are_in_no_group() -> None:
    distances = between(list("aab"), 0.3, 0.9)
    distances[1] = distances[:, 1] = np.nan
    assert groups_of_people(distances) == [[0], [2]]
    assert groups_of_people(np.full((3, 3), np.nan)) == []


def test_distances_between_descriptors() -> None:
    rows = torch.tensor([[0.0, 0], [3, 4], [torch.nan, 0]])
    found = descriptor_distances(rows)
    assert found[0, 1] == pytest.approx(5)
    assert np.isnan(found[2]).all()


def test_two_groups_that_are_near_are_warned_of() -> None:
    words = check_one_person(between(list("aab"), 0.35, 0.61), [4, 5, 6], "film")
    assert words is not None
    assert "person 2: frames 6" in words
