"""The evidence as pictures for the contact sheet: maps in colours, the brighter the more."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.restore.evidence import Evidence

__all__ = ["Cell", "frame_cells", "heat", "result_cells"]

Picture = NDArray[np.uint8]

ERROR_TOP, DIFFERENCE_TOP = 32.0, 32.0
"""Grey levels that are drawn brightest."""


class Cell(NamedTuple):
    """A picture of the sheet and the words under it."""

    picture: Picture
    caption: str


def heat(values: NDArray[np.floating], top: float = 1.0) -> Picture:
    """A map as a picture: black, violet, orange, pale yellow.

    Args:
        values: `[H, W]`; 0 is darkest, `top` and more brightest, NaN a neutral grey.
        top: what is drawn brightest.

    Returns:
        uint8 `[H, W, 3]`.
    """
    there = np.isfinite(values)
    levels = np.rint(np.clip(np.where(there, values, 0) / top, 0, 1) * 255).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]
    return np.where(there[..., None], colours, np.uint8(96)).astype(np.uint8)


def frame_cells(evidence: Evidence) -> list[Cell]:
    """For each frame where the picture took it: its share as heat over the frame, grey and moved onto the result.

    Twice an equal share is drawn brightest: of seven frames that give the same, none would be seen to give anything.
    """
    cells, top = [], min(1.0, 2 / len(evidence.shares))
    for i, grey in enumerate(evidence.support.aligned):
        ground = np.clip(grey, 0, 1)[..., None] * 255
        mixed = 0.4 * ground + 0.6 * heat(evidence.maps[i], top)
        difference = evidence.support.difference[i]
        words = "elsewhere" if difference is None else f"differs by {difference:.0f}"
        cells.append(Cell(np.rint(mixed).astype(np.uint8), words))
    return cells


def result_cells(evidence: Evidence) -> list[Cell]:
    """What is shown beside the result: expected error, frame use, share of none, and what the frames say against it."""
    cells = []
    if evidence.error is not None:
        cells.append(Cell(heat(evidence.error, ERROR_TOP), f"error, 68 %\nmean {evidence.error.mean():.0f} of 255"))
    cells.append(Cell(heat(evidence.use_map), f"by the others\n{evidence.frame_use:.0%}"))
    cells.append(Cell(heat(evidence.maps[-1]), f"by no frame\n{evidence.none:.0%}"))
    difference = evidence.difference[np.isfinite(evidence.difference)]
    words = f"\nmean {difference.mean():.0f} of 255" if difference.size else ""
    cells.append(Cell(heat(evidence.difference, DIFFERENCE_TOP), f"unlike frames{words}"))
    return cells
