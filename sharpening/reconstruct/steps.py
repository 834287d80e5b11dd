"""The steps, each on a `State`: what it needs is there, what it makes it leaves behind, and it shows both in the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sharpening.errors import NoFaceFound, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.mask import mix
from sharpening.imaging.mask_files import read_mask
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.pose import head_pose
from sharpening.models.face_id.judge import FaceJudge
from sharpening.models.face_seg.landmark_masks import landmark_masks
from sharpening.models.face_seg.parts import GROUPS, PARTS, in_few_words
from sharpening.reconstruct.align import Alignment, align_frames, apply_map
from sharpening.reconstruct.choice import Choice
from sharpening.reconstruct.clean import Cleaner
from sharpening.reconstruct.find import find_points
from sharpening.reconstruct.fitting import fitting, unfitting
from sharpening.reconstruct.likeness import keep_person
from sharpening.reconstruct.mask import find_masks, union
from sharpening.reconstruct.quality import Quality, aligned_stack, consensus, part_quality
from sharpening.reconstruct.select import PROFILE, choose_base, choose_sources
from sharpening.reconstruct.settings import Settings
from sharpening.reconstruct.state import State
from sharpening.reconstruct.trace import TraceStep
from sharpening.reconstruct.view import Moved, View

__all__ = ["align", "clean", "cross_over", "mask", "select", "transfer"]


def clean(state: State, step: TraceStep, cleaner: Cleaner) -> None:
    """Remove artifacts, enlarge, and find the landmarks of every frame.

    Raises:
        NoFaceFound: in no frame at all.
    """
    state.cleaned = cleaner.clean(state.frames)
    state.evidence = resize_tensor(to_tensor(state.frames), state.cleaned.shape[-1]).clamp(0, 1)
    state.landmarks = find_points(state.cleaned)
    size = (state.cleaned.shape[-2], state.cleaned.shape[-1])
    state.poses = [None if each is None else head_pose(each, size) for each in state.landmarks]
    if all(each is None for each in state.landmarks):
        advice = "Give frames in which the face is larger or clearer, or restore without steps: sharpening restore."
        raise NoFaceFound(f"any frame of {state.name}", advice)
    for i, points in enumerate(state.landmarks):
        step.show(state.cleaned[i], f"{state.names[i]}\n{'no face' if points is None else points.how}")
    lost = [str(state.names[i]) for i, points in enumerate(state.landmarks) if points is None]
    if lost:
        state.warn("clean", f"No face was found in frame(s) {', '.join(lost)}; nothing is taken from there.")
    borrowed = [str(state.names[i]) for i, points in enumerate(state.landmarks) if points is not None and points.how == "borrowed"]
    if borrowed:
        state.warn("clean", f"The landmarks of frame(s) {', '.join(borrowed)} are borrowed from their neighbours.")
    step.facts = {"cleaner": cleaner.name, "landmarks": [None if p is None else round(p.sure, 3) for p in state.landmarks]}


def select(state: State, step: TraceStep, settings: Settings, choice: Choice) -> None:
    """Choose the base and the source of each part, by hand or by what the frames show.

    Raises:
        RangeError: the choice names frames that are not there.
        NoFaceFound: in the chosen base.
    """
    choice.check(list(state.names))
    _choose_base(state, choice)
    state.alignments, state.quality, state.others = _rated(state, state.base)
    given = {part: state.names.index(frame) for part, frame in choice.sources.items()}
    profiles = _profiles(state)
    poses = [None if i in profiles else pose for i, pose in enumerate(state.poses)]
    poses[state.base] = state.poses[state.base]
    alike = [-1.0 if each is None else each.likeness for each in state.alignments]
    state.picks = choose_sources(
        state.quality,
        state.base,
        poses,
        alike=alike,
        clearly=settings.clearly,
        given=given,
        hand=choice.by_hand,
        rest=choice.rest,
        names=state.names,
    )
    _show_selection(state, step)


def align(state: State, step: TraceStep) -> None:
    """Bring the chosen sources onto the base by one map for the whole face: what the user sees before parts are moved one by one."""
    for index in _sources(state):
        alignment = state.alignments[index]
        if alignment is None:
            raise NoFaceFound(f"frame {state.names[index]}", "It was chosen as a source; choose another one.")
        if state.cleaned is not None:
            step.show(apply_map(state.cleaned[index], alignment.to_frame).clamp(0, 1), f"{state.names[index]} on the base")
    step.facts = {
        str(state.names[i]): {"likeness": round(each.likeness, 3), "how": each.how}
        for i, each in enumerate(state.alignments)
        if each is not None
    }


def mask(
    state: State,
    step: TraceStep,
    settings: Settings,
    choice: Choice,
    cleaner: Callable[[Tensor], Tensor] | None = None,
    pretrained: str | Path | None = None,
) -> None:
    """Find the parts on the base; masks from files take the place of found ones.

    Raises:
        InputError, ShapeError: a mask of the user's that cannot be read or has another size.
    """
    view = state.view(state.base)
    state.masks = find_masks(view, how=settings.masks, margin=settings.margin, clean=cleaner, pretrained=pretrained)
    for part, file in choice.masks.items():
        state.masks[part] = _read(Path(file), view)
    asked = {pick.part for pick in state.picks if pick.frame != state.base}
    bare = [part for part in state.masks if part in asked and not bool(state.masks[part].any())]
    if bare := bare + sorted(asked - state.masks.keys()):
        state.warn("mask", f"There is no mask of {in_few_words(bare)} on the base (empty, or out of the picture): not taken.")
    if idle := [part for part in choice.masks if part not in asked]:
        state.warn("mask", f"The mask of {in_few_words(idle)} was not used: the part stays as it is in the base.")
    for index, parts in _wanted(state).items():
        wanted = union(state.masks, parts)
        step.show(view.picture * (0.35 + 0.65 * wanted), f"from {state.names[index]}:\n{in_few_words(parts)}")
    step.facts = {"how": settings.masks, "by_hand": sorted(choice.masks)}


def transfer(state: State, step: TraceStep, move: Callable[[View, View, Tensor], Moved], facts: dict[str, Any]) -> None:
    """Move each source onto the base, and leave out what does not lie as it should: no wrong nose is put in.

    Args:
        state: with masks and picks.
        step: of the trace.
        move: the transfer.
        facts: what the transfer fills at each call with `mismatch` and `believed`; stays empty where it does not measure them.
    """
    state.moved, state.taken = {}, {}
    for index, parts in _wanted(state).items():
        try:
            _transfer_one(state, step, move, facts, index, parts)
        except NoFaceFound as error:  # of a transfer that paints faces
            state.warn(
                "transfer", f"Frame {state.names[index]} could not be brought onto the base, and nothing is taken from it: {error}"
            )


def _transfer_one(
    state: State,
    step: TraceStep,
    move: Callable[[View, View, Tensor], Moved],
    facts: dict[str, Any],
    index: int,
    parts: tuple[str, ...],
) -> None:
    source, base, left = state.view(index), state.view(state.base), parts
    measured: dict[str, Any] = {}
    while left:
        facts.clear()
        moved = move(source, base, union(state.masks, left))
        fits = fitting(state, moved, base, left)
        bad = set(unfitting(state, index, left, fits, facts, state.by_hand)) - state.by_hand
        measured |= {part: [round(value, 3) for value in fits[part]] for part in left}
        if not bad:
            state.moved[index], state.taken[index] = moved, left
            break
        # How the source lies best depends on the parts that are asked for: those left out have no say, and the others are asked again.
        left = tuple(part for part in left if part not in bad)
    step.show(moved.picture, f"{state.names[index]}\n{in_few_words(left) or 'nothing fits'}")
    measured |= {name: round(facts[name], 3) for name in ("mismatch", "believed") if name in facts}
    step.facts[str(state.names[index])] = {**measured, **({"how": facts["how"]} if "how" in facts else {})}


def cross_over(
    state: State, step: TraceStep, cross: Callable[[Tensor, Tensor, Tensor], Tensor], judge: FaceJudge | None = None
) -> None:
    """Put the parts in, once per source, the one with the most parts first; what leads away from the person is taken out again."""
    state.undone = frozenset()
    _cross(state, step, cross)
    if keep_person(state, judge):
        step.captions = [f"{caption}\n(taken out again)" if caption.startswith("+") else caption for caption in step.captions]
        _cross(state, step, cross)
    step.facts = {str(state.names[i]): list(parts) for i, parts in state.used.items()}


def _cross(state: State, step: TraceStep, cross: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    picture, used = state.view(state.base).picture, state.used
    step.show(picture, f"base {state.names[state.base]}")
    for index in sorted(used, key=lambda i: (-len(used[i]), i)):
        moved = state.moved[index]
        # Cross-overs look a little beyond the mask: where the source has no pixels they find the base.
        source = mix(picture, moved.picture, moved.valid)
        picture = cross(picture, source, union(state.masks, used[index]) * moved.valid).clamp(0, 1)
        step.show(picture, f"+ {state.names[index]}\n{in_few_words(used[index])}")
    state.crossed = picture


def _choose_base(state: State, choice: Choice) -> None:
    if choice.base is not None:
        state.base, state.why_base = state.names.index(choice.base), "chosen by hand"
        if state.landmarks[state.base] is None:
            advice = "Choose another base, or leave the choice open."
            raise NoFaceFound(f"frame {choice.base} of {state.name}, the chosen base", advice)
    else:
        # Sharpness is measured on one frame's geometry: any in which the face is surely found will do for comparing.
        found = [i for i, each in enumerate(state.landmarks) if each is not None]
        sure = max(found, key=lambda i: (round(_sure(state, i), 1), -abs(i - state.middle)))
        _, quality, _ = _rated(state, sure, GROUPS["face"])
        sharpness = np.array([np.nan if np.isnan(row).all() else np.nanmean(row) for row in quality.score])
        state.base, state.why_base = choose_base(state.poses, sharpness, state.middle)
    pose = state.poses[state.base]
    if pose is not None and pose.away > PROFILE:
        words = f"The base, frame {state.names[state.base]}, is turned {pose.away:.0f}° away: landmarks of profiles are guesses."
        state.warn("select", words + " Check each part, or give frames in which the face looks into the camera.")


def _sure(state: State, index: int) -> float:
    points = state.landmarks[index]
    return 0.0 if points is None else points.sure


def _rated(state: State, base: int, parts: Sequence[str] = PARTS) -> tuple[list[Alignment | None], Quality, Tensor]:
    """With one frame as the base: how the others lie on it, what each shows of each part, and the median of the others."""
    view = state.view(base)
    if state.evidence is None:
        raise ShapeError("state", "without its first step", "cleaned frames", "Begin with the step 'clean'.")
    alignments = align_frames(state.evidence, state.landmarks, base)
    stack, valid = aligned_stack(state.evidence, alignments)
    masks = landmark_masks(view.landmarks, (stack.shape[-2], stack.shape[-1]), parts=parts)
    masks = {part: each for part, each in masks.items() if bool(each.any())}
    return alignments, part_quality(stack, valid, masks, base=base, pixel=state.pixel), consensus(stack, valid, base)


def _profiles(state: State) -> set[int]:
    own = state.poses[state.base]
    if own is not None and own.away > PROFILE:  # then its equals are all there is; it has been warned of
        return set()
    turned = {i for i, pose in enumerate(state.poses) if pose is not None and pose.away > PROFILE}
    if turned:
        names = ", ".join(str(state.names[i]) for i in sorted(turned))
        state.warn("select", f"Frame(s) {names} show the face from the side; nothing is taken from there by itself.")
    return turned


def _show_selection(state: State, step: TraceStep) -> None:
    quality = state.quality
    if quality is None or state.evidence is None:
        return
    for i, picture in enumerate(state.evidence):
        parts = [pick.part for pick in state.picks if pick.frame == i and i != state.base]
        pose = state.poses[i]
        words = "base" if i == state.base else in_few_words(parts) or "–"
        step.show(picture, f"{state.names[i]}: {words}\n{'no face' if pose is None else f'{pose.yaw:+.0f}° {pose.pitch:+.0f}°'}")
    step.facts = {
        "base": state.names[state.base],
        "why_base": state.why_base,
        "parts": {
            pick.part: {"frame": state.names[pick.frame], "gain": round(pick.gain, 2), "why": pick.why, "by_hand": pick.by_hand}
            for pick in state.picks
        },
        "detail": {
            part: [None if np.isnan(value) else round(float(value), 3) for value in quality.score[:, j]]
            for j, part in enumerate(quality.parts)
        },
        "poses": [
            None if pose is None else {name: round(float(getattr(pose, name)), 1) for name in ("yaw", "pitch", "roll", "away")}
            for pose in state.poses
        ],
    }


def _sources(state: State) -> list[int]:
    return sorted({pick.frame for pick in state.picks} - {state.base})


def _wanted(state: State) -> dict[int, tuple[str, ...]]:
    """Parts to take, by source; only those that have a mask."""
    masked = {part for part, each in state.masks.items() if bool(each.any())}
    wanted = {
        index: tuple(pick.part for pick in state.picks if pick.frame == index and pick.part in masked) for index in _sources(state)
    }
    return {index: parts for index, parts in wanted.items() if parts}


def _read(file: Path, view: View) -> Tensor:
    found = read_mask(file)
    if found.shape[-2:] != view.picture.shape[-2:]:
        wanted = f"{view.picture.shape[-1]}×{view.picture.shape[-2]} px, the size of the base"
        raise ShapeError(f"mask {file}", f"{found.shape[-1]}×{found.shape[-2]} px", wanted, "Draw it on the base of the trace.")
    return found
