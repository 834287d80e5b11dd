"""The blurry-section benchmark: what is damaged is known, and so is where it can be seen whole."""

import numpy as np
import pytest

from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import Sample
from sharpening.evaluation.sections import careful_sources, damaged_shares, good_sources, window_starts
from sharpening.frames.face_places import PART_BOXES, TYPICAL_FACE, part_mask
from sharpening.models.face_align.detect import eye_centres, find_faces


@pytest.fixture(scope="module")
def found(small_data) -> list[Sample]:
    return list(samples("sections", small_data))


def sample(*damaged: str | tuple[str, ...]) -> Sample:
    """Seven frames with exactly these parts damaged."""
    masks = np.zeros((7, 128, 128), bool)
    for i, parts in enumerate(damaged):
        for part in ((parts,) if parts else ()) if isinstance(parts, str) else parts:
            masks[i] |= part_mask(part, TYPICAL_FACE, 128)
    blank = np.zeros((7, 32, 32, 3), np.uint8)
    return Sample("s", "g", "c", blank, np.zeros((128, 128, 3), np.uint8), masks, (TYPICAL_FACE,) * 7)


def test_stills_and_clips_have_true_areas_and_faces(found):
    assert [s.group for s in found] == ["stills"] * 6 + ["dense"] * 2 + ["sparse"] * 2
    for each in found:
        assert each.damaged.shape == (7, 128, 128)
        assert len(each.faces) == 7
        assert each.mask is not None
        assert 0.08 < each.mask.mean() < 0.35
        assert all(0.02 < other.mean() < 0.12 for i, other in enumerate(each.damaged) if i != 3)


def test_areas_follow_the_face(found):
    """Where a face is found, the areas lie where its parts are, not where they are in a typical picture."""
    real = [(each, faces[0]) for each in found if each.group == "stills" and (faces := find_faces(each.label, upsample=1))]
    assert real
    for each, face in real:
        for place, centre in zip((each.faces[3].left_eye, each.faces[3].right_eye), eye_centres(face), strict=True):
            np.testing.assert_allclose(place, (centre + 0.5) / 128, atol=6e-4)
        # In the other frames the face is where the drawn motion has taken it.
        assert len({place.left_eye for place in each.faces}) == 7


def test_what_is_damaged_differs_from_the_label_and_the_rest_does_not(found):
    """Halved to the frames' size, the middle frame is the label but for JPEG, except inside the areas."""
    inside, outside = [], []
    for each in found:
        small = each.label.reshape(32, 4, 32, 4, 3).mean((1, 3))
        error = np.abs(each.frames[3] - small).mean(2)
        share = each.mask.reshape(32, 4, 32, 4).mean((1, 3))
        inside.append(error[share == 1].mean())
        outside.append(error[share == 0].mean())
    assert np.mean(inside) > 1.5 * np.mean(outside)


def test_every_damaged_part_can_be_seen_in_another_frame(found):
    for each in found:
        good = good_sources(each)
        assert good
        assert all(frames and 3 not in frames for frames in good.values())
        assert set(careful_sources(each)) == set(good)


def test_the_careful_choice_is_the_nearest_whole_frame():
    made = sample("", "nose", "mouth", ("mouth", "nose"), "mouth", "nose", "")
    assert set(good_sources(made)) == {"mouth", "nose"}
    assert good_sources(made)["mouth"] == [0, 1, 5, 6]
    assert careful_sources(made) == {"mouth": 1, "nose": 2}
    shares = damaged_shares(made)
    assert set(shares) == set(PART_BOXES)
    assert shares["mouth"] == pytest.approx([0, 0, 1, 1, 1, 0, 0])


def test_parts_that_are_damaged_everywhere_are_left_out():
    assert careful_sources(sample(*["mouth"] * 7)) == {}
    assert good_sources(sample(*["mouth"] * 7)) == {"mouth": []}
    assert careful_sources(sample()) == {}


def test_samples_of_other_protocols_know_no_areas(small_data):
    each = next(samples("stills", small_data))
    assert each.mask is None
    assert damaged_shares(each) == {}


@pytest.mark.parametrize(
    ("lengths", "wanted", "starts"),
    [
        ([30, 30], 4, [[0, 23], [0, 23]]),
        ([30, 30, 30], 4, [[0, 23], [11], [11]]),
        ([9, 24], 6, [[0, 1, 2], [0, 8, 17]]),
        ([8, 6, 30], 7, [[0, 1], [], [0, 6, 12, 17, 23]]),
        ([8], 15, [[0, 1]]),
        ([], 3, []),
    ],
)
def test_windows_are_dealt_evenly_and_spread(lengths, wanted, starts):
    assert window_starts(lengths, wanted) == starts


@pytest.mark.shared
@pytest.mark.slow
def test_the_benchmark_has_ninety_sequences():
    from pathlib import Path

    data = Path(__file__).parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"no {data}")
    found = list(samples("sections", data))
    groups = [s.group for s in found]
    assert [groups.count(group) for group in ("stills", "dense", "sparse")] == [45, 30, 15]
    assert len({s.name for s in found}) == 90
    assert len({s.cluster for s in found if s.group != "stills"}) >= 4
    assert all(good_sources(s) for s in found)
