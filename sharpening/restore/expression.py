"""Whether a face moves in itself from frame to frame: lips that part and lids that fall are no evidence for the middle frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sharpening.restore.regions import REST

__all__ = ["LIVELY", "liveliness", "lively_words"]

Mask = NDArray[np.bool_]

LIVELY: dict[str, float] = {"mouth": 1.4, "left eye": 2.5, "right eye": 2.5}
"""How many times as much as the still parts of the face a part differs from frame to frame before it is said to move.

Chosen on faces that do not (stills moved and coded, train split); docs/results/expression.md has how many of the valid split come
out above. Strong film coding makes and unmakes the fine lines of eyes, so that they need more than a mouth.
"""
_STILL = ("nose", REST)
_FEWEST = 4  # frames: of fewer the median is the one odd frame's
_FLOOR = 1.0  # grey level: below, differences are rounding


def liveliness(aligned: NDArray[np.float32], middle: int, masks: Mapping[str, Mask]) -> dict[str, float]:
    """How much the parts of a face differ from frame to frame, in units of what nose and cheeks do.

    Coding, noise and a motion that was not found to the last bit change all parts of a face alike; an expression changes some. The light is
    matched first (the median difference in the face). Of each part the median over the other frames counts, so that one bad frame is not
    taken for an expression.

    Args:
        aligned: `[n, H, W]`, 0 … 1: luminance of the frames, moved onto the result, see `support_of`.
        middle: the frame that the others are compared with.
        masks: bool `[H, W]` of each region, see `regions_of`.

    Returns:
        Of mouth and eyes; nothing for fewer than four frames, or where no face was found.
    """
    if len(aligned) < _FEWEST or not all(name in masks for name in (*LIVELY, *_STILL)):
        return {}
    apart = (np.delete(aligned, middle, axis=0) - aligned[middle]) * 255
    face = np.any([masks[name] for name in (*LIVELY, *_STILL)], axis=0)
    apart = np.abs(apart - np.median(apart[:, face], axis=1)[:, None, None])
    means = {name: float(np.median(apart[:, masks[name]].mean(axis=1))) for name in (*LIVELY, *_STILL)}
    still = sum(means[name] for name in _STILL) / len(_STILL) + _FLOOR
    return {name: means[name] / still for name in LIVELY}


def lively_words(found: Mapping[str, float]) -> list[str]:
    """What to say of parts that move; nothing where none does."""
    names = [name for name, value in found.items() if value > LIVELY[name]]
    if not names:
        return []
    listed, verb = " and ".join(f"the {name}" for name in names), "changes" if len(names) == 1 else "change"
    return [
        f"From frame to frame {listed} {verb} more than the rest of the face (another expression, damage, or a hand before it): "
        "what is drawn there may be a mixture that was never seen."
    ]
