"""SER-FIQ with the best face net at hand: the thesis's where its file is found, dlib's elsewhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from sharpening.errors import WeightsMissing
from sharpening.metrics.serfiq import SerFiq, StochasticNet
from sharpening.models.face_align.chip import extract_square_chip
from sharpening.models.face_id.ir_se50 import load_ir_se50
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29
from sharpening.weights.store import find

__all__ = ["DLIB_ENDS", "IR_SE50_NAMES", "load_serfiq", "serfiq_through"]

IR_SE50_NAMES = ("ir_se50", "model_ir_se50")
"""Names under which the file of the thesis's network is looked for; the second is the published one."""

DLIB_ENDS = (0.59, 0.66)
"""Raw scores with dlib's net that the rescale of the form "thesis" brings to 0.75 and 1.0, for m = 10.

Measured on 40 training stills at 128 px: noise 0.593 to 0.609, bicubic ×4 0.601 to 0.645 (mean 0.621), sharp 0.602 to 0.658 (mean 0.626).
"""


def load_serfiq(path: str | Path | None = None, *, pretrained: str | Path | None = None, **settings: Any) -> SerFiq:
    """SER-FIQ with IR-SE-50 where its file is there, else with dlib's net; `.network.name` says which.

    Their numbers are not comparable: name the network beside each. dlib's net was trained without dropout and wants the chip of a
    standard crop, which is cut out at the typical place; IR-SE-50 gets the whole picture at 112 px, as in the thesis.

    Args:
        path: file of IR-SE-50; the usual places are searched for "ir_se50" and "model_ir_se50" when left out.
        pretrained: folder to search first.
        **settings: of `SerFiq`: m, form, p_drop, align, generator, ends.

    Raises:
        WeightsMissing: when `path` is given and not there, or when dlib's net is needed and not installed.
        WeightsMismatch: when the file found is no IR-SE-50; it is not passed over in silence.
    """
    file = find(path, pretrained) if path is not None else _found(pretrained)
    # A copy: moving this one to another device moves nobody else's net.
    return serfiq_through(copy.deepcopy(load_resnet29()) if file is None else load_ir_se50(file), **settings)


def serfiq_through(network: StochasticNet, **settings: Any) -> SerFiq:
    """SER-FIQ with a network, with the cut and the end points that belong to it where these are known.

    Args:
        network: frozen; dlib's net gets the chip of a standard crop, others the whole picture.
        **settings: of `SerFiq`; they go before what is known.
    """
    known = {"align": extract_square_chip, "ends": DLIB_ENDS} if network.name == DlibResNet29.name else {}
    return SerFiq(network, **{**known, **settings})


def _found(pretrained: str | Path | None) -> Path | None:
    for name in IR_SE50_NAMES:
        try:
            return find(name, pretrained)
        except WeightsMissing:
            continue
    return None
