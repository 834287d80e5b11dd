"""Pieces that more than one network is built of: plain torch, no training code."""

from sharpening.models.basic_blocks.convs import ResBlock, ResStack, conv, softened, upshuffle
from sharpening.models.basic_blocks.precision import fast_dtype, in_full_precision
from sharpening.models.basic_blocks.projection import back_project, frame_agreement, inverse_affine
from sharpening.models.basic_blocks.registration import affine_grid, estimate_affine, solve_spd
from sharpening.models.basic_blocks.warp import identity_grid, warp

__all__ = [
    "ResBlock",
    "ResStack",
    "affine_grid",
    "back_project",
    "conv",
    "estimate_affine",
    "fast_dtype",
    "frame_agreement",
    "identity_grid",
    "in_full_precision",
    "inverse_affine",
    "softened",
    "solve_spd",
    "upshuffle",
    "warp",
]
