"""Door to `sharpening.training`: recipes, training, export."""

from sharpening.training.export import export
from sharpening.training.learner import fit, make_learner, train
from sharpening.training.recipes import Recipe, recipes

__all__ = ["Recipe", "export", "fit", "make_learner", "recipes", "train"]
