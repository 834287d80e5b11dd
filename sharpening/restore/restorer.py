"""Frames in, picture out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.agreement import measure
from sharpening.restore.error_table import error_table
from sharpening.restore.evidence import PAINTED_OVER, Evidence, evidence_of
from sharpening.restore.finetune import Finetuned, Finetuner
from sharpening.restore.guard import POLICIES, Guard, watch
from sharpening.restore.locate import locate
from sharpening.restore.located import Choice, Located
from sharpening.restore.network import Output, TrainedNetwork, load_network
from sharpening.restore.repeats import Repeats, without_repeats
from sharpening.restore.report import build_report
from sharpening.restore.restored import Restored
from sharpening.restore.source import Frames, Source, open_source

__all__ = ["Restorer"]


@dataclass(eq=False)
class _Job:
    """One input on its way."""

    source: Source
    choice: Choice
    located: Located
    repeats: Repeats
    seconds: dict[str, float] = field(default_factory=dict)
    guard: Guard | None = None


class Restorer:
    """Restores one picture out of some frames of one person.

    >>> restore = Restorer.from_weights()                       # doctest: +SKIP
    >>> restore("film.mp4").save("face.png")                    # doctest: +SKIP

    Args:
        trained: network and card, see `from_weights`.
        device: where it runs.
        judge: measures the identity agreement and looks for frames of other people; None leaves both out (about 0.1 s a frame on one core).
        then: a single-frame net that finetunes the result (the "+" of the thesis's tables); None for none, which is better for likeness.
        strangers: what is done with frames of another person than the middle: "leave-out", or "keep" to name them only.
        evidence: whether to find out what each result rests on. The network runs once more, on the middle alone; networks that cannot tell
            their frames apart have no evidence to show.

    Raises:
        RangeError: another word for `strangers`.
        WeightsMismatch: the card's table of errors cannot be used.
    """

    def __init__(
        self,
        trained: TrainedNetwork,
        *,
        device: torch.device | str = "cpu",
        judge: FaceJudge | None = None,
        then: Finetuner | None = None,
        strangers: str = "leave-out",
        evidence: bool = True,
    ) -> None:
        if strangers not in POLICIES:
            raise RangeError("strangers", repr(strangers), " or ".join(f'"{policy}"' for policy in POLICIES))
        self.trained, self.device, self.judge, self.then = trained, torch.device(device), judge, then
        self.strangers = strangers
        self.evidence = evidence and trained.takes_any_number
        self.errors = error_table(trained.card, trained.path or trained.card.name)
        trained.network.to(self.device)

    @classmethod
    def from_weights(
        cls,
        name: str | Path = "default",
        *,
        device: torch.device | str | None = None,
        pretrained: str | Path | None = None,
        judge: bool = True,
        then: str | Path | None = None,
        strangers: str = "leave-out",
        evidence: bool = True,
    ) -> Restorer:
        """Build a restorer out of a weight file and its card.

        Args:
            name: "default", the name of weights, or the path of a weight file.
            device: "cpu", "cuda" …; None for CUDA where there is one.
            pretrained: folder to search for the weights first.
            judge: whether to measure the identity agreement of each result, and to look for frames of other people.
            then: name or path of weights of a finetuner.
            strangers: what is done with frames of another person than the middle: "leave-out", or "keep" to name them only.
            evidence: whether to find out what each result rests on.

        Raises:
            WeightsMissing: the weights are nowhere; the message names all places.
            WeightsMismatch: the file is not what its card says.
            RangeError: there is no such device.
        """
        place = _device(device)
        looks = FaceJudge() if judge else None
        finetuner = (
            None if then is None else Finetuner.from_weights(then, device=place, pretrained=pretrained, judge=looks or False)
        )
        trained = load_network(name, pretrained=pretrained, device=place)
        return cls(trained, device=place, judge=looks, then=finetuner, strangers=strangers, evidence=evidence)

    def __call__(
        self,
        frames: Frames,
        *,
        cropped: bool | None = None,
        box: tuple[float, float, float, float] | None = None,
        face: int | None = None,
        middle: int | None = None,
        start: int = 0,
        stop: int | None = None,
        n_frames: int | None = None,
        name: str | None = None,
    ) -> Restored:
        """Restore one picture.

        Args:
            frames: arrays uint8 `[H, W, 3]` RGB, paths, a film, a folder, or a `FrameSequence`; any number of frames from one up. Of more
                frames than the network takes (7) the sharpest one that agrees with the others becomes the middle, and its nearest
                neighbours go with it. Frames that repeat another one are left out, and the next ones taken.
            cropped: the frames are cropped faces already (the standard square, side 4.39 eye distances). None: they are if they are squares
                of at most 32 px; else the face is looked for.
            box: left, top, width, height [px] round the wanted head in the first frame.
            face: number of the wanted face, from left to right in the first frame that has one.
            middle: number of the frame to restore.
            start: first frame to use.
            stop: first frame not to use any more.
            n_frames: most frames to use; None for what the network was trained with (7). More show a little more and cost more.
            name: what to call the input in report and sheet.

        Raises:
            NoFaceFound: in none of the frames.
            InputError: nothing there, or nothing readable.
            ShapeError, RangeError: arrays, box or numbers that do not fit.
        """
        job = self.prepare(frames, Choice(cropped, box, face, middle, start, stop, n_frames), name=name)
        return self.finish([job])[0]

    def many(self, sequences: Iterable[Frames], bs: int = 16, **choice: Any) -> list[Restored]:
        """Restore many inputs, through the network in batches; the results are those of one call each.

        Args:
            sequences: inputs as for a single call.
            bs: most sequences in a batch.
            **choice: `cropped`, `box`, `face`, `middle`, `start`, `stop` and `n_frames`, the same for all.

        Raises:
            RangeError: `bs` under 1.
            SharpeningError: as a single call, for the first input that cannot be restored.
        """
        if bs < 1:
            raise RangeError("bs", bs, "at least 1")
        how, done, jobs = Choice(**choice), list[Restored](), list[_Job]()
        for frames in sequences:
            jobs.append(self.prepare(frames, how))
            if len(jobs) == bs:
                done += self.finish(jobs)
                jobs = []
        return done + self.finish(jobs)

    def prepare(self, frames: Frames, choice: Choice, *, name: str | None = None) -> _Job:
        """Find, follow and cut out the face, in frames of one person that differ: the first half of the work, one input at a time."""
        begin = time.perf_counter()
        n = self.trained.most_frames(choice.n_frames)
        source = open_source(frames, name=name)
        first = locate(source, choice, n=n, size=self.trained.card.size_in, largest=self.trained.largest)
        located, copies = without_repeats(first, source)
        stand_ins = not set(located.indexes) <= set(first.indexes)
        found = time.perf_counter()
        located, guard = watch(located, self.judge, scale=self.trained.scale, policy=self.strangers)
        seconds = {"locate": found - begin, "guard": time.perf_counter() - found}
        return _Job(source, choice, located, Repeats(copies, len(located.indexes), stand_ins), seconds, guard)

    def finish(self, jobs: Sequence[_Job]) -> list[Restored]:
        """Restore what was prepared, jobs with equally many frames of one size in one batch: the second half of the work."""
        results: dict[int, Restored] = {}
        shapes = [(len(self._indexes(job)), job.located.sequence.frames.shape[1]) for job in jobs]
        for shape in sorted(set(shapes)):
            some = [i for i, each in enumerate(shapes) if each == shape]
            begin = time.perf_counter()
            stacks = torch.stack([to_tensor(jobs[i].located.sequence.frames[self._indexes(jobs[i])]) for i in some]).to(self.device)
            output = self.trained(stacks)
            middle = stacks[:, shape[0] // 2]
            alone = None if not self.evidence else output if shape[0] == 1 else self.trained(middle[:, None])
            bicubic = self._bicubic(middle)
            for i in some:
                jobs[i].seconds["network"] = (time.perf_counter() - begin) / len(some)
            for row, i in enumerate(some):
                results[i] = self._restored(jobs[i], output.of(row), None if alone is None else alone.of(row), bicubic[row])
        return [results[i] for i in range(len(jobs))]

    def _indexes(self, job: _Job) -> list[int]:
        return self.trained.stack_indexes(job.located.sequence.n)

    def _bicubic(self, middle: Tensor) -> Tensor:
        return resize_tensor(middle, round(middle.shape[-1] * self.trained.scale), "bicubic").clamp(0, 1)

    def _restored(self, job: _Job, output: Output, alone: Output | None, bicubic: Tensor) -> Restored:
        picture = _array(output.pictures[0])
        finetuned = self._finetuned(job, picture)
        picture = picture if finetuned is None else finetuned.picture
        shares = () if output.shares is None else tuple(float(share) for share in output.shares[0])
        painted_over = PAINTED_OVER if finetuned is not None and finetuned.kept else ""
        evidence = None if alone is None else self._evidence(job, picture, output, alone, bicubic, painted_over)
        begin = time.perf_counter()
        described = None if job.guard is None else job.guard.described
        # A finetuner that was undone had no hand in it.
        weights = None if finetuned is not None and finetuned.kept else self.trained.card.sha256
        agreement = measure(picture, list(job.located.sequence.frames), self.judge, described, weights=weights)
        job.seconds["agreement"] = time.perf_counter() - begin
        report = build_report(
            job.source,
            job.choice,
            job.located,
            self.trained,
            shares,
            agreement,
            device=self.device,
            seconds={**job.seconds, "total": sum(job.seconds.values())},
            finetuned=finetuned,
            finetuner=None if self.then is None else self.then.trained,
            repeats=job.repeats,
            guard=job.guard,
            evidence=evidence,
        )
        return Restored(picture, _array(bicubic), job.located.sequence.frames, shares, report, evidence)

    def _evidence(
        self, job: _Job, picture: NDArray[np.float32], output: Output, alone: Output, bicubic: Tensor, painted_over: str
    ) -> Evidence | None:
        begin = time.perf_counter()
        frames = to_tensor(job.located.sequence.frames)
        evidence = evidence_of(
            picture, frames, output, alone.pictures[0], bicubic, table=self.errors, judge=self.judge, painted_over=painted_over
        )
        job.seconds["evidence"] = time.perf_counter() - begin
        return evidence

    def _finetuned(self, job: _Job, picture: NDArray[np.float32]) -> Finetuned | None:
        if self.then is None:
            return None
        begin = time.perf_counter()
        finetuned = self.then(picture)
        job.seconds["finetune"] = time.perf_counter() - begin
        return finetuned


def _array(picture: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(picture.float().cpu().movedim(0, -1).numpy())


def _device(device: torch.device | str | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise RangeError("device", str(device), "cpu, or a device that this torch can use", f"torch says: {reason}") from error
    return place
