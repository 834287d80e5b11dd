"""Batches of every kind of source: shapes, ranges, repeatability, and fastai's own doors (test_dl, data block, show)."""

import numpy as np
import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import TensorImage

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.sequence import FrameSequence
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import BatchForm, FrameStack, MFrameBlock, MFrameDataBlock, Motion, SequenceOpener, mframe_dls
from sharpening.mframe_dl.loaders import LabelBlock, MFrameDL


def plain(batch) -> list[torch.Tensor]:
    return [part.as_subclass(torch.Tensor) for part in batch]


def epoch(dls: DataLoaders, subset: int = 0) -> list[list[torch.Tensor]]:
    return [plain(batch) for batch in dls[subset]]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def test_stills_become_damaged_sequences(stills_folder) -> None:
    dls = mframe_dls(stills_folder, n_frames=5, bs=2, degrade="thesis", device="cpu")
    frames, label = dls.one_batch()
    assert (type(frames), frames.shape, label.shape) == (FrameStack, (2, 15, 32, 32), (2, 3, 128, 128))
    assert isinstance(label, TensorImage)
    assert 0 <= frames.min() < frames.max() <= 1
    assert dls.form == BatchForm(5, 32, 128, "none")
    middle = torch.nn.functional.interpolate(frames.middle, scale_factor=4, mode="bicubic", align_corners=False)
    error = (middle - label.as_subclass(torch.Tensor)).abs().mean()
    assert error < 0.1, "the middle frame should look like the label"


def test_form_for_the_unet(stills_folder) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, size_in=128, normalize=True, bs=2, degrade="thesis", device="cpu")
    frames, label = dls.one_batch()
    assert frames.shape == (2, 9, 128, 128)
    assert frames.min() < -0.5
    assert label.min() >= 0
    assert dls.form == BatchForm(3, 128, 128, "imagenet")


def test_every_epoch_sees_new_damage_and_validation_the_same(stills_folder) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", device="cpu")
    first, second = epoch(dls), epoch(dls)
    assert not same(first, second)
    assert same(epoch(dls, 1), epoch(dls, 1))
    again = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", device="cpu")
    assert same(first, epoch(again))
    assert same(second, epoch(again))
    other = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", seed=1, device="cpu")
    assert not same(first, epoch(other))


def test_an_epoch_can_be_asked_for_by_number(stills_folder) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", device="cpu")
    epoch(dls)
    second = epoch(dls)
    fresh = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", device="cpu")
    fresh.train.draws.epoch = 1
    assert same(second, epoch(fresh))


@pytest.mark.parametrize("source", ["stills_folder", "sequences"])
def test_number_of_workers_changes_nothing(source, request) -> None:
    shared = {"n_frames": 3, "size_in": 32, "bs": 2, "degrade": "thesis", "device": "cpu"}
    alone, two = (mframe_dls(request.getfixturevalue(source), num_workers=k, **shared) for k in (0, 2))
    assert same(epoch(alone), epoch(two))
    assert same(epoch(alone), epoch(two))


def test_true_motion_comes_with_made_sequences(stills_folder, sequences) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", motion=True, device="cpu")
    motion = dls.one_batch()[2]
    assert (type(motion), motion.shape) == (Motion, (2, 3, 2, 3))
    assert torch.equal(motion[:, 1].as_subclass(torch.Tensor), torch.eye(2, 3).expand(2, 2, 3))
    assert not torch.allclose(motion[:, 0].as_subclass(torch.Tensor), torch.eye(2, 3).expand(2, 2, 3), atol=1e-3)
    garbage = settings("noise-others")
    assert (
        mframe_dls(stills_folder, n_frames=3, bs=2, degrade=garbage, motion=True, device="cpu").one_batch()[2][:, 0].isnan().all()
    )
    assert mframe_dls(sequences, n_frames=5, size_out=64, bs=2, motion=True, device="cpu").one_batch()[2].isnan().all()


