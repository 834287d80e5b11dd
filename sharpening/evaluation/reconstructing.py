"""Reconstruction by explicit steps as a method of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharpening.errors import NoFaceFound
from sharpening.evaluation.methods import Made, SequenceMethod, fitted
from sharpening.evaluation.sample import Sample
from sharpening.evaluation.sections import careful_sources, good_sources
from sharpening.frames.sequence import FrameSequence
from sharpening.models.face_id import FaceJudge
from sharpening.reconstruct import Choice, Reconstruction, Settings, State
from sharpening.reconstruct.clean import create_cleaner
from sharpening.reconstruct.people import TwoPersons

__all__ = ["Reconstructing"]

MOST_STARTS = 100  # states that are kept, 3 MB each: those of one start, of one set
_STARTS: dict[Any, State] = {}


class Reconstructing(SequenceMethod):
    """Reconstruct the middle of each sample.

    The base is always the middle, since the truth is that of the middle. Where the reconstruction is refused, the picture is the cleaned
    middle, so that a row has all its pictures, and the refusal is counted.

    Args:
        settings: Of the steps.
        by_hand: Take the sources that a careful person would choose who sees which parts are damaged; else they are found.
        judge: Takes out again what leads away from the person, as in use; None measures what the steps make, harm included.
        pretrained: Folder to search weights in first.
        pipeline: Is called with (sequence, choice=…, cropped=True); made of the settings when None.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        by_hand: bool = False,
        judge: FaceJudge | None = None,
        pretrained: str | Path | None = None,
        pipeline: Any = None,
    ) -> None:
        self.by_hand = by_hand
        self.start = (settings.clean, settings.enlarge, settings.clearly, judge is not None) if pipeline is None else None
        self.pipeline = Reconstruction(settings, judge=judge, pretrained=pretrained) if pipeline is None else pipeline
        own = create_cleaner(settings.clean, enlarge=settings.enlarge, pretrained=pretrained) if pipeline is not None else None
        self.cleaner = own or self.pipeline.cleaner

    def of(self, samples: Sequence[Sample]) -> Made:
        """The pictures, with "refused" (1 where it was) and "right_sources": the share of the damaged parts that came from a good frame."""
        made = [self._one(sample) for sample in samples]
        facts = {
            "refused": torch.tensor([float(sources is None) for _, sources in made], dtype=torch.float64),
            "right_sources": torch.tensor(
                [_right(sample, sources) for sample, (_, sources) in zip(samples, made, strict=True)], dtype=torch.float64
            ),
        }
        return Made(torch.stack([picture for picture, _ in made]), facts)

    def _one(self, sample: Sample) -> tuple[Tensor, dict[str, int] | None]:
        try:
            found = self._found(sample)
        except (NoFaceFound, TwoPersons):  # all else is a mistake of the run and not of the sample
            return self._fitted(self.cleaner.clean(sample.frames)[sample.middle], sample), None
        picture = torch.from_numpy(found.picture).movedim(-1, 0).float()
        return self._fitted(picture, sample), dict(found.choice.sources)

    def _found(self, sample: Sample) -> Any:
        choice = Choice(base=sample.middle)
        if self.by_hand:
            choice = Choice(base=sample.middle, sources=careful_sources(sample), rest="base")
        key = (self.start, sample.frames.tobytes())
        if self.start is not None and key in _STARTS:
            # Rows that differ in later steps need not clean and find the face again; that is most of the time.
            return self.pipeline.again(_STARTS[key], choice, start="select" if self.by_hand else "mask")
        found = self.pipeline(FrameSequence(sample.frames, sample.name), choice=choice, cropped=True)
        if self.start is not None and not self.by_hand:
            _STARTS[key] = found.state
            while len(_STARTS) > MOST_STARTS:
                del _STARTS[next(iter(_STARTS))]
        return found

    @staticmethod
    def _fitted(picture: Tensor, sample: Sample) -> Tensor:
        # One by one: a finetuner that was undone leaves a picture of another size than one that was not.
        return fitted(picture[None], picture.new_empty(1, 3, *sample.label.shape[:2]))[0]


def _right(sample: Sample, sources: dict[str, int] | None) -> float:
    """The share of the damaged parts that were taken from a frame that shows them; NaN where nothing is damaged, or it was refused."""
    good = {part: frames for part, frames in good_sources(sample).items() if frames}
    if sources is None or not good:
        return float("nan")
    return sum(sources.get(part, sample.middle) in frames for part, frames in good.items()) / len(good)
