"""How far position transfer reaches: every pair of pictures of one person from several angles, the face of one put on the other.

The truth is the base itself: a perfect transfer of the source's eyes, nose and mouth gives the base's own picture back, up to expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError, NoFaceFound
from sharpening.evaluation.inside import measure_inside
from sharpening.evaluation.table_text import Grid
from sharpening.frames.head_pose import HeadPose, is_shot, parse_shot
from sharpening.frames.listing import list_pictures, stills
from sharpening.imaging.convert import to_tensor, to_uint8
from sharpening.imaging.files import read_picture
from sharpening.metrics.seam import seam
from sharpening.models.face_align.crop import crop_square
from sharpening.models.face_align.detect import Face, find_faces, standard_square
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.pose import Pose, head_pose
from sharpening.models.face_id.judge import FaceJudge
from sharpening.models.face_seg.landmark_masks import landmark_masks
from sharpening.models.face_seg.parts import SMALL_PARTS
from sharpening.reconstruct.crossover.method import create_crossover
from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.method import Transfer, create_transfer
from sharpening.reconstruct.view import Moved, View

__all__ = ["ANGLES", "NO_TRANSFER", "PoseTransferRow", "pose_series", "pose_transfer", "pose_transfer_table"]

Picture = NDArray[np.uint8]

ANGLES = (5, 10, 15, 20, 30, 45, 180)
"""Upper ends of the classes of angles in the table [degrees]."""

LARGEST_ANGLE = 30.0  # degrees
LARGEST_MISMATCH = 0.4  # on valid clips two in three parts over it are wrong, of those under 0.2 one in a hundred
LEAST_SEEN = 0.9  # share of the parts that lies in the source's picture

NO_TRANSFER = "no transfer"
"""Name of the floor: the source's pixels where they are."""


@dataclass(frozen=True)
class PoseTransferRow:
    """One transfer.

    Attributes:
        base: name of the picture that was to get the parts.
        source: name of the picture that they were taken from.
        method: name of the transfer; "no transfer" puts the source's pixels where they are.
        angle: between the directions the two look in [degrees]; NaN where a face was not found.
        refused: why a pipeline should refuse the result; empty where it should not. Such results are measured all the same.
        mismatch: of the moved source and the base round the parts, see `reconstruct.transfer.measure`.
        identity: cosine of the face's descriptor to the base's.
        distance: of the descriptors.
        psnr: inside the parts, against the base's own picture [dB].
        ssim: the same place.
        seam: visibility of the border, 1 for none.
    """

    base: str
    source: str
    method: str
    angle: float
    refused: str
    mismatch: float = math.nan
    identity: float = math.nan
    distance: float = math.nan
    psnr: float = math.nan
    ssim: float = math.nan
    seam: float = math.nan