def test_folder_and_sequences_in_memory_give_the_same(sequences_folder, sequences) -> None:
    shared = {"n_frames": 5, "size_in": None, "size_out": 64, "bs": 2, "zoom": 0, "brightness": 0, "flip": False, "device": "cpu"}
    folder = mframe_dls({"train": sorted(sequences_folder.iterdir()), "valid": [sequences_folder / "person_0"]}, **shared)
    memory = mframe_dls({"train": sequences, "valid": sequences[:1]}, **shared)
    assert same(epoch(folder, 1), epoch(memory, 1))
    assert same(epoch(folder), epoch(memory))
    frames, label = epoch(memory, 1)[0]
    assert torch.equal(frames * 255, torch.from_numpy(sequences[0].stack().numpy() * 255)[None].round())
    assert label.shape == (1, 3, 64, 64)


def test_frames_and_labels_of_other_sizes_and_counts_are_fitted(sequences) -> None:
    odd = FrameSequence(np.repeat(sequences[0].frames, 2, axis=1).repeat(2, axis=2)[:2], "odd", np.zeros((100, 100, 3), np.uint8))
    dls = mframe_dls({"train": [*sequences, odd], "valid": [odd]}, n_frames=7, size_in=32, size_out=128, bs=6, device="cpu")
    frames, label = dls.one_batch()
    assert (frames.shape, label.shape) == ((6, 21, 32, 32), (6, 3, 128, 128))


def test_small_training_set_still_makes_a_batch(sequences) -> None:
    dls = mframe_dls(sequences[:3], n_frames=5, size_in=16, size_out=64, bs=8, device="cpu")
    assert [len(batch[0]) for batch in dls.train] == [2]


def test_samples_per_epoch_and_n_valid(stills_folder) -> None:
    dls = mframe_dls(stills_folder, n_frames=1, bs=2, degrade="thesis", samples_per_epoch=6, n_valid=1, valid_pct=0.4, device="cpu")
    assert len(dls.train) == 3
    assert sum(len(batch[0]) for batch in dls.train) == 6
    assert sum(len(batch[0]) for batch in dls.valid) == 1


def test_test_dl_takes_folders_sequences_lists_and_stills(stills_folder, sequences_folder, sequences) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", device="cpu")
    still = stills_folder / "person_0.png"
    frames = dls.test_dl([still, still]).one_batch()[0]
    assert frames.shape == (2, 9, 32, 32)
    assert torch.equal(frames[0], frames[1])
    folder = sequences_folder / "person_0"
    paths = sorted(folder.glob("[0-9].png"))
    dls = mframe_dls(sequences, n_frames=5, size_in=16, size_out=64, bs=2, device="cpu")
    batches = [dls.test_dl([item]).one_batch()[0] for item in (folder, str(folder), sequences[0], paths)]
    assert all(torch.equal(batch, batches[0]) for batch in batches)


def test_blocks_fit_an_own_data_block(sequences) -> None:
    opener = SequenceOpener(3, size_out=64)
    block = MFrameDataBlock(3, 16, 64, opener=opener, splitter=lambda items: ([0, 1, 2], [3, 4]))
    dls = block.dataloaders(sequences, bs=2, num_workers=0, device="cpu")
    assert isinstance(dls.train, MFrameDL)
    assert dls.train.draws is dls.valid.draws is opener.draws
    assert dls.one_batch()[0].shape == (2, 9, 16, 16)
    assert [len(b.type_tfms) for b in (MFrameBlock(7), LabelBlock(opener))] == [1, 1]


def test_bad_input_is_told(stills_folder, sequences, tmp_path) -> None:
    with pytest.raises(RangeError, match="n_frames"):
        mframe_dls(stills_folder, n_frames=0)
    with pytest.raises(KeyError, match="no degradation"):
        mframe_dls(stills_folder, degrade="nothing")
    bare = FrameSequence(sequences[0].frames, "bare")
    with pytest.raises(InputError, match="bare"):
        mframe_dls({"train": [bare], "valid": [bare]}, n_frames=5, device="cpu")
    wide = FrameSequence(np.zeros((5, 16, 20, 3), np.uint8), "wide", sequences[0].label)
    with pytest.raises(ShapeError, match="square"):
        mframe_dls({"train": [wide], "valid": [wide]}, n_frames=5, device="cpu")
    with pytest.raises(InputError, match="still picture"):
        SequenceOpener(7)(stills_folder / "person_0.png")


