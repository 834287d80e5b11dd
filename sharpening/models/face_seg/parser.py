"""Published face parsers behind one door: which file it is, what picture it wants, and our parts out of its labels.

Both parsers learned on pictures aligned as in FFHQ, 512 px, so a picture is brought into that form first and the masks are brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.bisenet import BiSeNet
from sharpening.models.face_seg.celebamaskhq_unet import CelebAMaskHQUNet
from sharpening.models.face_seg.classes import BISENET_CLASSES, CELEBAMASKHQ_CLASSES, Sides, label_parts, sides_of
from sharpening.models.face_seg.landmark_masks import as_tensors
from sharpening.weights.store import find, load_into, load_state

__all__ = ["PARSERS", "FaceParser", "ParserKind", "load_parser"]

Cleaner = Callable[[Tensor], Tensor]

_SIZE = 512  # px: of the aligned picture


class ParserKind(NamedTuple):
    """One of the published parsers.

    Attributes:
        network: its class; `prepare` makes its input.
        classes: what its numbers mean.
        file: its published name, and where it comes from.
    """

    network: Any
    classes: tuple[str, ...]
    file: str


PARSERS: dict[str, ParserKind] = {
    CelebAMaskHQUNet.name: ParserKind(
        CelebAMaskHQUNet, CELEBAMASKHQ_CLASSES, "model.pth of switchablenorms/CelebAMask-HQ, folder face_parsing/models/parsenet"
    ),
    BiSeNet.name: ParserKind(BiSeNet, BISENET_CLASSES, "79999_iter.pth of zllrunning/face-parsing.PyTorch"),
}
"""The parsers by name; none of their files is shipped."""


def load_parser(
    weights: str | Path, *, pretrained: str | Path | None = None, sha256: str | None = None
) -> tuple[nn.Module, ParserKind]:
    """A published parser, frozen; which one it is shows in the names of its tensors, so it needs no card.

    Args:
        weights: "celebamaskhq_unet", "bisenet_face", or the path of a file.
        pretrained: folder to search a name in first.
        sha256: what the file must hash to; its authors publish none, so record that of your own copy.

    Returns:
        The network in evaluation mode, and what is known of it.

    Raises:
        WeightsMissing: it is nowhere; for the two names the message says where the file comes from.
        WeightsMismatch: it is neither parser, or not all of one; the first wrong names are listed.
    """
    path = _find(weights, pretrained)
    state = load_state(path, sha256=sha256)
    kind = _recognised(path, state)
    with torch.device("meta"):
        network = kind.network()
    network = load_into(network.to_empty(device="cpu"), state, source=path)
    return network.requires_grad_(False).eval(), kind


def _find(weights: str | Path, pretrained: str | Path | None) -> Path:
    try:
        return find(weights, pretrained)
    except WeightsMissing as error:
        kind = PARSERS.get(str(weights))
        advice = f"Get {kind.file}, and name it {weights}.pth or give its path." if kind else f"Names: {', '.join(PARSERS)}."
        raise WeightsMissing(str(weights), error.searched, advice + " Masks from landmarks need no file.") from error


def _recognised(path: Path, state: Mapping[str, Tensor]) -> ParserKind:
    """The parser that shares most names with the file; a file that shares less than half with each is neither."""
    shares = {}
    for name, kind in PARSERS.items():
        with torch.device("meta"):
            wanted = kind.network().state_dict().keys()
        shares[name] = len(wanted & state.keys()) / len(wanted | state.keys())
    best = max(shares, key=lambda name: shares[name])
    if shares[best] < 0.5:
        shown = ", ".join(list(state)[:3])
        advice = " or ".join(f"{kind.file} ({name})" for name, kind in PARSERS.items())
        raise WeightsMismatch(path, f"is neither of the known face parsers: its first tensors are {shown}.", f"Wanted: {advice}.")
    return PARSERS[best]


class FaceParser:
    """Says of every pixel of a face what it belongs to.

    Args:
        weights: "celebamaskhq_unet", "bisenet_face", or the path of a published file.
        pretrained: folder to search a name in first.
        sha256: what the file must hash to.
        clean: makes a better copy `[3, h, w]` of the picture to be parsed, of the same face in the same place; any size. The thesis did so
            with PULSE, since blurred faces are parsed badly. The masks are for the picture itself.
        sides: whose left the parser's "l_" is, where no landmarks tell.

    Attributes:
        name: of the parser.
        classes: what the numbers of a label map mean.

    Raises:
        WeightsMissing, WeightsMismatch: see `load_parser`.
        RangeError: for other `sides`.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
        clean: Cleaner | None = None,
        sides: Sides = "person",
    ) -> None:
        if sides not in ("person", "viewer"):
            raise RangeError("sides", repr(sides), '"person" or "viewer"')
        network, kind = load_parser(weights, pretrained=pretrained, sha256=sha256)
        self.network: Any = network
        self.name = str(network.name)
        self.classes, self.clean, self.sides = kind.classes, clean, sides

    @torch.no_grad()
    def parse(self, picture: Tensor, *, clean: Cleaner | None = None) -> Tensor:
        """The label map of a picture that is already in FFHQ's form; it is looked at in 512×512 px.

        Args:
            picture: float `[3, H, W]`, RGB in [0, 1].
            clean: instead of the parser's own.

        Returns:
            uint8 `[H, W]`, numbers of `classes`, on the CPU.

        Raises:
            ShapeError: for another shape, also of what `clean` returns.
        """
        _check(picture, "picture")
        seen = picture
        if clean := clean or self.clean:
            seen = clean(picture)
            _check(seen, "what `clean` returned")
        device = next(self.network.parameters()).device
        scores = self.network(self.network.prepare(seen.detach().float().clamp(0, 1)[None].to(device)))
        labels = scores.argmax(dim=1, keepdim=True).to(torch.uint8)
        return F.interpolate(labels, picture.shape[-2:], mode="nearest-exact")[0, 0].cpu()

    def part_masks(self, picture: Tensor, landmarks: Landmarks, *, clean: Cleaner | None = None) -> dict[str, Tensor]:
        """Masks of our parts, without margins: the face is aligned, parsed, and the labels are brought back.

        Args:
            picture: float `[3, H, W]`, RGB in [0, 1].
            landmarks: of it; they align it, tell left from right, and divide the skin into cheeks, forehead and chin.
            clean: instead of the parser's own; it is given the aligned picture of 512 px.

        Returns:
            float32 `[1, H, W]` of every part, 0 or 1; all 0 for a part that the parser does not see.
        """
        return as_tensors(label_parts(self._labels_back(picture, landmarks, clean), self.classes, landmarks))

    def sides_seen(self, picture: Tensor, landmarks: Landmarks) -> Sides | None:
        """Whose left this file's "l_" is, judged on one picture `[3, H, W]` with landmarks; None where too little is seen."""
        return sides_of(self._labels_back(picture, landmarks), self.classes, landmarks)

    def _labels_back(self, picture: Tensor, landmarks: Landmarks, clean: Cleaner | None = None) -> np.ndarray:
        from sharpening.models.face_align.forms import align

        _check(picture, "picture")
        aligned, way = align(picture, landmarks, "ffhq", size=_SIZE)
        labels = self.parse(aligned, clean=clean)
        # One class at a time, since numbers of classes cannot be interpolated; a pixel takes the class that covers most of it.
        back = torch.zeros(picture.shape[-2:], dtype=torch.uint8)
        best = torch.zeros(picture.shape[-2:])
        for number in labels.unique().tolist():
            share = way.mask_back((labels == number).float()[None])[0]
            wins = share > best
            back[wins], best[wins] = number, share[wins]
        return back.numpy()


def _check(picture: Tensor, what: str) -> None:
    if picture.ndim != 3 or picture.shape[0] != 3 or 0 in picture.shape or not picture.is_floating_point():
        raise ShapeError(what, f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
