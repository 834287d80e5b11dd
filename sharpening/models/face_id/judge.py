"""Judging whether two pictures show the same person: faces found, cut out, described and compared.

The faces are found once, on a reference (the true picture), and the same cut is taken from every picture that is judged; a blurred
prediction is then not punished for landmarks that sit badly on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.metrics.identity import identity_cosine, identity_distance
from sharpening.models.face_align.detect import Face, find_faces
from sharpening.models.face_id.protocol import FaceNet
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29

__all__ = ["SAME_PERSON_DISTANCE", "FaceJudge", "Likeness"]

SAME_PERSON_DISTANCE = 0.6
"""Two faces with descriptors of dlib's net nearer than this are taken for one person (the threshold of its author)."""

_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike the persons in two batches are; NaN where no face was found.

    Attributes:
        cosine: `[bs]`, of the angle between the descriptors; 1 is best.
        distance: `[bs]`, between the descriptors; 0 is best.
        threshold: distance under which it counts as the same person; None where none is known for the net.
    """

    cosine: Tensor
    distance: Tensor
    threshold: float | None = SAME_PERSON_DISTANCE

    @property
    def found(self) -> Tensor:
        """Bool `[bs]`: where there was a face to judge."""
        return ~self.distance.isnan()

    @property
    def same(self) -> Tensor:
        """Bool `[bs]`: where it counts as the same person; False where no face was found.

        Raises:
            RangeError: when there is no threshold.
        """
        if self.threshold is None:
            raise RangeError("threshold", None, "a distance", "Give FaceJudge one that belongs to its network.")
        return self.distance < self.threshold


class FaceJudge:
    """Descriptors of the largest face in pictures, and their comparison. Not for several threads at a time (see `find_faces`).

    Args:
        network: cuts its own chips out of pictures and describes them; dlib's face net when left out.
        find: pictures uint8 `[H, W, 3]` to faces, the wanted one first.
        batch: how many chips to describe at a time.
        threshold: distance under which two faces count as one person; known for dlib's net alone.
    """

    def __init__(
        self,
        network: FaceNet | None = None,
        *,
        find: Callable[[np.ndarray], list[Face]] = find_faces,
        batch: int = 32,
        threshold: float | None = None,
    ) -> None:
        self.network: FaceNet = load_resnet29() if network is None else network
        self.find, self.batch = find, batch
        own = SAME_PERSON_DISTANCE if self.network.name == DlibResNet29.name else None
        self.threshold = own if threshold is None else threshold

    def locate(self, pictures: Tensor) -> Tensor:
        """Landmarks `[bs, 5, 2]` (x, y) [px] of the largest face in each of pictures `[bs, 3, H, W]` in [0, 1]; NaN where none."""
        _check(pictures)
        landmarks = torch.full((len(pictures), 5, 2), torch.nan, dtype=torch.float64)
        for i, picture in enumerate(to_uint8(pictures)):
            if faces := self.find(picture):
                landmarks[i] = torch.from_numpy(faces[0].landmarks)
        return landmarks

    @torch.no_grad()
    def descriptors(self, pictures: Tensor, landmarks: Tensor | None = None) -> Tensor:
        """Describe one face in each picture, on the chip that the network's own `cut` takes out of it (8 bits).

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1].
            landmarks: `[bs, 5, 2]` [px] of the faces, from `locate` on a reference of the same size; NaN for a picture without one.
                Searched for in the pictures themselves when left out.

        Returns:
            float32 `[bs, d]`, on the device of the network; rows of NaN where there is no face.

        Raises:
            ShapeError: when pictures and landmarks do not fit together.
        """
        _check(pictures)
        landmarks = self.locate(pictures) if landmarks is None else landmarks.detach().cpu().double()
        if landmarks.shape != (len(pictures), 5, 2):
            raise ShapeError("landmarks", list(landmarks.shape), f"[{len(pictures)}, 5, 2], one set for each picture")
        there = landmarks.isfinite().all(dim=(1, 2)).nonzero()[:, 0]
        anchor = next(self.network.parameters())
        found = [self._describe(pictures[some], landmarks[some], anchor) for some in there.split(self.batch) if len(some)]
        width = found[0].shape[1] if found else self.network.n_descriptor
        rows = anchor.new_full((len(pictures), width), torch.nan)
        return rows.index_copy(0, there.to(rows.device), torch.cat(found)) if found else rows

    def same_person(self, pred: Tensor, target: Tensor, *, landmarks: Tensor | None = None) -> Likeness:
        """Compare the persons in two batches of pictures of the same size, picture by picture, cut out alike.

        Args:
            pred: `[bs, 3, H, W]`, RGB in [0, 1].
            target: the same shape; the faces are searched for here.
            landmarks: of the faces in `target`, when they are known already (`locate`).

        Raises:
            ShapeError: when the shapes differ.
        """
        if pred.shape != target.shape:
            raise ShapeError("pred and target", f"{list(pred.shape)} and {list(target.shape)}", "equal shapes", "Resize one first.")
        landmarks = self.locate(target) if landmarks is None else landmarks
        got, wanted = self.descriptors(pred, landmarks), self.descriptors(target, landmarks)
        return Likeness(identity_cosine(got, wanted), identity_distance(got, wanted), self.threshold)

    def _describe(self, pictures: Tensor, landmarks: Tensor, anchor: Tensor) -> Tensor:
        # dlib works on grey levels and cuts fractions off; doing the same gives its descriptors to the last digits.
        levels = torch.from_numpy(to_uint8(pictures)).movedim(-1, 1).to(landmarks)
        chips = (self.network.cut(levels, landmarks) + _ROUNDING).floor() / 255
        return self.network(chips.to(anchor))


def _check(pictures: Tensor) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ShapeError("pictures", list(pictures.shape), "[bs, 3, H, W]", "RGB in [0, 1], channels first.")
