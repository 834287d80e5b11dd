"""Door to `sharpening.reconstruct.transfer`: position and expression transfer."""

from sharpening.reconstruct.transfer.align_blend import align_blend
from sharpening.reconstruct.transfer.dense import dense
from sharpening.reconstruct.transfer.dlib_swap import dlib_swap, swap
from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.method import create_transfer, transfers

__all__ = ["align_blend", "create_transfer", "dense", "dlib_swap", "measure", "swap", "transfers"]
