"""The few-shot face translation GAN: a person's face in the pose of another picture, from one picture of the person or a few."""

from __future__ import annotations

from sharpening.models.few_shot.load import load_few_shot_net
from sharpening.models.few_shot.model import FewShotDecoder, FewShotEncoder, FewShotNet
from sharpening.models.few_shot.translate import FewShot, Translated, translate

__all__ = ["FewShot", "FewShotDecoder", "FewShotEncoder", "FewShotNet", "Translated", "load_few_shot_net", "translate"]
