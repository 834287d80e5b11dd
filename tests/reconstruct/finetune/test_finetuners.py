"""The finetuners and their table: names, sizes, what each refuses; and the guard of identity."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.metrics.error import psnr
from sharpening.models.face_id.judge import FaceJudge
from sharpening.reconstruct.finetune import create_finetuner, finetuners, guarded
from sharpening.reconstruct.finetune.plain import unsharp_mask
from sharpening.restore.finetune import Finetuner
from tests.restore_helpers import write_weights

TINY_60_144 = {"n_frames": 1, "encoder": "resnet18", "width": 8, "enlarge": 2.4}


@pytest.fixture(scope="module")
def unet_weights(tmp_path_factory):
    facts = {"settings": TINY_60_144, "n_frames": 1, "size_in": 60, "size_out": 144, "normalisation": "imagenet"}
    return write_weights(tmp_path_factory.mktemp("finetuner"), "finetune-144", "unet", **facts)


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return to_tensor(astronaut_face[16:144, 16:144])


def test_the_table() -> None:
    assert finetuners.names()[:6] == ["none", "unsharp-mask", "unet", "spandrel", "psfr-gan", "psfr-gan-square"]
    assert all(callable(finetuners.get(name)) for name in finetuners)


def test_none_gives_a_copy(face) -> None:
    made = create_finetuner("none")(face)
    assert torch.equal(made, face)
    assert made.data_ptr() != face.data_ptr()


def test_wrong_names_and_weights_for_nothing(unet_weights) -> None:
    with pytest.raises(KeyError, match="unet"):
        create_finetuner("unett")
    for name in ("none", "unsharp-mask"):
        with pytest.raises(RangeError, match="no network"):
            create_finetuner(name, weights=unet_weights)


@pytest.mark.parametrize("name", ["none", "unsharp-mask", "unet"])
def test_what_is_no_picture_is_refused(name: str, unet_weights) -> None:
    finetune = create_finetuner(name, weights=unet_weights if name == "unet" else None)
    for wrong in (torch.rand(1, 3, 64, 64), torch.rand(1, 64, 64), torch.zeros(3, 64, 64, dtype=torch.uint8)):
        with pytest.raises(ShapeError, match="picture"):
            finetune(wrong)


def test_unet_is_the_restorers_finetuner(unet_weights, face) -> None:
    made = create_finetuner("unet", weights=unet_weights)(face)
    wanted = Finetuner.from_weights(unet_weights, judge=False).tensor(face[None])[0]
    assert made.shape == (3, 144, 144)
    assert torch.equal(made, wanted)
    found = create_finetuner("unet", weights="finetune-144", pretrained=unet_weights.parent)(face)
    assert torch.equal(found, made)
    made.add_(0)  # no tensor of inference mode


def test_unet_without_weights_names_the_recipe_and_wants_squares(tmp_path, unet_weights, face) -> None:
    for weights in (None, "nowhere"):
        with pytest.raises(WeightsMissing, match="finetune-144-small"):
            create_finetuner("unet", weights=weights, pretrained=tmp_path)
    with pytest.raises(ShapeError, match="square"):
        create_finetuner("unet", weights=unet_weights)(face[:, :100])


class TestUnsharpMask:
    """Edges become steeper, the rest stays."""

    def test_sharper_and_still_like_the_true_picture(self, face) -> None:
        import cv2

        seen = face.movedim(0, -1).numpy()
        blurred = torch.from_numpy(cv2.GaussianBlur(seen, (0, 0), 1.5)).movedim(-1, 0).clamp(0, 1)
        made = create_finetuner("unsharp-mask")(blurred)
        steps = [float(x.diff(dim=2, n=2).abs().mean()) for x in (blurred, made)]
        assert steps[1] > 1.1 * steps[0]
        assert float(psnr(made[None], face[None])) > float(psnr(blurred[None], face[None])) - 0.1

    def test_by_the_formula_and_at_any_size(self) -> None:
        edge = torch.full((3, 64, 64), 0.3)
        edge[:, :, 32:] = 0.6
        made = unsharp_mask(edge, amount=1.0, sigma=1 / 64)
        below = 0.3 * 0.5 * (1 + float(torch.erf(torch.tensor(-0.5 / 2**0.5))))  # of the Gaussian, half a pixel before the edge
        assert float(made[0, 32, 31]) == pytest.approx(0.3 - below, abs=0.01)
        large = torch.nn.functional.interpolate(edge[None], 256, mode="nearest")[0]
        again = torch.nn.functional.avg_pool2d(unsharp_mask(large, amount=1.0, sigma=1 / 64), 4)
        assert float((made - again).abs().max()) < 0.03

    def test_flat_pictures_and_amount_0(self, face) -> None:
        flat = torch.full((3, 40, 30), 0.25)
        assert torch.allclose(unsharp_mask(flat), flat, atol=1e-6)
        assert torch.allclose(unsharp_mask(face, amount=0), face, atol=1e-6)
        for settings in ({"amount": -1}, {"sigma": 0}):
            with pytest.raises(RangeError):
                unsharp_mask(face, **settings)


class TestGuard:
    """The person stays the same, or the picture stays as it was."""

    @staticmethod
    def judge_of(distance: float) -> SimpleNamespace:
        return SimpleNamespace(same_person=lambda a, b, landmarks=None: SimpleNamespace(distance=torch.tensor([distance])))

    def test_kept_or_undone(self) -> None:
        before, after = torch.rand(3, 64, 64), torch.rand(3, 144, 144)
        kept = guarded(before, after, self.judge_of(0.1), 0.3)
        assert kept == (after, True, pytest.approx(0.1))
        undone = guarded(before, after, self.judge_of(0.5), 0.3)
        assert undone == (before, False, 0.5)
        assert guarded(before, after, self.judge_of(0.5), 0.6).kept

    def test_nothing_to_measure_is_told_by_none(self) -> None:
        before, after = torch.rand(3, 64, 64), torch.rand(3, 64, 64)
        assert guarded(before, after, None) == (after, True, None)
        assert guarded(before, after, self.judge_of(float("nan"))) == (before, False, None)

    def test_both_are_compared_at_one_size(self) -> None:
        seen = []

        def same_person(a, b, landmarks=None):
            seen.append((tuple(a.shape), tuple(b.shape)))
            return SimpleNamespace(distance=torch.tensor([0.0]))

        guarded(torch.rand(3, 40, 60), torch.rand(3, 80, 120), SimpleNamespace(same_person=same_person))
        assert seen == [((1, 3, 80, 120), (1, 3, 80, 120))]

    def test_wrong_inputs(self) -> None:
        with pytest.raises(RangeError, match="most_change"):
            guarded(torch.rand(3, 8, 8), torch.rand(3, 8, 8), None, -0.1)
        with pytest.raises(ShapeError, match="after"):
            guarded(torch.rand(3, 8, 8), torch.rand(1, 3, 8, 8), None)

    def test_a_real_judge_on_a_real_face(self, face) -> None:
        judge = FaceJudge()
        light = guarded(face, create_finetuner("unsharp-mask")(face), judge)
        assert light.kept
        assert light.change is not None
        assert light.change < 0.3
        torn = face.clone()
        torn[:, 30:100] = face[:, 30:100].flip(1)  # the middle of the face stands on its head
        assert not guarded(face, torn, judge).kept
        nobody = guarded(torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)), face, judge)
        assert nobody.change is None


def test_a_face_is_measured_at_the_size_of_the_result(face) -> None:
    judge = FaceJudge()
    large = torch.from_numpy(np.ascontiguousarray(np.kron(face.numpy(), np.ones((1, 2, 2), np.float32))))
    found = guarded(face, large, judge)
    assert found.kept
    assert found.change < 0.2
