"""A single-frame net behind the multi-frame one: the "+" of the thesis's tables (section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.network import TrainedNetwork, load_network

__all__ = ["MOST_CHANGE", "Finetuned", "Finetuner", "identity_change"]

MOST_CHANGE = 0.3
"""Largest change of the descriptor that is let through: half of what parts two persons for dlib. A net that moves it further does not
sharpen a face, it changes it."""


@dataclass(frozen=True, eq=False)
class Finetuned:
    """What a finetuner made.

    Attributes:
        picture: float32 `[S, S, 3]`, RGB in [0, 1]: the finetuned picture, or the given one if the person changed.
        kept: whether the finetuned picture was kept.
        change: distance of the descriptors before and after [-]; None where no judge or no face was there to measure it.
        name: of the finetuner's weights.
        most_change: the largest change that was allowed [-].
        judged: whether a judge was asked.
    """

    picture: NDArray[np.float32]
    kept: bool
    change: float | None
    name: str
    most_change: float = MOST_CHANGE
    judged: bool = False

    def facts(self) -> dict[str, Any]:
        """For the report."""
        change = None if self.change is None else round(self.change, 4)
        return {"weights": self.name, "identity_change": change, "undone_from": self.most_change, "kept": self.kept}

    def warnings(self) -> list[str]:
        """What the user should know."""
        if self.kept and self.change is None and self.judged:
            return [f"Whether the finetuner {self.name} changed the person could not be measured: no face was found in its input."]
        if self.kept:
            return []
        return [
            f"The finetuner {self.name} changed the face (identity distance {self.change:.2f}, at most {self.most_change} is allowed): "
            "its result was thrown away."
        ]


class Finetuner:
    """Gives a restored picture to a single-frame net, and takes the result only if the person stays the same.

    The picture is brought to the size at which the net learned (60 px for the thesis's) and comes back `scale` times larger; a picture
    larger than the net's own result keeps its size.

    Args:
        trained: a network for one frame.
        judge: measures whether the person stays the same; without one every result is kept.
        most_change: largest distance of the descriptors before and after [-].

    Raises:
        WeightsMismatch: if the network takes several frames.
        RangeError: if `most_change` is negative.
    """

    def __init__(self, trained: TrainedNetwork, *, judge: FaceJudge | None = None, most_change: float = MOST_CHANGE) -> None:
        if trained.card.n_frames != 1:
            problem = f"takes {trained.card.n_frames or 'any number of'} frames, a finetuner takes one."
            raise WeightsMismatch(trained.path or trained.card.name, problem, "Train one: sharpening train --recipe finetune-144.")
        if most_change < 0:
            raise RangeError("most_change", most_change, "0 or more")
        self.trained, self.judge, self.most_change = trained, judge, most_change

    @classmethod
    def from_weights(
        cls,
        name: str | Path,
        *,
        device: torch.device | str = "cpu",
        pretrained: str | Path | None = None,
        judge: FaceJudge | bool = True,
    ) -> Finetuner:
        """Build a finetuner out of a weight file and its card, see `load_network`.

        Args:
            name: "default", a name in one of the searched folders, or the path of a weight file with its card beside it.
            device: where to run it.
            pretrained: folder to search first.
            judge: measures whether the person stays the same; True builds one, False leaves it out.
        """
        looks = judge if isinstance(judge, FaceJudge) else FaceJudge() if judge else None
        return cls(load_network(name, pretrained=pretrained, device=device), judge=looks)

    def __call__(self, picture: NDArray[np.float32]) -> Finetuned:
        """Finetune one picture, float32 `[S, S, 3]`, RGB in [0, 1]."""
        before = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)[None]
        after = self.tensor(before)
        change = identity_change(before, after, self.judge)
        kept = change is None or change <= self.most_change
        chosen = after[0].movedim(0, -1).numpy() if kept else picture
        return Finetuned(
            np.ascontiguousarray(chosen, np.float32), kept, change, self.trained.card.name, self.most_change, self.judge is not None
        )

    def tensor(self, pictures: torch.Tensor) -> torch.Tensor:
        """Finetune a batch `[bs, 3, S, S]` in [0, 1], on the CPU, without looking at the persons."""
        side = max(pictures.shape[-1], self.trained.card.size_out)
        small = resize_tensor(pictures, round(side / self.trained.scale)).clamp(0, 1)
        device = next(self.trained.network.parameters()).device
        made = self.trained(small[:, None].to(device)).pictures.float().cpu()
        # Rounding on the way down may have cost or added a pixel: 256 → 107 → 257.
        return made if made.shape[-1] == side else resize_tensor(made, side).clamp(0, 1)


def identity_change(
    before: torch.Tensor, after: torch.Tensor, judge: FaceJudge | None, landmarks: torch.Tensor | None = None
) -> float | None:
    """How far a picture's descriptor moved.

    Args:
        before: `[1, 3, H, W]`, RGB in [0, 1].
        after: `[1, 3, H2, W2]`, of the same proportions.
        judge: describes the faces.
        landmarks: `[1, 5, 2]` of the face in the picture before [px], where they are known; it is searched for otherwise.

    Returns:
        Distance of the descriptors [-]; None where no judge or no face was there to measure it.
    """
    if judge is None:
        return None
    # Both at one size and with one cut: what is compared is the face, not where the landmarks fell.
    same_size = resize_tensor(before, (after.shape[-2], after.shape[-1])).clamp(0, 1)
    if landmarks is not None:
        landmarks = landmarks * (after.shape[-1] / before.shape[-1])
    distance = float(judge.same_person(after, same_size, landmarks=landmarks).distance[0])
    return None if np.isnan(distance) else distance
