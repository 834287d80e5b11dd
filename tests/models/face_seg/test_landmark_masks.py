"""Masks from landmarks: each part where it belongs, the whole face covered, at any size, turn and place."""

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import LANDMARK_GROUPS, Landmarks
from sharpening.models.face_seg import GROUPS, PARTS, landmark_masks
from sharpening.models.face_seg.margins import MARGINS, face_scale, widen
from sharpening.models.face_seg.parts import SMALL_PARTS
from tests.models.face_seg.made_points import made_landmarks

POSES = [{}, {"turn": 30}, {"turn": -50}, {"yaw": 25}, {"yaw": -45}, {"yaw": 60}, {"turn": 20, "yaw": 40}]


def bare(masks):
    return {part: mask[0].numpy() > 0.5 for part, mask in masks.items()}


def joined(masks, parts):
    return np.logical_or.reduce([masks[part] for part in parts])


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def n_pieces(mask, smallest=4):
    n, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return sum(stats[i, cv2.CC_STAT_AREA] >= smallest for i in range(1, n))


def centre(mask):
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


def test_form():
    masks = landmark_masks(made_landmarks(128), (128, 120))
    assert tuple(masks) == PARTS
    for mask in masks.values():
        assert mask.shape == (1, 128, 120)
        assert mask.dtype == torch.float32
        assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_every_part_lies_where_it_belongs():
    landmarks = made_landmarks(256)
    masks = bare(landmark_masks(landmarks, 256, margin=0))
    at = {part: centre(mask) for part, mask in masks.items()}
    middle, unit = np.mean(landmarks.eye_centres, axis=0), landmarks.eye_distance
    for kind in ("eye", "brow", "cheek"):
        assert at[f"left_{kind}"][0] > middle[0] + 0.3 * unit  # the person's left is on the right of the picture
        assert at[f"right_{kind}"][0] < middle[0] - 0.3 * unit
        assert masks[f"left_{kind}"].sum() == pytest.approx(masks[f"right_{kind}"].sum(), rel=0.05)
    heights = [at[part][1] for part in ("hair", "forehead", "left_brow", "left_eye", "nose", "mouth", "chin")]
    assert heights == sorted(heights)
    assert at["left_eye"][1] < at["left_cheek"][1] < at["chin"][1]
    for part in ("left_eye", "right_eye", "left_brow", "right_brow", "mouth"):
        for x, y in landmarks.group(part):
            assert masks[part][round(y), round(x)]
    for x, y in landmarks.group("nose"):
        assert masks["nose"][round(y), round(x)]


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("margin", [None, 0.0, 0.3])
def test_the_face_is_covered_without_holes(pose, margin):
    landmarks = made_landmarks(128, **pose)
    masks = bare(landmark_masks(landmarks, 128, margin=margin))
    face = joined(masks, GROUPS["face"])
    borders, _ = cv2.findContours(face.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros(face.shape, np.uint8), borders, -1, 1, cv2.FILLED).astype(bool)
    assert len(borders) == 1
    assert (whole == face).all()
    near = widen(face, 1.5)  # points of the outline are rounded to pixels
    for group in ("jaw", "mouth", "left_brow"):
        places = np.rint(landmarks.points[list(LANDMARK_GROUPS[group])]).astype(int)
        assert all(near[y, x] for x, y in places if 0 <= x < 128 and 0 <= y < 128)


@pytest.mark.parametrize("pose", POSES)
def test_small_parts_come_first(pose):
    landmarks = made_landmarks(192, **pose)
    cores = bare(landmark_masks(landmarks, 192, margin=0))
    assert sum(core.astype(int) for core in cores.values()).max() == 1
    masks = bare(landmark_masks(landmarks, 192))
    small = joined(masks, SMALL_PARTS)
    for part in PARTS:
        if part not in SMALL_PARTS:
            assert not (masks[part] & small).any()
    for part in SMALL_PARTS:
        assert (cores[part] <= masks[part]).all()
        assert n_pieces(cores[part]) == 1
        assert not (masks[part] & joined(cores, set(SMALL_PARTS) - {part})).any()


@pytest.mark.parametrize("pose", POSES)
def test_no_part_is_lost(pose):
    masks = bare(landmark_masks(made_landmarks(128, **pose), 128))
    assert all(masks[part].sum() > 20 for part in (*SMALL_PARTS, "forehead", "chin", "hair"))
    assert joined(masks, ("left_cheek", "right_cheek")).sum() > 200


@pytest.mark.parametrize("size", [256, 512])
def test_the_same_at_every_size(size):
    small = landmark_masks(made_landmarks(128), 128)
    landmarks = made_landmarks(128).enlarged(size / 128)
    large = landmark_masks(landmarks, size)
    for part in PARTS:
        shrunk = torch.nn.functional.interpolate(large[part][None], 128, mode="area")[0] > 0.5
        assert iou(shrunk.numpy(), small[part].numpy() > 0.5) > 0.85, part


