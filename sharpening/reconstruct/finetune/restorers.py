"""Single-frame restorers from the user's own checkpoint (GFPGAN, RestoreFormer, Real-ESRGAN …), through the library spandrel.

The file is read by `weights.store`, as all weight files are, and spandrel only builds the network that fits the tensors. Its own reader
has a restricted unpickler too, but takes TorchScript archives first, which are programs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, SharpeningError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.forms import align
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.reconstruct.finetune.method import SingleFrame
from sharpening.weights.store import find, load_state

__all__ = ["build_spandrel"]

LARGEST = 1024
"""Largest side of a result [px]: for it an ESRGAN took 0.8 GiB on top of the program, and GFPGAN 1.2 GiB for its 512 px, most of it the
weights while they are read. Transformers may want more."""

_FACE_SIDE = 512  # px: of the aligned face that GFPGAN, RestoreFormer and CodeFormer learned on
_INSTALL = "pip install 'sharpening[restorers]'"
_WANTED = (
    "A checkpoint of a face restorer (GFPGAN, RestoreFormer …) or of a net that enlarges (ESRGAN, SwinIR …), .pth or .safetensors."
)


def build_spandrel(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """Build the restorer that a checkpoint holds, whatever its architecture; spandrel recognises it by the names of its tensors.

    A net that enlarges gets the picture as it is and gives one `scale` times larger, at most 1024 px: the picture is shrunk before where it
    is too large for that. A face restorer gets the face aligned to 512 px; what it made goes back to its place with a soft border, in a
    picture of at least 512 px.

    Args:
        weights: path of the checkpoint. CodeFormer's architecture comes with the package spandrel_extra_arches (not for commerce): it is
            used where it is installed.
        pretrained: folder to search first, where a name was given.

    Raises:
        SharpeningError: spandrel is not installed.
        WeightsMissing: no checkpoint was named, or it is nowhere.
        WeightsMismatch: it cannot be read, fits no known architecture, or is for other pictures than RGB.
    """
    if importlib.util.find_spec("spandrel") is None:
        raise SharpeningError(f"The finetuner 'spandrel' needs the library spandrel, which is not installed: {_INSTALL}")
    if weights is None:
        raise WeightsMissing("of finetuner 'spandrel'", ["nowhere: none were named (weights=…)"], _WANTED)
    net = _load(find(weights, pretrained))
    return _FaceRestorer(net) if net.purpose == "FaceSR" else _Enlarger(net)


def _load(path: Path) -> Any:
    import spandrel

    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        import spandrel_extra_arches

        spandrel_extra_arches.install(ignore_duplicates=True)
    state = load_state(path)
    try:
        net = spandrel.ModelLoader().load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        keys = ", ".join(list(state)[:3])
        problem = f"is of no architecture that spandrel {spandrel.__version__} knows (its tensors begin with {keys})."
        raise WeightsMismatch(path, problem, f"{_WANTED} CodeFormer wants the package spandrel_extra_arches.") from error
    except (RuntimeError, KeyError, ValueError, IndexError, AssertionError, TypeError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsMismatch(path, f"looks like a known architecture but does not fit it ({reason}).", _WANTED) from error
    if not isinstance(net, spandrel.ImageModelDescriptor) or (net.input_channels, net.output_channels) != (3, 3):
        problem = (
            f"holds {net.architecture.name} for {net.purpose}, {net.input_channels} channels in and {net.output_channels} out."
        )
        raise WeightsMismatch(path, problem, f"One for RGB pictures without a mask is wanted. {_WANTED}")
    net.model.requires_grad_(False)
    return net.eval()


def _run(net: Any, pictures: Tensor) -> Tensor:
    # Some restorers draw noise from torch's global dice; the same picture should give the same result.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = net(pictures)
    if not bool(torch.isfinite(made).all()):
        raise RangeError("result of the restorer", "NaN or infinity", "finite numbers", "Take another checkpoint.")
    return made.clone()  # out of inference mode, so that later steps may do with it what they like


class _Enlarger:
    """A net for pictures of any content."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def __call__(self, picture: Tensor) -> Tensor:
        size = (picture.shape[1], picture.shape[2])
        factor = min(1.0, LARGEST / (max(size) * self.net.scale))
        small = picture[None].float()
        if factor < 1:
            small = resize_tensor(small, (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))).clamp(0, 1)
        return _run(self.net, small)[0].to(picture)


class _FaceRestorer:
    """A net for faces of 512 px in the form of FFHQ."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def __call__(self, picture: Tensor) -> Tensor:
        side = max(picture.shape[1:])
        if side > LARGEST:
            raise RangeError("side of the picture", side, f"at most {LARGEST} px", "Shrink it, or cut the face out.")
        factor = max(1.0, _FACE_SIDE / side)
        large = resize_tensor(picture[None].float(), (round(picture.shape[1] * factor), round(picture.shape[2] * factor)))[0].clamp(
            0, 1
        )
        landmarks = find_landmarks(to_uint8(large))
        if landmarks is None:
            raise NoFaceFound("picture to finetune", "A face restorer would draw one into it; use another finetuner.")
        face, way = align(large, landmarks, "psfr-gan", _FACE_SIDE)
        made = _run(self.net, face[None])[0]
        way = way if made.shape[1:] == face.shape[1:] else way.resized((made.shape[1], made.shape[2]))
        return way.back(made, large, _fading(made)).clamp(0, 1).to(picture)


def _fading(picture: Tensor) -> Tensor:
    """A mask `[1, H, W]` that is 1 but for the outermost eighth of each side, where it fades to 0: the face lies inside."""
    return fading(picture.shape[1], picture.shape[2])
