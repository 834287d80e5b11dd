"""Multi-frame reconstruction: from sequence to picture by explicit steps, by itself or by hand (thesis section 2.3)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.models.face_id.judge import FaceJudge
from sharpening.reconstruct import steps
from sharpening.reconstruct.choice import Choice
from sharpening.reconstruct.clean import Cleaner, create_cleaner
from sharpening.reconstruct.crossover.method import create_crossover
from sharpening.reconstruct.finetune.guard import Guarded, guarded
from sharpening.reconstruct.finetune.method import create_finetuner
from sharpening.reconstruct.likeness import compare_people, describe
from sharpening.reconstruct.people import check_one_person
from sharpening.reconstruct.reconstructed import Reconstructed
from sharpening.reconstruct.report import build_report
from sharpening.reconstruct.settings import STEPS, Settings, check_kept
from sharpening.reconstruct.state import State
from sharpening.reconstruct.terms import terms_of
from sharpening.reconstruct.trace import Trace
from sharpening.reconstruct.transfer.method import create_transfer
from sharpening.restore.locate import locate
from sharpening.restore.located import Choice as Where
from sharpening.restore.located import Located
from sharpening.restore.report import face_warnings, frame_warnings
from sharpening.restore.source import Frames, Source, open_source

__all__ = ["Reconstruction"]

_FACE = {"cropped", "box", "face"}


class Reconstruction:
    """Builds one picture out of the best parts of some frames.

    >>> reconstruct = Reconstruction(Settings(clean="bicubic"))   # doctest: +SKIP
    >>> done = reconstruct("film.mp4")                            # doctest: +SKIP
    >>> done.save("face.png")                                     # doctest: +SKIP

    Args:
        settings: how each step is done.
        judge: measures whether frames and result show one person: True for dlib's face net, or a judge of yours. False or None leaves that
            out; then two persons are not noticed, and nothing is undone.
        pretrained: folder to search weights in first.

    Raises:
        KeyError, RangeError: for a method that is not there.
        WeightsMissing, WeightsMismatch: for weights that cannot be had (when they are first needed).

    Source: thesis section 2.3; what is automatic here was done by hand there.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        judge: FaceJudge | bool | None = True,
        pretrained: str | Path | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.judge: FaceJudge | None = FaceJudge() if judge is True else (judge or None)
        self.pretrained = pretrained
        # Names are checked now, not after the first steps have run.
        self._facts: dict[str, Any] = {}  # what the transfer says of its last call
        self._transfer = create_transfer(
            self.settings.transfer, weights=self.settings.transfer_weights, pretrained=pretrained, facts=self._facts
        )
        self._cross = create_crossover(self.settings.crossover, weights=self.settings.crossover_weights, pretrained=pretrained)
        self._finetune = self._single_frame(self.settings.finetune, self.settings.finetune_weights)
        self._mask_clean = None
        if self.settings.mask_clean != "none":
            self._mask_clean = self._single_frame(self.settings.mask_clean, self.settings.mask_clean_weights)

    def _single_frame(self, name: str, weights: str | None) -> Callable[[Tensor], Tensor]:
        return create_finetuner(name, weights=weights, pretrained=self.pretrained)

    @cached_property
    def cleaner(self) -> Cleaner:
        """What removes artifacts and enlarges."""
        return create_cleaner(self.settings.clean, enlarge=self.settings.enlarge, pretrained=self.pretrained)

    def __call__(
        self,
        frames: Frames,
        choice: Choice | None = None,
        *,
        cropped: bool | None = None,
        box: tuple[float, float, float, float] | None = None,
        face: int | None = None,
        middle: int | None = None,
        start: int = 0,
        stop: int | None = None,
        n_frames: int | None = None,
        name: str | None = None,
    ) -> Reconstructed:
        """Reconstruct one picture.

        Args:
            frames: a film, a folder, paths, arrays or a `FrameSequence`, as for `Restorer`.
            choice: what the user decides; the rest is chosen by what the frames show.
            cropped: the frames are cropped faces already; None: they are if they are squares of at most 32 px.
            box: left, top, width, height [px] round the wanted head in the first frame.
            face: number of the wanted face, from left to right in the first frame that has one.
            middle: number of the frame round which frames are taken.
            start: first frame to use.
            stop: first frame not to use any more.
            n_frames: most frames to use; 7 when left out.
            name: what to call the input in report and sheet.

        Raises:
            NoFaceFound: in none of the frames, or not in the chosen base.
            InputError: nothing readable, or two persons in the frames; their frames are named.
            RangeError: the choice names frames that are not there.
        """
        source = open_source(frames, name=name)
        told = {"cropped": cropped, "box": box, "face": face, "start": start or None, "stop": stop, "n_frames": n_frames}
        told = {name: value for name, value in told.items() if value is not None}
        kept = dict(choice.where) if choice else {}
        if _FACE & told.keys():  # another way to the face takes the place of the earlier one
            kept = {name: value for name, value in kept.items() if name not in _FACE}
        asked = {**kept, **told}
        if middle is None and choice is not None:
            # Those of an earlier run, or those round the one that shall become better.
            stays = choice.middle is not None and (choice.base is None or not choice.frames or choice.base in choice.frames)
            middle = choice.middle if stays else choice.base
        given: dict[str, Any] = {"start": 0, **asked, "middle": middle}
        where = Where(**given)
        n_frames = asked.get("n_frames")
        most = n_frames or self.cleaner.n_frames
        located = locate(source, where, n=most, size=self.cleaner.size_in, largest=self.cleaner.largest)
        sequence = located.sequence
        # Networks want the middle in the middle; here frames lie in their order of time, as their neighbours are asked first.
        order = np.argsort(located.indexes)
        names = tuple(located.indexes[i] for i in order)
        plain = {name: getattr(where, name) for name in asked}  # NumPy's numbers fit into no file
        state = State(source.name, sequence.frames[order], names, names.index(located.indexes[sequence.middle]), where=plain)
        if choice is not None and choice.frames and set(choice.frames) != set(state.names):
            state.warn("input", f"The choice was made of frames {_listed(choice.frames)}; now {_listed(state.names)} are used.")
        return self._run(state, Trace(), choice or Choice(), STEPS[0], source, located)

    def again(self, done: Reconstructed | State, choice: Choice | None = None, *, start: str = "select") -> Reconstructed:
        """Go on from a step of an earlier reconstruction, with another choice or other settings.

        Args:
            done: the earlier one, or its state as it was stored.
            choice: None takes the earlier choice, where there is one.
            start: the first step to do again; what those before it made is kept.

        Raises:
            RangeError: no such step, one before it was never done, or settings or choice want another result of one that is kept.
        """
        if start not in STEPS:
            raise RangeError("start", start, f"one of {', '.join(STEPS)}")
        state = done if isinstance(done, State) else done.state
        check_kept(self.settings, state.settings, start)
        _check_kept_choice(choice, state.choice, start)
        choice = choice or state.choice or Choice()
        selects = STEPS.index(start) <= STEPS.index("select")
        if selects and state.settings is not None and self.settings.finds_otherwise(state.settings):
            choice = choice.anew()
        if STEPS.index(start) > STEPS.index("mask") and state.choice is not None:
            choice = replace(choice, masks=state.choice.masks)  # those that the kept step used
        if isinstance(done, State):
            return self._run(copy.copy(done), Trace(), choice, start, None, None)
        return self._run(copy.copy(state), Trace(list(done.trace.steps)), choice, start, done.source, done.located)

    def _run(
        self, state: State, trace: Trace, choice: Choice, start: str, source: Source | None, located: Located | None
    ) -> Reconstructed:
        todo = STEPS[STEPS.index(start) :]
        _ready(state, start)
        state.warnings = {name: words for name, words in state.warnings.items() if name not in (*todo, "likeness")}
        guard: Guarded | None = None
        if start != "clean" and state.descriptors is None:
            self._check_person(state)  # the earlier run had no judge
        for name in todo:
            with trace.step(name) as step:
                if name == "clean":
                    steps.clean(state, step, self.cleaner)
                    self._check_person(state)
                elif name == "select":
                    steps.select(state, step, self.settings, choice)
                elif name == "align":
                    steps.align(state, step)
                elif name == "mask":
                    steps.mask(state, step, self.settings, choice, self._mask_clean, self.pretrained)
                elif name == "transfer":
                    steps.transfer(state, step, self._transfer, self._facts)
                elif name == "crossover":
                    steps.cross_over(state, step, self._cross, self.judge)
                else:
                    guard = self._finetuned(state)
                    if state.finished is not None:
                        step.show(state.finished, self.settings.finetune if guard is None or guard.kept else "undone")
        _note_found(state, source, located)
        likeness = compare_people(state, self.judge)
        final = state.choice = _final_choice(state, choice)
        state.settings = self.settings
        terms = terms_of(self.settings, self.pretrained)
        report = build_report(
            state, trace, final, self.settings, likeness, source=source, located=located, guard=guard, terms=terms
        )
        return Reconstructed(state, trace, final, self.settings, report, source, located)

    def _check_person(self, state: State) -> None:
        if self.judge is None or state.cleaned is None:
            return
        state.descriptors, distances = describe(state, self.judge)
        doubt = check_one_person(distances, state.names, state.name) if self.settings.keep_person else None
        if doubt is not None:
            state.warn("clean", doubt)

    def _finetuned(self, state: State) -> Guarded | None:
        before = state.crossed
        if before is None:
            raise RangeError("start", "finetune", "a step that was not left out before", "Begin with an earlier step.")
        state.finished = before
        name, most = self.settings.finetune, self.settings.most_change
        if name == "none":
            return None
        try:
            after = self._finetune(before)
        except (NoFaceFound, RangeError, ShapeError) as error:
            # A picture that it cannot take; the reconstruction is good without it.
            state.warn("finetune", f"The finetuner '{name}' could not be used, the picture is as it was before: {error}")
            return Guarded(before, False, None)
        guard = guarded(before, after, self.judge, most, landmarks=state.view(state.base).landmarks)
        state.finished = guard.picture
        if not guard.kept:
            change = "may have changed the face: the person could not be measured"
            if guard.change is not None:
                change = f"changed the face (identity distance {guard.change:.2f}, at most {most} is allowed)"
            state.warn("finetune", f"The finetuner '{name}' {change}; its result was thrown away.")
        return guard


