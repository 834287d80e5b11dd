"""The source warped onto the base by its pixels: landmarks for the start, then an affine map, then a smooth flow (ours).

Of all ways that were tried the one that fits best round the wanted part is taken, and the more a way can bend, the more it must gain. So
it is never worse than the landmarks by what can be seen in the pictures.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch import Tensor

from sharpening.models.basic_blocks.registration import pixel_motion
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import Affine, compose_affine
from sharpening.reconstruct.transfer.flow import spline_flow
from sharpening.reconstruct.transfer.measure import at_work, believed_share, hull, misfit_or_lost, round_part
from sharpening.reconstruct.transfer.points import part_map, robust_similarity
from sharpening.reconstruct.transfer.sampling import Field, affine_field, as_tensor, check_transfer, pixel_grid, sample, through
from sharpening.reconstruct.transfer.texture import Plane, luma
from sharpening.reconstruct.view import Moved, View

__all__ = ["WAYS", "dense"]

WAYS: dict[str, float] = {"affine": 1.0, "landmarks": 1.1, "flow": 1.16, "identity": 1.3}
"""The ways to lay the source on the base, and what the misfit of each is multiplied by before the least is taken.

The flow's factor grows with the share of the face that is damaged.
"""

_HEAD = (0.6, 1.0, 0.6, 0.4)  # eye distances left, over, right of and under the landmarks
_AGAIN = 10.0  # how much stiffer the flow is the second time
_MOST_DOUBT = 4.0


class _Registered(NamedTuple):
    """The ways of one pair of pictures, without a part in mind.

    Attributes:
        to_work: from the base's pixels to those of the working size.
        base: luma of the base at the working size.
        source: luma of the source at its own size.
        eyes: eye distance at the working size [px].
        face: 1 inside the hull of the base's landmarks.
        fields: name of the way to the field at the working size.
        misfits: of each over the whole face.
    """

    to_work: Affine
    base: Plane
    source: Tensor
    eyes: float
    face: Plane
    fields: dict[str, Field]
    misfits: dict[str, float]


def dense(source: View, base: View, mask: Tensor, *, stiffness: float = 0.03, facts: dict[str, Any] | None = None) -> Moved:
    """Bring the source onto the base by the pixels of both.

    Expression and small turns are followed. The pictures must not be changed in place afterwards: the registration of a pair is kept,
    since the parts of a face ask for the same pair one after the other.

    Args:
        source: the picture that has the part.
        base: the picture that wants it, of any other size; it may be damaged in the very part.
        mask: `[1, H, W]` in [0, 1]: the part, in the base's pixels.
        stiffness: of the flow: 1 hardly bends, 0.03 follows a mouth that opens.
        facts: is filled with `how` (a name of `WAYS`), `mismatch` (0 perfect … 1 nothing in common, of the part and the face), `mismatches`
            (of every way), `moved` (mean distance from the landmarks' way on the part, in eye distances), and `believed` (share of the face
            in which both pictures have alike much detail; where it is low, a mismatch means less).

    Raises:
        ShapeError, RangeError: if the mask does not fit the base.
    """
    check_transfer(source, base, mask)
    found = _registered(source, base, float(stiffness))
    size = found.base.shape
    part = np.asarray(cv2.resize(mask[0].float().numpy(), size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    local = affine_field(_before(part_map(source.landmarks, base.landmarks, mask), found.to_work), *size)
    fields = {**found.fields, "landmarks": local}
    weights = round_part(part, found.eyes)
    # The part's own pixels are few, and where it is damaged they say nothing: the whole face has a say of a half to all.
    say = 0.5 * _believed(found, weights)
    misfits = {how: _misfit(found, field, weights) ** say * found.misfits[how] ** (1 - say) for how, field in fields.items()}
    # What bends gains by chance as well, and the more so the fewer pixels it was measured on.
    believed = _believed(found, found.face)
    doubt = min(1 / max(believed, 1e-6), _MOST_DOUBT)
    how = min(misfits, key=lambda way: misfits[way] * WAYS[way] ** (doubt if way == "flow" else 1))
    if facts is not None:
        gap = np.linalg.norm(fields[how] - local, axis=0) * (part > 0.5)
        moved = float(gap.sum() / max(1.0, (part > 0.5).sum()) / found.eyes)
        facts.update(how=how, mismatch=misfits[how], mismatches=misfits, moved=moved, believed=believed)
    return sample(source.picture, _enlarged(fields[how], base.picture.shape[-2:]))


@lru_cache(maxsize=4)
def _registered(source: View, base: View, stiffness: float) -> _Registered:
    picture, to_work = at_work(base)
    height, width = picture.shape[-2:]
    marks = base.landmarks.moved(to_work)
    grey = as_tensor(luma(source.picture))
    start = robust_similarity(marks.points, source.landmarks.points)
    found = _Registered(to_work, luma(picture), grey, marks.eye_distance, hull(marks, height, width), {}, {})
    maps = {"landmarks": start, "identity": _same_place(source, (height, width))}
    ways = {how: affine_field(each, height, width) for how, each in maps.items()}
    first = min(ways, key=lambda how: _misfit(found, ways[how], found.face) * WAYS[how])
    affine = _affine(found, source, picture, maps[first], marks)
    ways["affine"] = affine_field(affine, height, width)
    ways["flow"] = _flow(found, affine, stiffness)
    return found._replace(fields=ways, misfits={how: _misfit(found, field, found.face) for how, field in ways.items()})


def _same_place(source: View, size: tuple[int, int]) -> Affine:
    """The map that lays the whole source on the whole base."""
    height, width = size
    y, x = source.picture.shape[-2] / height, source.picture.shape[-1] / width
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _affine(found: _Registered, source: View, picture: Tensor, start: Affine, marks: Landmarks) -> Affine:
    """Register all pixels, and those of the head alone: the background moves with the head in some sequences and not in others."""
    height, width = found.base.shape
    near = sample(source.picture, affine_field(start, height, width)).picture
    tries = [start]
    for left, top, right, bottom in ((0, 0, width, height), _head(marks, height, width)):
        window = np.s_[:, top:bottom, left:right]
        tries.append(compose_affine(start, pixel_motion(picture[window], near[window], corner=(left, top))))
    return min(tries, key=lambda each: _misfit(found, affine_field(each, height, width), found.face))


def _head(marks: Landmarks, height: int, width: int) -> tuple[int, int, int, int]:
    """A window round the head: left, top, right, bottom [px]."""
    room = np.array(_HEAD) * marks.eye_distance
    left, top = np.maximum(0, marks.points.min(axis=0) - room[:2]).astype(int)
    right, bottom = np.minimum((width, height), marks.points.max(axis=0) + room[2:] + 1).astype(int)
    if right - left < 16 or bottom - top < 16:  # landmarks out of the picture
        return 0, 0, width, height
    return int(left), int(top), int(right), int(bottom)


def _flow(found: _Registered, affine: Affine, stiffness: float) -> Field:
    field = affine_field(affine, *found.base.shape)
    # What bending costs holds a large motion back; a second time, from where it came to, a stiffer spline finds most of the rest.
    for each in (stiffness, _AGAIN * stiffness):
        near = sample(found.source, field)
        rest = spline_flow(found.base, near.picture[0].numpy(), near.valid[0].numpy(), found.eyes, stiffness=each)
        field = through(rest, field)
    return field


def _misfit(found: _Registered, field: Field, weights: Plane) -> float:
    moved = sample(found.source, field)
    # A way that brings the part from beyond the source's border explains nothing there.
    return misfit_or_lost(found.base, moved.picture[0].numpy(), moved.valid[0].numpy(), weights, found.eyes)


def _believed(found: _Registered, weights: Plane) -> float:
    near = sample(found.source, found.fields["affine"]).picture[0].numpy()
    return believed_share(found.base, near, weights, found.eyes)


def _before(affine: Affine, to_work: Affine) -> Affine:
    """A map from the base's pixels as one from the pixels of its working size."""
    back = np.linalg.inv(np.vstack([to_work, [0, 0, 1]]))
    return np.asarray((np.vstack([affine, [0, 0, 1]]) @ back)[:2], np.float64)


def _enlarged(field: Field, size: tuple[int, ...]) -> Field:
    """A field of the working size at the base's."""
    height, width = size
    if field.shape[1:] == (height, width):
        return field
    grid = pixel_grid(*field.shape[1:])
    ones = np.ones((1, *field.shape[1:]), np.float32)
    places = np.concatenate([grid, ones]).reshape(3, -1).T
    affine = np.linalg.lstsq(places, field.reshape(2, -1).T, rcond=None)[0].T
    # Only what is left of the field without its affine part is enlarged, for the enlarging flattens slopes at the border.
    rest = field - (places @ affine.T).T.reshape(field.shape)
    bends = [cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in rest.astype(np.float32)]
    zoom = np.array([field.shape[2] / width, field.shape[1] / height])[:, None, None]
    there = (pixel_grid(height, width) + 0.5) * zoom - 0.5
    whole = np.einsum("ij,jyx->iyx", affine[:, :2], there) + affine[:, 2, None, None]
    return (np.stack(bends) + whole).astype(np.float32)
