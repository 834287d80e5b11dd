"""How pairs and what the cross-over net made of them look: one row a pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from fastai.torch_core import TensorImage
from numpy.typing import NDArray
from plum import dispatch
from torch import Tensor

from sharpening.imaging.sheet import sheet
from sharpening.mframe_dl.show import display, to_picture
from sharpening.models.inpaint_net.data import InpaintStack

__all__ = ["pairs_sheet", "show_batch", "show_results"]


def pairs_sheet(
    pairs: list[Tensor], labels: list[Tensor], preds: list[Tensor] | None = None, *, size: int = 128
) -> NDArray[np.uint8]:
    """Draw pairs as one picture.

    Args:
        pairs: Each `[9 or 7, S, S]`, decoded to 0 … 255: base, source, mask.
        labels: Each `[3, S, S]`, 0 … 255.
        preds: As the labels; left out for a batch that nobody has worked on yet.
        size: Side of one cell [px].

    Returns:
        uint8 `[H, W, 3]`.
    """
    rows = []
    for i, (pair, label) in enumerate(zip(pairs, labels, strict=True)):
        plain = pair.as_subclass(Tensor)
        parts = [plain[:3], plain[3:6], torch.cat([plain[6:7]] * 3), *([] if preds is None else [preds[i]]), label]
        rows.append([to_picture(part) for part in parts])
    titles = ["base", "source", "mask", *([] if preds is None else ["pred"]), "label"]
    return sheet(rows, titles=titles, size=size)


# fastai finds these two by the types of x and y.
@dispatch
def show_batch(
    x: InpaintStack, y: TensorImage, samples: Any, ctxs: Any = None, max_n: int = 6, figsize: Any = None, **kwargs: Any
) -> Any:
    """Show up to `max_n` pairs of a batch with their labels; called by `dls.show_batch()`."""
    rows = list(samples)[:max_n]
    return display(pairs_sheet([row[0] for row in rows], [row[1] for row in rows], **kwargs), figsize)


@dispatch
def show_results(
    x: InpaintStack, y: TensorImage, samples: Any, outs: Any, ctxs: Any = None, max_n: int = 6, figsize: Any = None, **kwargs: Any
) -> Any:
    """Show up to `max_n` pairs with prediction and label; called by `learn.show_results()`."""
    rows = list(samples)[:max_n]
    preds = [out[0] for out in list(outs)[:max_n]]
    return display(pairs_sheet([row[0] for row in rows], [row[1] for row in rows], preds, **kwargs), figsize)
