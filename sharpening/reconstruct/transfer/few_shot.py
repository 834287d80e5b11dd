"""The few-shot face translation GAN as a transfer: the source's face is drawn anew in the pose of the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from sharpening.errors import WeightsMissing
from sharpening.models.face_id.ir_se50 import IrSe50, load_ir_se50
from sharpening.models.face_id.quality import IR_SE50_NAMES
from sharpening.models.face_seg.parser import FaceParser
from sharpening.models.few_shot import FewShot, load_few_shot_net, translate
from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.sampling import check_transfer
from sharpening.reconstruct.view import Moved, View
from sharpening.weights.store import find

__all__ = ["few_shot", "load_few_shot"]

_LICENCE = "none stated with the published files, so all rights are reserved"
_ADVICE = (
    "The few-shot GAN needs a face net with 512 numbers: model_ir_se50.pth of TreB1eN/InsightFace_Pytorch. Put it beside the GAN's "
    "files or into one of these places."
)


def load_few_shot(
    weights: str | Path | None = None, *, pretrained: str | Path | None = None, parser: str | Path | None = None
) -> FewShot:
    """The few-shot GAN with a face net, ready for `few_shot`.

    Args:
        weights: folder with `encoder.h5` and `decoder.h5`, or a converted file; looked for by name when left out. IR-SE-50
            (`model_ir_se50.pth`), which stands in for the original's FaceNet, is looked for beside it and then by name.
        pretrained: folder to search names in first.
        parser: name or path of a face parser for the segmentation; without one it is drawn from landmarks.

    Raises:
        WeightsMissing: a file is nowhere; the message says which.
        WeightsMismatch: a file is not what it should be.
    """
    net = load_few_shot_net(weights, pretrained=pretrained)
    face_net = _face_net(weights, pretrained)
    seen = None if parser is None else FaceParser(parser, pretrained=pretrained)
    return FewShot(net, face_net, seen, name="few-shot", licence=_LICENCE)


def few_shot(source: View, base: View, mask: Tensor, *, network: FewShot, facts: dict[str, Any] | None = None) -> Moved:
    """Draw the source's face in pose and expression of the base.

    The net paints the whole face anew: what is returned is its picture and no pixel of the source.

    Args:
        source: the picture that has the part.
        base: the picture that wants it, of any other size.
        mask: `[1, H, W]` in [0, 1]: the part, in the base's pixels; the whole face is drawn at once, so it makes no difference here.
        network: from `load_few_shot`.
        facts: is filled with what `measure` finds.

    Raises:
        ShapeError, RangeError: if the mask does not fit the base, or landmarks span nothing.

    Source: thesis, Table 3.5; shaoanlu/fewshot-face-translation-GAN (2019).
    """
    check_transfer(source, base, mask)
    made = translate(network, (base.picture, base.landmarks), [(source.picture, source.landmarks)], fade=0)
    moved = Moved(made.way.back(made.face, base.picture).clamp(0, 1), made.way.reach())
    if facts is not None:
        facts.update(measure(base, moved, mask))
    return moved


def _face_net(weights: str | Path | None, pretrained: str | Path | None) -> IrSe50:
    beside = None if weights is None else Path(weights) if Path(weights).is_dir() else find(weights, pretrained).parent
    for name in IR_SE50_NAMES:
        near = [] if beside is None else [beside / f"{name}{suffix}" for suffix in (".safetensors", ".pt", ".pth")]
        found = next((path for path in near if path.is_file()), None)
        if found is not None:
            return load_ir_se50(found)
    searched: tuple[str, ...] = ()
    for name in IR_SE50_NAMES:
        try:
            return load_ir_se50(find(name, pretrained))
        except WeightsMissing as error:
            searched = error.searched
    raise WeightsMissing(" or ".join(IR_SE50_NAMES), searched, _ADVICE)
