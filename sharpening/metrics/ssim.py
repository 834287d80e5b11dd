"""SSIM in the form of its authors: an 11×11 Gaussian window, no border.

State the form with every figure: the same pair of pictures has 0.65 to 0.79 in the forms that are about. This one equals that of
scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`, channels apart and then averaged.
"""

from __future__ import annotations

from torch import Tensor

from sharpening.imaging.pairs import as_pair
from sharpening.imaging.structure import ssim_map
from sharpening.metrics.metric import Metric

__all__ = ["SSIM", "ssim"]


def ssim(pred: Tensor, target: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Structural similarity of each picture: the mean over pixels and channels.

    Args:
        pred: `[bs, c, H, W]`, float, sides of at least 11 px.
        target: the same shape.
        data_range: the largest value that the pictures can take (1 or 255).

    Returns:
        `[bs]` in [-1, 1]; 1 for equal pictures.

    Raises:
        ShapeError: when the shapes differ or a side is too small.

    Source: Wang et al., 2004, doi:10.1109/TIP.2003.819861.
    """
    pred, target = as_pair(pred, target)
    return ssim_map(pred, target, data_range=data_range).flatten(1).mean(dim=1)


SSIM = Metric("SSIM", "-", "higher", (-1.0, 1.0), needs_target=True, fn=ssim, decimals=4)