def _note_found(state: State, source: Source | None, located: Located | None) -> None:
    """Keep in the state what there is to say of the frames and the face in them: who goes on from it must know as well."""
    if source is not None and located is not None:
        state.warnings["found"] = [*face_warnings(located, 32, state.pixel), *frame_warnings(source, located)]


def _ready(state: State, start: str) -> None:
    made: dict[str, Any] = {"select": state.cleaned, "align": state.quality, "mask": state.quality, "transfer": state.masks or None}
    made |= {"crossover": state.masks or None, "finetune": state.crossed}
    if start != "clean" and made[start] is None:
        raise RangeError("start", start, "a step before which all others were done", "Begin with the step 'clean'.")


def _check_kept_choice(choice: Choice | None, before: Choice | None, start: str) -> None:
    """Refuse a choice that speaks of steps which are not done again."""
    if choice is None or before is None:
        return
    done = STEPS[: STEPS.index(start)]
    wanted = {"base": choice.base, **choice.sources} if "select" in done else {}
    had = {"base": before.base, **before.sources}
    other = [f"{what}: frame {frame}" for what, frame in wanted.items() if frame is not None and had.get(what, frame) != frame]
    if "mask" in done:
        other += [f"mask of {part}" for part, file in choice.masks.items() if before.masks.get(part) != str(Path(file).absolute())]
    if other:
        first = "select" if wanted and any("frame" in each for each in other) else "mask"
        raise RangeError(
            "choice", ", ".join(other), f"what was chosen before the step '{start}'", f"Begin with '{first}' (--from {first})."
        )


def _final_choice(state: State, choice: Choice) -> Choice:
    """Everything as it was decided in the end, refusals too, so that the same comes out again."""
    used = {(part, frame) for frame, parts in state.used.items() for part in parts}
    sources = {pick.part: state.names[pick.frame if (pick.part, pick.frame) in used else state.base] for pick in state.picks}
    found = {part: frame for part, frame in sources.items() if part not in state.by_hand}
    masks = {part: str(Path(file).absolute()) for part, file in choice.masks.items()}
    return Choice(
        state.names[state.base], sources, "base", masks, found, tuple(state.names), state.names[state.middle], state.where
    )


def _listed(frames: Sequence[int]) -> str:
    return ", ".join(str(frame) for frame in sorted(frames))