def test_masks_turn_with_the_face():
    straight, turned = (landmark_masks(made_landmarks(256, turn=turn), 256) for turn in (0, 30))
    matrix = cv2.getRotationMatrix2D((127.5, 0.45 * 256), -30, 1)
    for part in GROUPS["face"]:
        wanted = cv2.warpAffine(straight[part][0].numpy(), matrix, (256, 256), flags=cv2.INTER_NEAREST) > 0.5
        assert iou(wanted, turned[part][0].numpy() > 0.5) > 0.9, part


def test_a_wider_margin_adds_and_never_takes():
    landmarks = made_landmarks(128)
    unit = face_scale(landmarks)
    for part in SMALL_PARTS:
        before = bare(landmark_masks(landmarks, 128, margin=0, parts=[part]))[part]
        for margin in (0.05, 0.2, 0.5):
            now = bare(landmark_masks(landmarks, 128, margin=margin, parts=[part]))[part]
            assert (before <= now).all()
            before = now
        away = cv2.distanceTransform(1 - bare(landmark_masks(landmarks, 128, margin=0))[part].astype(np.uint8), cv2.DIST_L2, 5)
        assert away[now].max() == pytest.approx(0.5 * unit, abs=1.5)


def test_the_default_is_the_margin_of_each_kind():
    landmarks = made_landmarks(128)
    default = landmark_masks(landmarks, 128)
    for part in SMALL_PARTS:
        assert torch.equal(default[part], landmark_masks(landmarks, 128, margin=MARGINS[part])[part])
    assert min(MARGINS[part] for part in SMALL_PARTS) >= max(MARGINS[part] for part in GROUPS["skin"])


def test_a_mask_does_not_depend_on_what_else_is_asked_for():
    landmarks = made_landmarks(128)
    whole = landmark_masks(landmarks, 128)
    some = landmark_masks(landmarks, 128, parts=["eyes", "chin"])
    assert list(some) == ["left_eye", "right_eye", "chin"]
    assert all(torch.equal(mask, whole[part]) for part, mask in some.items())


def test_parts_outside_the_picture_are_cut_off():
    shifted = made_landmarks(128, centre=(-8.0, 60.0))
    masks = bare(landmark_masks(shifted, 128))
    room = bare(landmark_masks(Landmarks(shifted.points + 64), 256))
    for part in PARTS:
        assert (masks[part] == room[part][64:192, 64:192]).all(), part
    assert not masks["right_eye"].any()
    assert masks["left_eye"].any()
    far = landmark_masks(made_landmarks(128, centre=(-1e7, 3e6)), 128)
    assert not any(mask.any() for mask in far.values())


def test_a_turned_face_keeps_its_margins():
    """The eyes come nearer to each other when the head turns; the margins must not shrink with them."""
    straight, turned = face_scale(made_landmarks(128)), face_scale(made_landmarks(128, yaw=60))
    assert made_landmarks(128, yaw=60).eye_distance < 0.55 * made_landmarks(128).eye_distance
    assert turned > 0.8 * straight


def test_what_is_refused():
    landmarks = made_landmarks(128)
    for bad in (-0.1, float("nan"), float("inf"), 30.0):
        with pytest.raises(RangeError, match="margin"):
            landmark_masks(landmarks, 128, margin=bad)
    with pytest.raises(RangeError, match="Did you mean nose"):
        landmark_masks(landmarks, 128, parts=["noze"])
    with pytest.raises(RangeError, match="size"):
        landmark_masks(landmarks, (0, 128))
    with pytest.raises(RangeError, match="eye distance"):
        landmark_masks(Landmarks(np.full((68, 2), 50.0)), 128)


def test_widening_is_euclidean():
    mask = np.zeros((21, 21), bool)
    mask[10, 10] = True
    y, x = np.mgrid[:21, :21] - 10
    for radius in (0.0, 1.0, 2.5, 6.3):
        assert (widen(mask, radius) == (np.hypot(x, y) <= radius)).all()
    assert not widen(np.zeros((5, 5), bool), 3).any()


def test_a_real_face(astronaut_face):
    from sharpening.models.face_align.points68 import find_landmarks

    landmarks = find_landmarks(astronaut_face)
    assert landmarks is not None
    masks = bare(landmark_masks(landmarks, 160, margin=0))
    grey = astronaut_face.mean(axis=2)
    skin = np.median(grey[masks["left_cheek"] | masks["right_cheek"]])
    # Pupils and lips are darker than the cheeks, teeth lighter.
    assert np.percentile(grey[masks["left_eye"]], 5) < 0.5 * skin
    assert np.percentile(grey[masks["right_eye"]], 5) < 0.5 * skin
    red = astronaut_face[..., 0] - astronaut_face[..., 1].astype(float)
    assert np.percentile(red[masks["mouth"]], 80) > np.median(red[masks["chin"]])
    assert 0.15 < joined(masks, GROUPS["face"]).mean() < 0.6
