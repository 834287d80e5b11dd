"""Door to `sharpening.evaluation`: the thesis's testing code, which runs networks over a test set and prints tables."""

from sharpening.evaluation.protocols import PROTOCOLS, samples
from sharpening.evaluation.run import evaluate, summary, to_markdown

__all__ = ["PROTOCOLS", "evaluate", "samples", "summary", "to_markdown"]
