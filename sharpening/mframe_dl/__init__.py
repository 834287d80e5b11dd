"""The fastai face of frames: sequences as batches `[bs, 3·n, H, W]`, their labels, and the loaders of both.

`mframe_dls(source)` is all that most programs need. `MFrameBlock` and `MFrameDataBlock` fit own data into fastai's data blocks.
"""

from sharpening.mframe_dl.draws import Draws
from sharpening.mframe_dl.loaders import MFrameBlock, MFrameDataBlock, MFrameDL, mframe_dls
from sharpening.mframe_dl.opening import OpenedSequence, SequenceOpener
from sharpening.mframe_dl.show import show_batch, show_results
from sharpening.mframe_dl.sources import Split, find_items
from sharpening.mframe_dl.transforms import EnlargeFrames, NormalizeFrames, OneDraw
from sharpening.mframe_dl.types import BatchForm, FrameStack, Motion

__all__ = [
    "BatchForm",
    "Draws",
    "EnlargeFrames",
    "FrameStack",
    "MFrameBlock",
    "MFrameDL",
    "MFrameDataBlock",
    "Motion",
    "NormalizeFrames",
    "OneDraw",
    "OpenedSequence",
    "SequenceOpener",
    "Split",
    "find_items",
    "mframe_dls",
    "show_batch",
    "show_results",
]
