"""Restorers from a checkpoint file, through spandrel: recognised, run at sensible sizes, bad files told apart."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import warnings
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
from torch import nn

from sharpening.errors import NoFaceFound, RangeError, SharpeningError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.reconstruct.finetune import create_finetuner, restorers
from sharpening.reconstruct.finetune.restorers import _FaceRestorer, _fading

needs_spandrel = pytest.mark.skipif(importlib.util.find_spec("spandrel") is None, reason="needs the extra 'restorers'")


def compact(scale: int = 2, *, n_in: int = 3, noise: float = 0.01) -> dict[str, torch.Tensor]:
    """A state in the form of Real-ESRGAN's small net: convolution, PReLU, convolution, PReLU, convolution to `scale` squared pictures."""
    generator = torch.Generator().manual_seed(0)
    widths = [(n_in, 8), (8, 8), (8, n_in * scale**2)]
    state = {}
    for i, (before, after) in enumerate(widths):
        state[f"body.{2 * i}.weight"] = noise * torch.randn(after, before, 3, 3, generator=generator)
        state[f"body.{2 * i}.bias"] = torch.zeros(after)
        if i < 2:
            state[f"body.{2 * i + 1}.weight"] = torch.full((8,), 0.1)
    return state


@pytest.fixture
def saved(tmp_path):
    def save(state, name="net.pth"):
        path = tmp_path / name
        if path.suffix == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save(state, path)
        return path

    return save


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return to_tensor(astronaut_face)


@needs_spandrel
class TestEnlarger:
    """Nets for pictures of any content."""

    @pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.ckpt", "net.safetensors"])
    def test_a_small_published_form_is_recognised_and_run(self, name: str, saved, face) -> None:
        made = create_finetuner("spandrel", weights=saved(compact(2), name))(face)
        assert made.shape == (3, 320, 320)
        # The tiny weights hardly speak, and what this architecture adds to is the picture enlarged pixel by pixel.
        wanted = face.repeat_interleave(2, 1).repeat_interleave(2, 2)
        assert float((made - wanted).abs().max()) < 0.05
        made.add_(0)  # no tensor of inference mode

    def test_wrapped_states_as_releases_hold_them(self, saved, face) -> None:
        plain = create_finetuner("spandrel", weights=saved(compact(2)))(face)
        wrapped = {"params_ema": {f"module.{key}": value for key, value in compact(2).items()}}
        assert torch.equal(create_finetuner("spandrel", weights=saved(wrapped, "wrapped.pth"))(face), plain)

    def test_sizes_are_sensible(self, saved) -> None:
        finetune = create_finetuner("spandrel", weights=saved(compact(4)))
        assert finetune(torch.rand(3, 128, 96)).shape == (3, 512, 384)
        assert finetune(torch.rand(3, 320, 160)).shape == (3, 1024, 512)  # at most 1024 px: shrunk before
        same = create_finetuner("spandrel", weights=saved(compact(1), "same.pth"))
        assert same(torch.rand(3, 64, 50)).shape == (3, 64, 50)

    def test_the_same_picture_gives_the_same_result_and_no_dice_move(self, saved, face, monkeypatch) -> None:
        finetune = create_finetuner("spandrel", weights=saved(compact(2)))
        state = torch.random.get_rng_state()
        assert torch.equal(finetune(face), finetune(face))
        assert torch.equal(torch.random.get_rng_state(), state)


