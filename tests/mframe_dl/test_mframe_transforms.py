"""What happens to batches: one draw for frames and label, enlargement, normalisation and the way back."""

import numpy as np
import pytest
import torch
from fastai.data.transforms import IntToFloatTensor
from fastai.torch_core import TensorImage
from fasttransform import Pipeline

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.ranges import to_imagenet
from sharpening.mframe_dl import Draws, EnlargeFrames, FrameStack, Motion, NormalizeFrames, OneDraw
from sharpening.mframe_dl.transforms import ViewRanges, Views, see_batch


def stack(bs: int = 2, n: int = 3, size: int = 16, seed: int = 0) -> FrameStack:
    return FrameStack(torch.rand(bs, 3 * n, size, size, generator=torch.Generator().manual_seed(seed)))


def test_frames_are_a_view_of_the_stack() -> None:
    x = stack(n=5)
    assert x.frames().shape == (2, 5, 3, 16, 16)
    assert torch.equal(x.middle, x[:, 6:9])
    assert type(x.frames()) is torch.Tensor
    assert x[0].frames().shape == (5, 3, 16, 16)
    with pytest.raises(ShapeError, match="3·n"):
        _ = FrameStack(torch.zeros(1, 8, 4, 4)).n_frames


def test_normalisation_treats_each_frame_alone_and_goes_back() -> None:
    x, tfm = stack(), NormalizeFrames()
    y = tfm(x)
    assert isinstance(y, FrameStack)
    torch.testing.assert_close(y.frames()[:, 1], to_imagenet(x.frames()[:, 1]))
    torch.testing.assert_close(tfm.decode(y), x)


def test_normalisation_leaves_labels_and_motion_alone() -> None:
    label, motion = TensorImage(torch.rand(2, 3, 8, 8)), Motion(torch.zeros(2, 3, 2, 3))
    x, y, m = NormalizeFrames()((stack(), label, motion))
    assert y is label
    assert m is motion
    assert x.min() < 0


def test_enlarging_concerns_the_frames_alone_and_stays_in_range() -> None:
    hard = FrameStack((torch.rand(1, 9, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float())
    label = TensorImage(torch.zeros(1, 3, 8, 8))
    x, y = EnlargeFrames(32)((hard, label))
    assert (x.shape, y.shape) == ((1, 9, 32, 32), (1, 3, 8, 8))
    assert isinstance(x, FrameStack)
    assert x.min() >= 0
    assert x.max() <= 1
    assert EnlargeFrames(8)(hard) is hard


def draw_once(ranges: ViewRanges, batch, *, split_idx: int | None = 0, seed: int = 0):
    return OneDraw(ranges, Draws(seed))(batch, split_idx=split_idx)


def smooth(bs: int, channels: int, size: int) -> torch.Tensor:
    """A ramp with a wave, the same scene at any size: pixel centres at half integers."""
    at = (torch.arange(size) + 0.5) / size
    scene = 0.2 + 0.5 * at[None, :] + 0.2 * torch.sin(6 * at[:, None])
    return scene.expand(bs, channels, size, size).clone()


@pytest.mark.parametrize("ranges", [ViewRanges(flip=True), ViewRanges(zoom=0.3), ViewRanges(rotate=15), ViewRanges(brightness=0.2)])
def test_one_draw_for_all_frames_and_the_label(ranges: ViewRanges) -> None:
    frames, label = draw_once(ranges, (FrameStack(smooth(8, 9, 32)), TensorImage(smooth(8, 3, 128))))
    assert isinstance(frames, FrameStack)
    assert not torch.allclose(frames.as_subclass(torch.Tensor), smooth(8, 9, 32), atol=1e-3)
    spread = frames.frames() - frames.frames()[:, :1]
    assert spread.abs().max() < 1e-6
    small = torch.nn.functional.avg_pool2d(label.as_subclass(torch.Tensor), 4)
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(frames.middle[inside], small[inside], atol=0.02, rtol=0)


def test_samples_of_a_batch_are_drawn_apart() -> None:
    frames = draw_once(ViewRanges(flip=True, zoom=0.2), FrameStack(smooth(16, 3, 16)))
    assert len({round(float(frame[0, 3, 3]), 5) for frame in frames}) > 8


def test_flip_loses_nothing() -> None:
    x = stack(bs=1)
    views = Views(np.array([True]), np.ones(1), np.zeros(1), np.ones(1))
    assert torch.equal(see_batch(x.as_subclass(torch.Tensor), views), x.flip(-1).as_subclass(torch.Tensor))


def test_validation_is_not_augmented() -> None:
    x = stack()
    pipeline = Pipeline([OneDraw(ViewRanges(flip=True, zoom=0.5, brightness=0.5), Draws())])
    pipeline.split_idx = 1
    assert pipeline(x) is x


def test_augmentation_repeats_with_seed_and_batch() -> None:
    ranges = ViewRanges(flip=True, zoom=0.3, rotate=10, brightness=0.2)
    once, twice, other = (draw_once(ranges, stack(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(once, twice)
    assert not torch.equal(once, other)


def test_bytes_become_floats_before_the_other_transforms() -> None:
    raw = FrameStack((stack() * 255).to(torch.uint8))
    pipeline = Pipeline([NormalizeFrames(), IntToFloatTensor(), EnlargeFrames(32)])
    x = pipeline(raw)
    assert x.shape[-1] == 32
    assert pipeline.decode(x).max() <= 255


def test_still_is_seen_as_drawn(made_face) -> None:
    face, rng = made_face(64), np.random.default_rng(0)
    same, zoom = ViewRanges()(face, rng)
    assert zoom == 1
    assert np.array_equal(same, face)
    seen = [ViewRanges(flip=True)(face, rng)[0] for _ in range(8)]
    assert {np.array_equal(picture, face) for picture in seen} == {True, False}
    turned, zoom = ViewRanges(zoom=0.2, rotate=10, brightness=0.2)(face, rng)
    assert 1 < zoom < 1.2
    assert turned.shape == face.shape
    assert turned.dtype == np.uint8


def test_negative_ranges_are_told() -> None:
    with pytest.raises(RangeError, match="zoom"):
        ViewRanges(zoom=-0.1)
