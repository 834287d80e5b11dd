"""The Best Angle Selector: of one face in many poses, the picture whose pose is nearest to the base's.

In the thesis (section 2.3) a person looked through the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpening.errors import NoFaceFound, RangeError
from sharpening.models.face_align.forms import similarity
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.pose import Pose, head_pose
from sharpening.models.interface_gan.scores import NO_FACE

__all__ = ["Turned", "best_angle"]

PoseOf = Callable[[Landmarks, tuple[int, int]], Pose]


@dataclass(frozen=True, eq=False)
class Turned:
    """The source's face after a move along the boundary.

    Attributes:
        distance: of the move.
        landmarks: found in its picture; None where no face was seen.
    """

    distance: float
    landmarks: Landmarks | None


def best_angle(
    turned: Sequence[Turned],
    base: Landmarks,
    side: int,
    *,
    pose: PoseOf = head_pose,
) -> tuple[Turned, dict[str, Any]]:
    """The Best Angle Selector: which of the turned faces looks the way the base does.

    Poses are compared by the angle between the directions that the faces look in. Where a pose cannot be told, of the base or of every
    turned face, the faces' landmarks are compared instead, each face brought onto the base first.

    Args:
        turned: the faces to choose from.
        base: landmarks of the base, in the form of FFHQ like the generated pictures.
        side: of these [px].
        pose: tells the pose from landmarks and the picture's size.

    Returns:
        The chosen one, and facts as in `interface_gan`. Of equals the one that was moved the least is taken.

    Raises:
        NoFaceFound: none of them has landmarks.
    """
    seen = [each for each in turned if each.landmarks is not None]
    unseen = [each.distance for each in turned if each.landmarks is None]
    if not seen:
        advice = "The embedding did not become a face: take more steps, or another source."
        raise NoFaceFound(f"any of the {len(turned)} generated pictures", advice)
    wanted = _direction(base, side, pose)
    looks = {each.distance: _direction(each.landmarks, side, pose) for each in seen if each.landmarks is not None}
    gaps: dict[float, float] = {}
    if wanted is not None:
        told = {distance: look for distance, look in looks.items() if look is not None}
        gaps = {distance: float(np.degrees(np.arccos(np.clip(look @ wanted, -1, 1)))) for distance, look in told.items()}
    how = "pose" if gaps else "landmarks"
    if not gaps:
        gaps = {each.distance: _shape_gap(each.landmarks, base) for each in seen if each.landmarks is not None}
    chosen = min(
        (each for each in seen if each.distance in gaps), key=lambda each: (round(gaps[each.distance], 6), abs(each.distance))
    )
    known = {"distance": chosen.distance, "how": how, "gap": gaps[chosen.distance], "gaps": gaps, "unseen": unseen}
    return chosen, known


def _direction(landmarks: Landmarks, side: int, pose: PoseOf) -> Points | None:
    """Unit vector in which a face looks; roll, which the alignment takes away, is not in it. None where no pose can be told."""
    try:
        known = pose(landmarks, (side, side))
    except RangeError:
        return None
    if not known.error <= NO_FACE:
        return None
    yaw, pitch = np.radians([known.yaw, known.pitch])
    return np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])


def _shape_gap(landmarks: Landmarks, base: Landmarks) -> float:
    """Mean distance of the landmarks after the best similarity map onto the base's [eye distances]."""
    moved = landmarks.moved(similarity(landmarks.points, base.points))
    return float(np.linalg.norm(moved.points - base.points, axis=1).mean() / max(base.eye_distance, 1e-6))