def test_labels_of_other_sizes_come_from_the_still_not_from_a_smaller_label(tmp_path) -> None:
    # Stripes three pixels wide survive one sampling at 144, and are lost where 128 pixels are enlarged.
    still = np.zeros((192, 192, 3), np.uint8)
    still[:, ::6] = still[:, 1::6] = still[:, 2::6] = 255
    for i in range(2):
        write_picture(tmp_path / f"{i}.png", still)
    options = {"n_frames": 1, "bs": 1, "flip": False, "zoom": 0.0, "brightness": 0.0, "device": "cpu"}
    for size in (112, 144):
        dls = mframe_dls(tmp_path, degrade="thesis", size_in=size, size_out=size, **options)
        frames, label = dls.valid.one_batch()
        assert frames.shape == label.shape == (1, 3, size, size)
        how = settings("thesis").sized(32, size)
        made = apply(still, draw(np.random.default_rng(0), how, n_frames=1))
        wanted = torch.from_numpy(made.label).permute(2, 0, 1) / 255
        torch.testing.assert_close(label[0].as_subclass(torch.Tensor), wanted)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_still_that_comes_several_times_in_an_epoch_is_damaged_anew_each_time(stills_folder, workers) -> None:
    shared = {"n_frames": 1, "bs": 4, "degrade": "thesis", "samples_per_epoch": 16, "num_workers": workers, "device": "cpu"}
    frames = torch.cat([batch[0] for batch in epoch(mframe_dls(stills_folder, **shared))])
    assert len(frames) == 16
    assert len({each.numpy().tobytes() for each in frames}) == 16


def test_large_stills_are_reduced_before_they_are_seen(tmp_path, rng) -> None:
    for i in range(2):
        write_picture(tmp_path / f"{i}.png", rng.integers(0, 256, (1024, 1024, 3), np.uint8))
    label = mframe_dls(tmp_path, n_frames=1, bs=1, degrade="thesis", device="cpu").one_batch()[1]
    assert float(label.as_subclass(torch.Tensor).std()) * 255 < 20  # 48 where such noise is sampled as it is


def test_sequences_of_several_sizes_keep_their_detail_whichever_comes_first(rng) -> None:
    def sequence(side: int) -> FrameSequence:
        stripes = np.zeros((3, side, side, 3), np.uint8)
        stripes[:, :, :: 2 if side <= 32 else 4] = 255
        stripes[:, :, 1 :: 2 if side <= 32 else 4] = 255 if side > 32 else 0
        return FrameSequence(stripes, f"of {side}", np.zeros((64, 64, 3), np.uint8))

    large, small = sequence(64), sequence(20)
    still = {"flip": False, "zoom": 0, "brightness": 0, "n_frames": 3, "size_out": 64, "bs": 2, "device": "cpu"}
    for items in ([small, large], [large, small]):
        frames = mframe_dls({"train": items, "valid": [large]}, size_in=32, **still).valid.one_batch()[0]
        assert float(frames.as_subclass(torch.Tensor).std()) > 0.4  # a stripe of the large one is a pixel of 32
    with pytest.raises(ShapeError, match=r"20 px \(of 20\) and 64 px"):
        mframe_dls({"train": [small, large], "valid": [large]}, size_in=None, **still)


def test_of_several_labels_the_one_for_the_wanted_size_is_taken(tmp_path) -> None:
    for name in ("a", "b"):
        for k in range(3):
            write_picture(tmp_path / name / f"{k}.png", np.zeros((16, 16, 3), np.uint8))
        for side in (64, 128, 256):
            write_picture(tmp_path / name / f"hr_{side}.png", np.full((side, side, 3), side - 1, np.uint8))
    for size_out, level in ((64, 63), (128, 127), (144, 255), (256, 255), (300, 255)):
        label = mframe_dls(tmp_path, n_frames=3, size_in=16, size_out=size_out, bs=1, device="cpu").valid.one_batch()[1]
        assert label.shape[-1] == size_out
        assert torch.unique((label.as_subclass(torch.Tensor) * 255).round()).tolist() == [level]


def test_a_label_that_is_not_square_is_told(sequences) -> None:
    odd = FrameSequence(sequences[0].frames, "odd", np.zeros((80, 64, 3), np.uint8))
    with pytest.raises(ShapeError, match="label of odd"):
        mframe_dls({"train": [odd], "valid": [odd]}, n_frames=5, size_in=16, size_out=64, device="cpu")