def pose_series(folder: str | Path) -> list[list[Path]]:
    """The pictures of a folder, in groups of one person that may be put on each other.

    A folder of the HeadPose set gives a group for each person and series, since persons took glasses on or off between the two; any other
    folder is one group. A series of which only one picture is there has no pair and is left out, unless there are no others.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    paths = stills(Path(folder))
    if not paths or not all(is_shot(path) for path in paths):
        return [list(list_pictures(folder))]
    groups: dict[tuple[int, int], list[Path]] = {}
    for shot in HeadPose(folder):
        groups.setdefault((shot.person, shot.series), []).append(shot.path)
    return [group for group in groups.values() if len(group) > 1] or list(groups.values())


def pose_transfer(
    pictures: str | Path | Sequence[str | Path],
    *,
    methods: Sequence[str] = ("no transfer", "align-blend", "dlib", "dense"),
    crossover: str = "soft",
    parts: Sequence[str] = SMALL_PARTS,
    size: int = 128,
    most_angle: float = 180,
    judge: Any = None,
    find: Callable[[Picture], list[Face]] = find_faces,
) -> list[PoseTransferRow]:
    """Transfer the parts between all ordered pairs of pictures.

    Args:
        pictures: a folder of one person's pictures (a clip, a HeadPose person), or the paths of some.
        methods: names of transfers; "no transfer" is the floor.
        crossover: name of the cross-over.
        parts: what is taken from the source.
        size: side of the standard crop that faces are brought to [px].
        most_angle: pairs that look further apart than this are left out [degrees].
        judge: compares persons; dlib's face net when left out.
        find: faces in a picture.

    Returns:
        A row for each pair and method. A picture without a face gives one row that says so.

    Raises:
        KeyError: an unknown transfer or cross-over, with the known ones.
        InputError: fewer than two pictures.
        NoFaceFound: a face in fewer than two of them.

    Source: thesis section 2.3 asks for it, on the HeadPose set.
    """
    paths = list_pictures(pictures) if isinstance(pictures, str | Path) else [Path(path) for path in pictures]
    if len(paths) < 2:
        raise InputError(
            str(pictures), f"{len(paths)} picture, and a pair is needed.", "Give a folder of one person from several angles."
        )
    cross = create_crossover(crossover)
    moves = {name: None if name == NO_TRANSFER else create_transfer(name) for name in methods}
    views = {path.name if len({p.name for p in paths}) == len(paths) else str(path): _view(path, size, find) for path in paths}
    seen = {name: view for name, view in views.items() if view is not None}
    if len(seen) < 2:
        raise NoFaceFound(str(pictures), f"There is one in {len(seen)} of {len(views)} pictures; a pair is needed.")
    rows = [PoseTransferRow(name, "", "", math.nan, "no face found") for name, view in views.items() if view is None]
    poses = {name: head_pose(view.landmarks, (size, size)) for name, view in seen.items()}
    judge = FaceJudge() if judge is None else judge
    for base in seen:
        near = {source: _between(source, base, poses) for source in seen if source != base}
        todo = {source: angle for source, angle in near.items() if angle <= most_angle}
        rows += _onto(base, todo, seen, moves, cross, parts, judge)
    return rows


def pose_transfer_table(rows: Sequence[PoseTransferRow], angles: Iterable[float] = ANGLES) -> Grid:
    """Means by angle and method; of the refused results only the number.

    Args:
        rows: from `pose_transfer`, of one folder or more.
        angles: upper ends of the classes [degrees].
    """
    heads = ("angle", "method", "pairs", "refused", "identity cosine", "PSNR inside [dB]", "SSIM inside", "seam", "mismatch")
    lines, low = [], 0.0
    methods = list(dict.fromkeys(row.method for row in rows if row.method))
    for high in angles:
        for method in methods:
            some = [row for row in rows if row.method == method and low <= row.angle < high]
            if some:
                lines.append((f"{low:g}–{high:g}°", method, *_means(some)))
        low = high
    faceless = sum(row.refused == "no face found" for row in rows)
    notes = (
        "Eyes, brows, nose and mouth of the source on the base; the base's own picture is the truth. Means over what was not refused.",
        f"Refused: over {LARGEST_ANGLE:g}° apart, mismatch over {LARGEST_MISMATCH:g}, or under {LEAST_SEEN:.0%} of the parts seen.",
        "dlib copies the base's coarse colours onto the source, which flatters its PSNR and mismatch; SSIM tells how well the parts lie.",
        f"Pictures without a face: {faceless}.",
    )
    return Grid("Pose transfer by the angle between base and source", heads, tuple(lines), notes)


def _means(rows: Sequence[PoseTransferRow]) -> tuple[str, ...]:
    kept = [row for row in rows if not row.refused]
    counts = str(len(rows)), str(len(rows) - len(kept))

    def mean(name: str, decimals: int) -> str:
        values = [value for row in kept if not math.isnan(value := getattr(row, name))]
        return f"{np.mean(values):.{decimals}f}" if values else "–"

    return (*counts, mean("identity", 4), mean("psnr", 2), mean("ssim", 3), mean("seam", 2), mean("mismatch", 3))


def _view(path: Path, size: int, find: Callable[[Picture], list[Face]]) -> View | None:
    """The standard crop of the largest face, and its landmarks."""
    picture = read_picture(path)
    faces = find(picture)
    if not faces:
        return None
    crop = crop_square(picture, *standard_square(faces[0]), size)
    landmarks = find_landmarks(crop)
    return None if landmarks is None else View(to_tensor(crop[None])[0], landmarks)


def _between(one: str, other: str, poses: Mapping[str, Pose]) -> float:
    """The angle between two pictures; names of the HeadPose set tell where they look, others are measured."""
    if is_shot(one) and is_shot(other):
        return parse_shot(one).angle_to(parse_shot(other))
    return _angle(poses[one], poses[other])


def _angle(one: Pose, other: Pose) -> float:
    (a, b), (c, d) = ((math.radians(pose.pitch), math.radians(pose.yaw)) for pose in (one, other))
    cosine = math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)
    return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def _onto(
    base: str,
    sources: dict[str, float],
    views: dict[str, View],
    moves: dict[str, Transfer | None],
    cross: Callable[[Tensor, Tensor, Tensor], Tensor],
    parts: Sequence[str],
    judge: Any,
) -> list[PoseTransferRow]:
    """All transfers onto one base, measured at once."""
    view = views[base]
    height, width = view.picture.shape[-2:]
    mask = torch.stack(list(landmark_masks(view.landmarks, (height, width), parts=parts).values())).amax(dim=0)
    rows = list[PoseTransferRow]()
    results = list[Tensor]()
    for source, angle in sources.items():
        for method, move in moves.items():
            other = views[source]
            moved = Moved(other.picture, torch.ones_like(mask)) if move is None else move(other, view, mask)
            misfit = measure(view, moved, mask)["mismatch"]
            rows.append(PoseTransferRow(base, source, method, angle, _refusal(angle, misfit, moved, mask), misfit))
            results.append(cross(view.picture, moved.picture, mask * moved.valid))
    if not results:
        return []
    # Measured on eight bits, as they would be stored.
    pred = to_tensor(to_uint8(torch.stack(results)))
    figures = _measured(pred, view, mask, judge)
    found: list[dict[str, Any]] = [{name: float(values[i]) for name, values in figures.items()} for i in range(len(rows))]
    return [replace(row, **each) for row, each in zip(rows, found, strict=True)]


def _refusal(angle: float, misfit: float, moved: Moved, mask: Tensor) -> str:
    seen = float((mask * moved.valid).sum() / mask.sum().clamp(min=1))
    reasons = (
        (angle > LARGEST_ANGLE, f"the heads are turned {angle:.0f}° apart"),
        (misfit > LARGEST_MISMATCH, f"mismatch of {misfit:.2f}"),
        (seen < LEAST_SEEN, f"{1 - seen:.0%} of the parts lie outside the source"),
    )
    return "; ".join(words for holds, words in reasons if holds)


def _measured(pred: Tensor, base: View, mask: Tensor, judge: Any) -> dict[str, Tensor]:
    truth = base.picture.expand_as(pred)
    inside = measure_inside(pred, truth, (mask >= 0.5)[None].expand(len(pred), -1, -1, -1))
    landmarks = _five(base.landmarks).expand(len(pred), -1, -1)
    likeness = judge.same_person(pred, truth, landmarks=landmarks)
    return {
        "identity": likeness.cosine,
        "distance": likeness.distance,
        "psnr": inside["psnr_inside"],
        "ssim": inside["ssim_inside"],
        "seam": seam(pred, mask[None]),
    }


def _five(landmarks: Landmarks) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(landmarks.five))[None]
