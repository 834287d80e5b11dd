"""Door to `sharpening.reconstruct.crossover`: parts of a source become parts of the base."""

from sharpening.imaging.mask import mix
from sharpening.reconstruct.crossover import create_crossover, crossovers

__all__ = ["create_crossover", "crossovers", "mix"]
