"""Door to `sharpening.reconstruct.crossover`: masks with soft borders, and how visible a border is."""

from sharpening.metrics.seam import seam
from sharpening.reconstruct.crossover.soft import soft_mask

__all__ = ["seam", "soft_mask"]
