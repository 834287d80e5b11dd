"""The probe: models of which it is known whether they use the other frames."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpening.errors import InputError
from sharpening.evaluation.baselines import back_projection, interpolate, middle_of
from sharpening.evaluation.methods import network_method
from sharpening.evaluation.probe import ONE_FRAME, FrameUse, frame_use, gradient_shares, probe
from sharpening.evaluation.probe_conditions import BLURRED, COPIES, FULL, NOISE, PERSON, TITLES, WHITE, scenes
from sharpening.evaluation.probe_report import means, probe_grid, write_probe
from sharpening.evaluation.protocols import samples
from sharpening.imaging.files import read_picture
from sharpening.models.basic_blocks import affine_grid, estimate_affine, warp
from tests.restore_helpers import write_weights


def registered_mean(frames: torch.Tensor) -> torch.Tensor:
    """The mean of all frames, each laid onto the middle one by its estimated motion."""
    n = frames.shape[1] // 3
    large = torch.nn.functional.interpolate(frames, scale_factor=4, mode="bicubic", align_corners=False)
    stack = frames.unflatten(1, (n, 3))
    reference = middle_of(frames)[:, None].expand_as(stack).flatten(0, 1)
    affine = estimate_affine(reference, stack.flatten(0, 1))
    affine[n // 2 :: n] = torch.eye(2, 3)
    moved = warp(large.unflatten(1, (n, 3)).flatten(0, 1), affine_grid(affine, *large.shape[-2:]))
    # Each frame has a light of its own: that of the middle is the right one.
    light = large.unflatten(1, (n, 3))[:, n // 2, None].expand(-1, n, -1, -1, -1).flatten(0, 1) - moved
    return (moved + light.mean(dim=(2, 3), keepdim=True)).unflatten(0, (len(frames), n)).mean(dim=1).clamp(0, 1)


@pytest.fixture(scope="module")
def averaging(small_data):
    return probe(registered_mean, small_data, limit=2)


@pytest.fixture(scope="module")
def projecting(small_data):
    return probe(back_projection, small_data, limit=6)


def test_conditions_change_one_thing_each(small_data):
    found = list(scenes(small_data, limit=3))
    assert len(found) == 3
    for scene in found:
        full, middle = scene.frames[FULL], scene.frames[FULL][3]
        assert set(scene.frames) == set(TITLES)
        for name in (COPIES, NOISE, PERSON):
            assert np.array_equal(scene.frames[name][3], middle)
            assert all(not np.array_equal(scene.frames[name][i], full[i]) for i in (0, 1, 2, 4, 5, 6))
        for name in (WHITE, BLURRED):
            others = [i for i in range(7) if i != 3]
            assert np.array_equal(scene.frames[name][others], full[others])
            changed = np.abs(scene.frames[name][3].astype(int) - middle).max(axis=-1)
            small = scene.damage[name].reshape(32, 4, 32, 4).mean(axis=(1, 3))
            assert changed[small == 1].mean() > 4 * changed[small == 0].mean()  # the rest changes by JPEG's blocks alone
            assert np.array_equal(scene.frames[f"{name}, copies"][0], scene.frames[name][3])


def test_scenes_are_the_protocols_own(small_data):
    stills, noise = (list(samples(name, small_data)) for name in ("stills", "noise-others"))
    for i, scene in enumerate(scenes(small_data, limit=6)):
        assert scene.name == stills[i].name
        assert np.array_equal(scene.frames[FULL], stills[i].frames)
        assert np.array_equal(scene.frames[NOISE], noise[i].frames)
        assert np.array_equal(scene.label, stills[i].label)


def test_model_that_ignores_the_others_has_nothing_to_share(small_data):
    found = probe(interpolate, small_data, limit=3)
    table = means(found)
    assert all(table[name]["psnr"][0] == table[FULL]["psnr"][0] for name in (COPIES, NOISE, PERSON))
    assert found.use.gain == 0
    assert found.use.score == 0
    assert math.isnan(found.use.raw)
    assert "none to share" in found.use.words
    assert np.allclose(found.shares, [[0, 0, 0, 1, 0, 0, 0]] * 3)


def test_model_that_joins_registered_frames_uses_them(projecting):
    """Back-projection starts at the mean of the registered frames, and distrusts those that agree with nothing."""
    assert projecting.use.gain > 1
    assert 0.5 < projecting.use.score <= 1
    assert projecting.use.raw == pytest.approx(projecting.use.lost / projecting.use.gain)
    assert means(projecting)[FULL]["psnr"][0] > means(projecting)[NOISE]["psnr"][0] + 1


def test_plain_mean_of_registered_frames_falls_for_noise(averaging):
    assert means(averaging)[NOISE]["psnr"][0] < means(averaging)[FULL]["psnr"][0] - 5
    assert averaging.shares.mean(axis=0).min() > 0.05
    np.testing.assert_allclose(averaging.shares.sum(axis=1), 1, atol=1e-6)


def test_damage_is_judged_inside_it(averaging):
    table = means(averaging)
    assert math.isnan(table[FULL]["region_psnr"][0])
    assert table[WHITE]["region_psnr"][0] < table[WHITE]["psnr"][0]
    # Six of seven frames show what the middle hides.
    assert table[WHITE]["region_psnr"][0] > table[f"{WHITE}, copies"]["region_psnr"][0] + 3


def test_one_frame_model_can_be_the_reference(small_data):
    found = probe(back_projection, small_data, one_frame=interpolate, limit=3)
    psnr = found.rows.pivot_table(index="name", columns="condition", values="psnr")
    assert found.use.gain == pytest.approx((psnr[FULL] - psnr[ONE_FRAME]).mean())
    assert "region_psnr" in found.rows
    assert psnr[ONE_FRAME].mean() < psnr[FULL].mean()


@pytest.mark.parametrize(
    ("every", "one", "noise", "score", "raw"),
    [
        ([30, 31, 32.2], [29, 30, 31], [29, 30, 31], 1.0, 1.0),
        ([30, 31, 32], [29, 30, 31], [29.5, 30.5, 31.5], 0.5, 0.5),
        ([30, 31, 32], [29, 30, 31], [20, 21, 22], 1.0, 10.0),
        ([30, 31, 32], [29, 30, 31], [30.5, 31.5, 32.5], 0.0, -0.5),
        ([30, 31, 32], [29.96, 30.96, 31.96], [20, 21, 22], 0.0, None),  # a gain of 0.04 dB
        ([30, 31, 32], [31, 32, 33], [20, 21, 22], 0.0, None),  # harm
        ([30, 31, 36], [29.9, 31.5, 32], [20, 21, 22], 0.0, None),  # an interval round 0
        ([30], [29], [29], 0.0, None),  # one picture has no interval
    ],
)
def test_frame_use_score(every, one, noise, score: float, raw: float | None):
    found = frame_use(np.array(every, float), np.array(one, float), np.array(noise, float))
    assert found.score == pytest.approx(score, abs=1e-9)
    assert math.isnan(found.raw) if raw is None else found.raw == pytest.approx(raw)


def test_words_tell_gain_and_loss():
    assert "0.75 (the others bring +2.00 ± 0.10 dB; as noise they take 1.50 dB away)" in FrameUse(2, 0.1, 1.5, 0.75, 0.75).words


def test_gradient_sees_detail_that_has_no_mean():
    """A model that takes brightness from the middle and detail from frame 0; a plain sum of the result would miss the detail."""

    def run(frames: torch.Tensor) -> torch.Tensor:
        detail = frames[:, :3] - frames[:, :3].mean(dim=(2, 3), keepdim=True)
        return middle_of(frames).mean(dim=(2, 3), keepdim=True) + detail

    found = gradient_shares(run, torch.rand(2, 9, 8, 8), torch.Generator().manual_seed(0))
    assert (found[:, 0] > 0.5).all()
    assert (found[:, 2] == 0).all()


def test_gradient_shares_of_networks_and_of_models_without_any(tmp_path):
    method = network_method(write_weights(tmp_path, nudge=0.1))
    frames = torch.rand(1, 21, 32, 32, generator=torch.Generator().manual_seed(0))
    found = gradient_shares(method, frames, torch.Generator().manual_seed(0))
    assert found.shape == (1, 7)
    assert found.sum().item() == pytest.approx(1)
    assert found.argmax() == 3
    assert gradient_shares(lambda x: middle_of(x).detach(), frames, torch.Generator()) is None


def test_files(projecting, averaging, tmp_path):
    files = write_probe(replace(projecting, shares=averaging.shares), "runs/x/mine.safetensors", tmp_path, {"seed": 0})
    assert [path.name for path in files] == [f"probe-mine.{kind}" for kind in ("json", "csv", "txt", "png")]
    facts = json.loads(files[0].read_text())
    assert facts["frame_use"]["score"] > 0.5
    assert facts["conditions"][FULL]["region_psnr"]["mean"] is None
    assert len(facts["gradient_shares"]) == 7
    assert len(files[1].read_text().splitlines()) == 1 + 6 * len(TITLES)
    grid = probe_grid(projecting, "mine")
    assert [row[0] for row in grid.rows] == list(TITLES)
    assert "frame-use score" in files[2].read_text()
    height, width = read_picture(files[3]).shape[:2]
    assert width > 9 * 128
    assert height > 7 * 128


def test_models_without_gradient_have_a_picture_without_bars(small_data, tmp_path):
    found = probe(lambda frames: interpolate(frames).detach(), small_data, limit=1)
    assert found.shares is None
    assert "passes none back" in " ".join(probe_grid(found, "still").notes)
    assert write_probe(found, "still", tmp_path, {})[3].is_file()


def test_one_person_is_too_few(small_data, tmp_path):
    with pytest.raises(InputError):
        next(scenes(small_data, split="neither"))
