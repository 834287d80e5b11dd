"""Damaged sequences out of one still, as the thesis made them (section 3.2), and beyond it.

Drawing the dice (`draw`) and doing the damage (`apply`) are two functions. The drawn `DegradeParams` are plain data: stored beside a made
sequence, they make it again to the last pixel. Order of the damage, as light and camera would do it: view and motion, blurred regions,
lens blur, down to the small size, light, occluders, sensor noise, compression.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.codec import h264_roundtrip, jpeg_roundtrip
from sharpening.frames.degrade_params import DegradeParams, FrameParams
from sharpening.frames.degrade_settings import DegradeSettings, presets, settings
from sharpening.frames.face_motion import FaceMotion
from sharpening.frames.face_places import area_regions
from sharpening.frames.regions import Region, blur_regions, cover_regions, region_mask
from sharpening.frames.views import affine_of, bend_of, motion_of, see, see_alive, view_of

__all__ = [
    "Damaged",
    "DegradeParams",
    "DegradeSettings",
    "FrameParams",
    "Region",
    "apply",
    "draw",
    "presets",
    "region_mask",
    "settings",
]

Picture = NDArray[np.uint8]


class Damaged(NamedTuple):
    """A made sequence.

    Attributes:
        frames: uint8 `[n, size_in, size_in, 3]`, RGB.
        label: uint8 `[size_out, size_out, 3]`, RGB: the true picture of the middle frame.
        motion: float32 `[n, 2, 3]`: `motion[i]` maps a point of the middle frame (x, y in −1 … 1, pixel edges at ±1) to frame i.
        trusted: bool `[n]`: False for frames that are garbage, so that their motion means nothing.
        bend: float32 `[n, size_in, size_in, 2]`: what a living face's motion has beyond `motion`, at the middle's pixels; None where
            nothing lives.
    """

    frames: Picture
    label: Picture
    motion: NDArray[np.float32]
    trusted: NDArray[np.bool_]
    bend: NDArray[np.float32] | None = None


def draw(rng: np.random.Generator, how: DegradeSettings, *, n_frames: int = 7) -> DegradeParams:
    """Draw the damage of one sequence.

    Args:
        rng: The only source of chance.
        how: Ranges and probabilities; `settings(name)` gives the presets.
        n_frames: Length of the sequence; the middle is `n_frames // 2`.

    Source: thesis sections 3.2 (stills), 3.3.7 and 3.6 (damaged regions).
    """
    if n_frames < 1:
        raise RangeError("n_frames", n_frames, "1 or more")
    coded_as_film = rng.random() < how.film
    damage_middle = rng.random() < how.p_damage_middle
    frames = tuple(
        _draw_frame(rng, how, is_middle=i == n_frames // 2, damage_middle=damage_middle, jpeg=not coded_as_film)
        for i in range(n_frames)
    )
    side = 1 - rng.uniform(*how.margin)
    slack = (1 - side) / 2 if how.move_view else 0.0
    view = (side, rng.uniform(-slack, slack), rng.uniform(-slack, slack))
    crf = int(rng.integers(how.crf[0], how.crf[1] + 1)) if coded_as_film else None
    if how.on_parts:
        areas = area_regions(rng, how, n_frames, damage_middle=damage_middle)
        frames = tuple(replace(frame, regions=frame.regions + found) for frame, found in zip(frames, areas, strict=True))
    frames, turning = _draw_film(how, frames, crf)
    return DegradeParams(frames, how.size_in, how.size_out, view, crf, how.name, turning)


def apply(picture: Picture, params: DegradeParams, *, other: Picture | None = None) -> Damaged:
    """Make the damaged sequence that `params` describe.

    Args:
        picture: uint8 `[S, S, 3]`, RGB, a sharp square still; or `[n, S, S, 3]`, the n sharp frames of a real clip. The motion that
            is returned is the drawn one: what moves in a real clip by itself is not in it.
        params: From `draw`, or read from disk.
        other: Picture of another person, for frames that were drawn as garbage of the kind "other"; noise when not given.
    """
    n = len(params.frames)
    pictures = picture if picture.ndim == 4 else np.broadcast_to(picture, (n, *picture.shape))
    if pictures.ndim != 4 or pictures.shape[1] != pictures.shape[2] or pictures.shape[3] != 3 or len(pictures) != n:
        raise ShapeError(
            "still to damage", tuple(picture.shape), f"[S, S, 3] or [{n}, S, S, 3]", "Crop the picture to a square first."
        )
    middle = params.frames[n // 2]
    label = see(pictures[n // 2], view_of(params), params.size_out)
    frames = np.stack([_damage(still, frame, params, other) for still, frame in zip(pictures, params.frames, strict=True)])
    if params.crf is not None:
        frames = _coded(frames, params.crf, params.turning)
    motion = np.stack([motion_of(frame, middle, params.size_out) for frame in params.frames])
    trusted = np.array([frame.garbage is None for frame in params.frames])
    return Damaged(frames, label, motion, trusted, bend_of(params))


def _draw_film(
    how: DegradeSettings, frames: tuple[FrameParams, ...], crf: int | None
) -> tuple[tuple[FrameParams, ...], tuple[int, int] | None]:
    """What came after the first presets: dice of their own, so that those presets draw what they always drew."""
    n, rng = len(frames), np.random.default_rng([frames[0].seed, 1])
    if rng.random() < how.p_alive:
        frames = tuple(f if i == n // 2 or f.garbage else replace(f, alive=_draw_motion(rng, how)) for i, f in enumerate(frames))
    turning = None
    if crf is not None and n > 1 and rng.random() < how.p_rolling:
        turning = (int(rng.integers(1, n)), int(rng.integers(how.crf[0], how.crf[1] + 1)))
    return frames, turning


def _draw_motion(rng: np.random.Generator, how: DegradeSettings) -> FaceMotion:
    yaw, pitch = rng.uniform(-how.turn, how.turn), rng.uniform(-how.turn, how.turn) / 2
    mouth, eyes = rng.uniform(-how.expression, how.expression), rng.uniform(-how.expression, how.expression) / 2
    return FaceMotion(yaw, pitch, mouth, eyes, rng.uniform(0, how.bend), int(rng.integers(2**31)))


def _draw_frame(rng: np.random.Generator, how: DegradeSettings, *, is_middle: bool, damage_middle: bool, jpeg: bool) -> FrameParams:
    still = is_middle and not how.warp_middle
    # The dice are thrown for the middle too, so that the draw of one frame does not depend on the setting of another.
    angle, zoom, dx, dy = (rng.uniform(-r, r) for r in (how.rotation, how.zoom, how.shift, how.shift))
    gain, offset = 1 + rng.uniform(-how.contrast, how.contrast), rng.uniform(-how.brightness, how.brightness)
    garbage_dice, kind_dice = rng.random(), rng.random()
    garbage = None
    if not is_middle and (how.others_are_noise or garbage_dice < how.p_garbage):
        garbage = "noise" if how.others_are_noise else ("other", "noise", "flat")[int(kind_dice * 3)]
    n_blurs = (how.middle_blurs if damage_middle else 0) if is_middle else how.other_blurs
    if how.on_parts:
        n_blurs = 0  # they are dealt out over all frames at once
    return FrameParams(
        angle=0.0 if still else angle,
        zoom=1.0 if still else 1 + zoom,
        dx=0.0 if still else dx,
        dy=0.0 if still else dy,
        gain=1.0 if still else gain,
        offset=0.0 if still else offset,
        blur=rng.uniform(*how.blur),
        noise=rng.uniform(*how.noise),
        quality=int(rng.integers(how.jpeg[0], how.jpeg[1] + 1)) if jpeg and how.jpeg else None,
        regions=_draw_regions(rng, how, n_blurs),
        garbage=garbage,
        seed=int(rng.integers(2**31)),
    )


def _draw_regions(rng: np.random.Generator, how: DegradeSettings, n_blurs: int) -> tuple[Region, ...]:
    kinds = ["blur"] * n_blurs + [
        k for k in ("white-square", "white-circle", "occluder") if rng.random() < how.p_regions.get(k, 0.0)
    ]
    return tuple(
        Region(
            kind,
            x=rng.uniform(0.2, 0.8),
            y=rng.uniform(0.2, 0.8),
            size=rng.uniform(*how.region_size),
            strength=rng.uniform(*how.region_blur) if kind == "blur" else 0.0,
            colour=_colour(rng) if kind == "occluder" else (255, 255, 255),
        )
        for kind in kinds
    )


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(c) for c in rng.integers(0, 256, 3))
    return red, green, blue


def _damage(picture: Picture, frame: FrameParams, params: DegradeParams, other: Picture | None) -> Picture:
    rng = np.random.default_rng(frame.seed)
    small = _garbage(frame.garbage, rng, params.size_in, other)
    if small is None:
        small = _film(other if frame.garbage == "other" and other is not None else picture, frame, params, rng)
    return small if frame.quality is None else jpeg_roundtrip(small, frame.quality)


def _film(picture: Picture, frame: FrameParams, params: DegradeParams, rng: np.random.Generator) -> Picture:
    """What the camera makes of the scene, before it is coded."""
    view, scene, size = view_of(params), affine_of(frame, params.size_out), params.size_out
    seen = see(picture, view @ scene, size) if frame.alive is None else see_alive(picture, view, scene, frame.alive, size)
    seen = blur_regions(seen, frame.regions)
    if frame.blur > 0:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), frame.blur), np.uint8)
    small = np.asarray(cv2.resize(seen, (params.size_in, params.size_in), interpolation=cv2.INTER_AREA), np.uint8)
    return cover_regions(_light_and_noise(small, frame, rng), frame.regions)


def _coded(frames: Picture, crf: int, turning: tuple[int, int] | None) -> Picture:
    coded = h264_roundtrip(frames, crf)
    if turning is None:
        return coded
    return np.concatenate([coded[: turning[0]], h264_roundtrip(frames, turning[1])[turning[0] :]])


def _garbage(kind: str | None, rng: np.random.Generator, size: int, other: Picture | None) -> Picture | None:
    if kind == "flat":
        return np.full((size, size, 3), rng.integers(0, 256, 3), dtype=np.uint8)
    if kind == "noise" or (kind == "other" and other is None):
        return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return None


def _light_and_noise(small: Picture, frame: FrameParams, rng: np.random.Generator) -> Picture:
    if frame.gain == 1 and frame.offset == 0 and frame.noise == 0:
        return small
    light = small.astype(np.float32) * frame.gain + 255 * frame.offset
    if frame.noise > 0:
        light += rng.normal(0, frame.noise, small.shape)
    return np.clip(np.round(light), 0, 255).astype(np.uint8)
