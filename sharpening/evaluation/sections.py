"""The blurry-section benchmark: sequences whose frames are each blurred in places, with the true picture and the true places.

Half are made from valid stills, which move as drawn, half are windows of valid clips, which move by themselves. The areas lie on the parts
of the face as it stands in each frame: dlib finds it in the sharp pictures; where it finds none, the typical place is taken. A part is
blurred in the label's size, with the hard border of `frames.regions.blur_regions`, before the frame is made small.

Source: thesis section 3.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sharpening.evaluation.sample import N_FRAMES, SIDE, Sample, Still, code, still_order
from sharpening.frames.degrade import DegradeParams, Region, apply, draw, region_mask, settings
from sharpening.frames.face_places import AREAS, PART_BOXES, TYPICAL_FACE, FacePlace, part_mask
from sharpening.frames.layouts import Clip, SharedData
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize
from sharpening.models.face_align.detect import eye_centres, find_faces

__all__ = ["careful_sources", "damaged_shares", "good_sources", "sections", "window_starts"]

PRESET = "sections"
FROM_STILLS = 45
LOOKED_AT = 4 * FROM_STILLS  # the sharper quarter of these is taken: damage of what is soft already cannot be seen
FROM_CLIPS = {"dense": 30, "sparse": 15}
# A part is damaged if so much of its box is, and whole if no more than that is.
DAMAGED, WHOLE = 0.25, 0.05

Picture = NDArray[np.uint8]


def sections(data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    """The samples of the protocol "sections": 45 made of stills, then 30 windows of dense and 15 of sparse clips, fewer of small sets.

    Args:
        data: Where stills and clips lie.
        seed: Of the protocol.
        split: As in splits.csv.

    Raises:
        InputError: The split has no stills.
    """
    for still in _sharp_stills(data, seed, split):
        yield _from_still(still)
    for number, (kind, wanted) in enumerate(FROM_CLIPS.items()):
        clips = data.clips(split, kind)
        for index, (clip, starts) in enumerate(zip(clips, window_starts([len(c.paths) for c in clips], wanted), strict=True)):
            pictures = [resize(read_picture(path), SIDE, "area") for path in clip.paths] if starts else []
            for start in starts:
                rng = np.random.default_rng([seed, 4, number, index, start])
                yield _from_clip(clip, np.stack(pictures[start : start + N_FRAMES]), start, rng)


def window_starts(lengths: Sequence[int], wanted: int) -> list[list[int]]:
    """Where windows of seven frames start in clips of these lengths: dealt evenly to the clips, spread over each.

    A clip that is too short for its share leaves the rest to the others, as far as they have different windows.
    """
    possible = [max(0, length - N_FRAMES + 1) for length in lengths]
    counts = [0] * len(lengths)
    while sum(counts) < min(wanted, sum(possible)):
        # One more for the clip that has fewest and can have another.
        counts[min((i for i in range(len(counts)) if counts[i] < possible[i]), key=lambda i: (counts[i], i))] += 1
    return [
        [round(x) for x in np.linspace(0, p - 1, n)] if n > 1 else [(p - 1) // 2] * n for p, n in zip(possible, counts, strict=True)
    ]


def damaged_shares(sample: Sample) -> dict[str, list[float]]:
    """For each part of `PART_BOXES` and each frame the share of the part that is damaged, as far as the part lies in the picture."""
    if sample.damaged is None:
        return {}
    size = sample.damaged.shape[-1]
    return {
        part: [_share(part_mask(part, face, size), damaged) for face, damaged in zip(sample.faces, sample.damaged, strict=True)]
        for part in PART_BOXES
    }


def _share(part: NDArray[np.bool_], damaged: NDArray[np.bool_]) -> float:
    return float(damaged[part].mean()) if part.any() else 0.0


def careful_sources(sample: Sample) -> dict[str, int]:
    """What a careful person who sees all frames chooses: for each damaged part of the middle the nearest frame that shows it whole.

    Of two frames as near the earlier one is taken. Where none shows a part whole (the nose has neighbours on all sides), it is one of those
    that show most of it; a part that is damaged everywhere is left out.
    """
    found = {}
    for part, good in good_sources(sample).items():
        if good:
            found[part] = min(good, key=lambda i: (abs(i - sample.middle), i))
    return found


def good_sources(sample: Sample) -> dict[str, list[int]]:
    """For each damaged part of the middle the frames that show it whole, or else those that show most of it, if that is more."""
    found = {}
    for part, shares in damaged_shares(sample).items():
        least = min(shares)
        if shares[sample.middle] >= DAMAGED:
            found[part] = [i for i, share in enumerate(shares) if share <= max(WHOLE, least) and share < shares[sample.middle]]
    return found


def _sharp_stills(data: SharedData, seed: int, split: str) -> Iterator[Still]:
    """The sharpest quarter of the first stills of the order, in that order."""
    looked_at = [still for still, _ in zip(still_order(data, seed, split), range(LOOKED_AT), strict=False)]
    order = sorted(range(len(looked_at)), key=lambda i: (-_detail(looked_at[i].picture), i))
    for i in sorted(order[:FROM_STILLS]):
        yield looked_at[i]


def _detail(picture: Picture) -> float:
    """What is lost of the picture by halving and enlarging it again [grey levels]."""
    again = resize(resize(picture, SIDE // 2, "area"), SIDE, "bicubic")
    return float(np.abs(picture.astype(float) - again).mean())


def _from_still(still: Still) -> Sample:
    params = still.damage(PRESET)
    plain = apply(still.picture, params)  # for label and motion, which do not depend on where the areas lie
    face = _find(plain.label) or TYPICAL_FACE
    return _made(still.picture, params, [face.moved(motion) for motion in plain.motion], still.name, "stills", still.person)


def _from_clip(clip: Clip, pictures: Picture, start: int, rng: np.random.Generator) -> Sample:
    # Nothing moves but what moves in the clip.
    how = replace(settings(PRESET), rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, margin=(0.0, 0.0))
    found = [_find(picture) for picture in pictures]
    known = [i for i, face in enumerate(found) if face is not None]
    faces = [found[min(known, key=lambda j: abs(j - i))] if known else None for i in range(len(pictures))]
    params = draw(rng, how, n_frames=N_FRAMES)
    places = [face or TYPICAL_FACE for face in faces]
    return _made(pictures, params, places, f"{code(clip.name)}@{start}", clip.kind, code(clip.identity))


def _made(picture: Picture, params: DegradeParams, faces: Sequence[FacePlace], name: str, group: str, cluster: str) -> Sample:
    aimed = _aimed(params, faces)
    made = apply(picture, aimed)
    damaged = np.stack([_areas(frame.regions, params.size_out) for frame in aimed.frames])
    return Sample(name, group, cluster, made.frames, made.label, damaged, tuple(faces))


def _aimed(params: DegradeParams, faces: Sequence[FacePlace]) -> DegradeParams:
    """The same damage with every area on its part of the face that is there, as far beside it as it was drawn."""
    frames = [
        replace(frame, regions=tuple(_on(face, region) for region in frame.regions))
        for frame, face in zip(params.frames, faces, strict=True)
    ]
    return replace(params, frames=tuple(frames))


def _on(face: FacePlace, region: Region) -> Region:
    (x, y), (typical_x, typical_y) = face.at(*AREAS[region.part]), TYPICAL_FACE.at(*AREAS[region.part])
    return replace(region, x=x + region.x - typical_x, y=y + region.y - typical_y)


def _areas(regions: Sequence[Region], size: int) -> NDArray[np.bool_]:
    covered = np.zeros((size, size), bool)
    for region in regions:
        covered |= region_mask(region, size)
    return covered


def _find(picture: Picture) -> FacePlace | None:
    # One search, in the doubled picture, finds faces from 40 px; more would be for small ones, which none of these are.
    faces = find_faces(picture, upsample=1)
    if not faces:
        return None
    left, right = eye_centres(faces[0])
    # Rounded, so that the last digits of dlib's arithmetic do not change a pixel.
    (lx, ly), (rx, ry) = ((np.stack([left, right]) + 0.5) / len(picture)).round(3)
    return FacePlace((float(lx), float(ly)), (float(rx), float(ry)))