@needs_spandrel
class TestBadFiles:
    """Each says what it is and what is wanted."""

    def test_a_web_page_saved_as_a_checkpoint(self, tmp_path) -> None:
        page = tmp_path / "GFPGANv1.4.pth"
        page.write_text("<!DOCTYPE html><html><body>Sign in to download</body></html>")
        with pytest.raises(WeightsMismatch, match="GFPGANv1.4.pth"):
            create_finetuner("spandrel", weights=page)

    def test_unknown_tensors(self, saved) -> None:
        with pytest.raises(WeightsMismatch, match="no architecture.*encoder.weight"):
            create_finetuner("spandrel", weights=saved({"encoder.weight": torch.zeros(2, 2)}))

    def test_a_known_form_with_a_part_missing(self, saved) -> None:
        state = compact(2)
        del state["body.2.weight"]
        with pytest.raises(WeightsMismatch, match="does not fit"):
            create_finetuner("spandrel", weights=saved(state))

    def test_grey_nets(self, saved) -> None:
        with pytest.raises(WeightsMismatch, match="1 channels in"):
            create_finetuner("spandrel", weights=saved(compact(2, n_in=1)))

    def test_a_file_that_would_run_code(self, tmp_path, monkeypatch) -> None:
        called = []
        monkeypatch.setattr(builtins, "_told", lambda: called.append(1), raising=False)

        class Evil:
            def __reduce__(self):
                return (eval, ("__import__('builtins')._told()",))

        for name in ("evil.pth", "evil.pt", "evil.ckpt"):
            torch.save({"params_ema": Evil()}, tmp_path / name)
            with pytest.raises(WeightsMismatch, match="foreign code"):
                create_finetuner("spandrel", weights=tmp_path / name)
        assert not called

    @pytest.mark.parametrize("name", ["program.pt", "program.pth"])
    def test_a_torchscript_program(self, tmp_path, name) -> None:
        class Net(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch is about to leave TorchScript; its files remain
            torch.jit.save(torch.jit.trace(Net(), torch.zeros(1)), str(tmp_path / name))
        with pytest.raises(WeightsMismatch):
            create_finetuner("spandrel", weights=tmp_path / name)

    def test_none_and_nowhere(self, tmp_path) -> None:
        with pytest.raises(WeightsMissing, match="GFPGAN"):
            create_finetuner("spandrel")
        with pytest.raises(WeightsMissing):
            create_finetuner("spandrel", weights=tmp_path / "absent.pth")

    def test_extra_architectures_are_used_where_installed(self, saved, tmp_path, monkeypatch) -> None:
        (tmp_path / "spandrel_extra_arches.py").write_text("calls = []\ndef install(**how):\n    calls.append(how)\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "spandrel_extra_arches", raising=False)
        create_finetuner("spandrel", weights=saved(compact(2)))
        import spandrel_extra_arches

        assert spandrel_extra_arches.calls == [{"ignore_duplicates": True}]


def test_without_the_library_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setattr(restorers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SharpeningError, match=r"pip install 'sharpening\[restorers\]'"):
        create_finetuner("spandrel", weights="any.pth")


class TestFaceRestorer:
    """What is for aligned faces of 512 px gets them, and the result goes back to its place."""

    @staticmethod
    def net(change, seen=None) -> SimpleNamespace:
        class Net(SimpleNamespace):
            def __call__(self, picture):
                if seen is not None:
                    seen.append(picture)
                return change(picture)

        return Net(purpose="FaceSR")

    def test_the_face_is_aligned_and_comes_back(self, face) -> None:
        seen = []
        made = _FaceRestorer(self.net(lambda x: x, seen))(face)
        assert seen[0].shape == (1, 3, 512, 512)
        assert made.shape == (3, 512, 512)
        large = torch.nn.functional.interpolate(face[None], 512, mode="bicubic").clamp(0, 1)[0]
        assert float((made - large).abs().mean()) < 0.01  # a net that does nothing moves nothing

    def test_what_the_net_does_shows_in_the_face_and_fades_out(self, face) -> None:
        large = torch.nn.functional.interpolate(face[None], 512, mode="bicubic").clamp(0, 1)[0]
        made = _FaceRestorer(self.net(lambda x: x * 0 + 0.5))(face)
        assert float((made[:, 250:270, 250:270] - 0.5).abs().max()) < 0.01
        assert float((made - large)[:, :4, :4].abs().max()) < 0.2
        assert float((made - large).abs().diff(dim=2).max()) < 1

    def test_nobody_and_too_large(self, face) -> None:
        restore = _FaceRestorer(self.net(lambda x: x))
        with pytest.raises(NoFaceFound, match="another finetuner"):
            restore(torch.full((3, 128, 128), 0.5))
        with pytest.raises(RangeError, match="1024"):
            restore(torch.zeros(3, 1030, 1030))

    def test_a_result_that_is_no_number_is_refused(self, face) -> None:
        with pytest.raises(RangeError, match="NaN"):
            _FaceRestorer(self.net(lambda x: x * float("nan")))(face)

    def test_the_border_fades(self) -> None:
        mask = _fading(torch.zeros(3, 64, 64))
        assert mask.shape == (1, 64, 64)
        assert float(mask[:, 8:56, 8:56].min()) == 1
        assert float(mask[0, 0].max()) < 0.1
        assert (mask[0, 32, :9].diff() >= 0).all()
