"""The thesis's finetuner: a single-frame U-Net, 60 px in and 144 px out."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sharpening.errors import ShapeError, WeightsMissing
from sharpening.reconstruct.finetune.method import SingleFrame
from sharpening.restore.finetune import Finetuner

__all__ = ["build_unet"]

_ADVICE = "Train them: sharpening train --recipe finetune-144 (or finetune-144-small), and name the file that it writes."


def build_unet(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """Load a single-frame network.

    Args:
        weights: name or path of weights with a card, such as those of the recipe finetune-144.
        pretrained: folder to search first.

    Returns:
        A function of square pictures `[3, S, S]`; see `restore.Finetuner.tensor` for the size of the result.

    Raises:
        WeightsMissing: none were named, or they are nowhere; the message says how to train them.
        WeightsMismatch: they take several frames, or are not what their card says.

    Source: the thesis, section 2.2.
    """
    if weights is None:
        raise WeightsMissing("of finetuner 'unet'", ["nowhere: none were named (weights=…)"], _ADVICE)
    try:
        finetuner = Finetuner.from_weights(weights, pretrained=pretrained, judge=False)
    except WeightsMissing as error:
        raise WeightsMissing(error.name, error.searched, _ADVICE) from error

    def finetune(picture: Tensor) -> Tensor:
        if picture.shape[1] != picture.shape[2]:
            raise ShapeError("picture", list(picture.shape), "[3, S, S], a square", "Cut the face out first.")
        return finetuner.tensor(picture[None].float())[0].clone().to(picture)

    return finetune
