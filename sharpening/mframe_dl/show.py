"""How batches and results look: one row a sequence, the frames as a strip with the middle marked, then prediction and label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from fastai.torch_core import TensorImage
from numpy.typing import NDArray
from plum import dispatch
from torch import Tensor

from sharpening.imaging.resize import resize
from sharpening.imaging.sheet import sheet
from sharpening.metrics.error import psnr
from sharpening.mframe_dl.types import FrameStack

__all__ = ["display", "results_sheet", "show_batch", "show_results", "to_picture"]

Picture = NDArray[np.uint8]

_MARK = (255, 176, 0)  # amber: seen on skin, hair and dark ground alike


def results_sheet(
    stacks: list[Tensor], labels: list[Tensor | None], preds: list[Tensor] | None = None, *, size: int = 112
) -> Picture:
    """Draw sequences, and what became of them, as one picture.

    Args:
        stacks: Each `[3·n, h, w]`, decoded to 0 … 255.
        labels: Each `[3, S, S]`, 0 … 255, or None.
        preds: As the labels; left out for a batch that nobody has restored yet.
        size: Side of one cell [px].

    Returns:
        uint8 `[H, W, 3]`. Under bicubic and prediction stands their PSNR to the label [dB].
    """
    rows, captions = [], []
    for i, (stack, label) in enumerate(zip(stacks, labels, strict=True)):
        row, words = _row(_pictures(stack), label, None if preds is None else preds[i], size)
        rows.append(row)
        captions.append(words)
    n = len(stacks[0]) // 3
    titles = [f"frame {k + 1}" if k != n // 2 else "middle" for k in range(n)] + ["bicubic"]
    titles += ([] if preds is None else ["pred"]) + ([] if labels[0] is None else ["label"])
    return sheet(rows, titles=titles, captions=captions, size=size)


def _row(frames: list[Picture], label: Tensor | None, pred: Tensor | None, size: int) -> tuple[list[Picture], list[str]]:
    middle = len(frames) // 2
    side = size if label is None else label.shape[-1]
    after = [resize(frames[middle], side, "bicubic")]
    after += [] if pred is None else [to_picture(pred)]
    truth = None if label is None else to_picture(label)
    words = [""] * len(frames) + ["" if truth is None else f"{_psnr(picture, truth):.1f} dB" for picture in after]
    strip = [_marked(frame, size) if k == middle else frame for k, frame in enumerate(frames)]
    return strip + after + ([] if truth is None else [truth]), words + ([] if truth is None else [""])


def to_picture(x: Tensor) -> Picture:
    """A decoded picture `[3, H, W]` in 0 … 255 as uint8 `[H, W, 3]`."""
    return x.as_subclass(Tensor).permute(1, 2, 0).clamp(0, 255).to(torch.uint8).numpy()


def _pictures(stack: Tensor) -> list[Picture]:
    return [to_picture(frame) for frame in stack.as_subclass(Tensor).unflatten(0, (-1, 3))]


def _psnr(picture: Picture, truth: Picture) -> float:
    pred, target = (torch.from_numpy(x).permute(2, 0, 1)[None] / 255 for x in (picture, truth))
    return float(psnr(pred, target))


def _marked(frame: Picture, size: int) -> Picture:
    frame = resize(frame, size, "nearest")
    edge = max(2, size // 40)
    inner = frame[edge:-edge, edge:-edge].copy()
    frame[:] = _MARK
    frame[edge:-edge, edge:-edge] = inner
    return frame


def display(picture: Picture, figsize: tuple[float, float] | None) -> list[Any]:
    """Put a picture on a figure of its own; the axes are returned, as fastai wants it."""
    from matplotlib import pyplot as plt

    height, width = picture.shape[:2]
    figure, axis = plt.subplots(figsize=figsize or (min(16.0, width / 80), min(16.0, width / 80) * height / width))
    axis.imshow(picture)
    axis.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1)
    return [axis]


# fastai finds these by the types of x and y; y is a tuple where the batch carries the true motion as well. Each type has its own entry: one
# for both would be no more special than fastai's own, and it could not tell which to take once `fastai.vision.all` is imported.
@dispatch
def show_batch(x: FrameStack, y: TensorImage, samples: Any, ctxs: Any = None, max_n: int = 6, **kwargs: Any) -> Any:
    """Show up to `max_n` sequences of a batch with their labels; called by `dls.show_batch()`."""
    return _show_batch(samples, max_n, **kwargs)


@dispatch  # type: ignore[no-redef]
def show_batch(x: FrameStack, y: tuple, samples: Any, ctxs: Any = None, max_n: int = 6, **kwargs: Any) -> Any:  # noqa: F811
    """Show up to `max_n` sequences of a batch with their labels; called by `dls.show_batch()`."""
    return _show_batch(samples, max_n, **kwargs)


@dispatch
def show_results(x: FrameStack, y: TensorImage, samples: Any, outs: Any, ctxs: Any = None, max_n: int = 6, **kwargs: Any) -> Any:
    """Show up to `max_n` sequences with prediction and label; called by `learn.show_results()`."""
    return _show_results(samples, outs, max_n, **kwargs)


@dispatch  # type: ignore[no-redef]
def show_results(x: FrameStack, y: tuple, samples: Any, outs: Any, ctxs: Any = None, max_n: int = 6, **kwargs: Any) -> Any:  # noqa: F811
    """Show up to `max_n` sequences with prediction and label; called by `learn.show_results()`."""
    return _show_results(samples, outs, max_n, **kwargs)


def _show_batch(samples: Any, max_n: int, figsize: Any = None, **kwargs: Any) -> Any:
    rows = list(samples)[:max_n]
    return display(results_sheet([row[0] for row in rows], [row[1] for row in rows], **kwargs), figsize)


def _show_results(samples: Any, outs: Any, max_n: int, figsize: Any = None, **kwargs: Any) -> Any:
    rows = list(samples)[:max_n]
    preds = [out[0] for out in list(outs)[:max_n]]
    return display(results_sheet([row[0] for row in rows], [row[1] for row in rows], preds, **kwargs), figsize)
