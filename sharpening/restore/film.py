"""A film in, a film of the restored face out: every frame with its neighbours, in memory that does not grow with the film."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.frames.film_write import check_film, write_film
from sharpening.frames.video import film_info
from sharpening.imaging.files import atomic_write, check_place, json_bytes, sha256_of
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.agreement import Agreement, measure
from sharpening.restore.film_face import FilmFace, Progress, find_in_film
from sharpening.restore.film_paste import Paste, pasted
from sharpening.restore.film_people import PeopleWatch
from sharpening.restore.film_report import FilmFacts, build_film_report
from sharpening.restore.film_stream import Done, Tally, film_pictures, restored_frames
from sharpening.restore.located import Choice
from sharpening.restore.place import check_places
from sharpening.restore.restorer import Restorer
from sharpening.restore.source import Frames, Source, open_source

__all__ = ["RestoredFilm", "restore_film"]

Picture = NDArray[np.uint8]

N_JUDGED = 5  # frames whose likeness is measured: 0.1 s for each frame of a window, on one core
USUAL_FPS = 25.0  # where the input does not say


@dataclass(frozen=True, eq=False)
class RestoredFilm:
    """One restored film.

    Attributes:
        path: where it was written.
        report: all facts, as they stand in the JSON file beside it.
    """

    path: Path
    report: dict[str, Any]

    @property
    def warnings(self) -> list[str]:
        """What the user should know before trusting the film, in plain words; also in the report."""
        return list(self.report["warnings"])


def restore_film(
    restorer: Restorer,
    source: Frames,
    out: str | Path,
    *,
    fps: float | None = None,
    crf: int = 16,
    bs: int = 8,
    paste: bool = False,
    progress: Progress | None = None,
    **choice: Any,
) -> RestoredFilm:
    """Restore every frame of a film, as a film of the face.

    The input is read twice: for the place of the face, and to cut, restore and write. At any time two frames and a window of small cuts are
    in memory; what is remembered of the others is about 1 kB a frame. The film has a frame for each one of the span that can be
    read, at the input's frame rate (the mean one, where it changes); frames that cannot be read are left out, counted and
    named in the report. Sound is left out. A frame in which the face is not known shows the input itself, enlarged,
    at the place between the last sighting and the next; the report counts these and says which they are. A frame is restored with its
    nearest neighbours up to the next cut that differ from each other: repeats of a frame are counted and add nothing. Three
    frames of each stretch between cuts are compared: stretches that show another person than the longest one are restored like the others,
    and named in report and warnings.

    Args:
        restorer: the network and the judge of identity. A finetuner (`then`) would make the film flicker and is refused.
        source: a film, a folder of frames, paths, or arrays, as for `Restorer`.
        out: the film to write (`.mp4`, `.m4v`, `.mov`, `.mkv`); the report is written beside it
            (`.film.json`, so that a picture of the same name keeps its own).
        fps: frames a second; None for the input's, 25 where it has none.
        crf: quality of the H.264 film, 0 (nearly lossless) to 51.
        bs: frames that go through the network together.
        paste: put the face back into the whole frame, which is enlarged so that the face keeps its pixels (up to 1920 px). This reads the
            input a third time.
        progress: is told of every frame, see `film_face.Progress`.
        **choice: `cropped`, `box`, `face`, `start`, `stop` and `n_frames`, see `Restorer`.

    Raises:
        NoFaceFound: in none of the frames.
        InputError: no film can be written under this name, or nothing readable came.
        ShapeError, RangeError: frames of different sizes, or numbers that do not fit.
        WriteError: the disk is full, or the place of film or report cannot be written to; no half film is left behind, and no new film
            beside an old report.
    """
    begin = time.perf_counter()
    out, how = check_film(out, fps=fps, crf=crf), Choice(**choice)
    _check(restorer, how, bs)
    n = restorer.trained.most_frames(how.n_frames)
    opened = open_source(source)
    check_place(_report_of(out))
    check_places((out, _report_of(out)), opened.files)
    rate, notes = _rate(opened, fps)
    face = find_in_film(opened, how, size=restorer.trained.card.size_in, largest=restorer.trained.largest, progress=progress)
    looked = time.perf_counter() - begin
    work = _Work(restorer, opened, how, face, n, bs, progress)
    paste_how = Paste.of(face, restorer.trained.scale) if paste else None
    output = {"path": str(out), "n_frames": face.path.n, "fps": rate, "crf": crf, **work.output_size(paste_how)}
    report = dict[str, Any]()
    # Film and report stand together or not at all: the report is written when the film is whole, and only then the film takes its place.
    with atomic_write(_report_of(out)) as temporary:

        def tell(film: Path) -> None:
            total = time.perf_counter() - begin
            seconds = {"look": looked, "restore": total - looked, "total": total}
            facts = FilmFacts(
                source=opened,
                choice=how,
                face=face,
                trained=restorer.trained,
                n_frames=n,
                tally=work.tally,
                agreements=work.agreements,
                people=work.watch.people(),
                output={**output, "sha256": sha256_of(film)},
                seconds=seconds,
                notes=notes,
            )
            report.update(build_film_report(facts, restorer.device))
            temporary.write_bytes(json_bytes(report))

        write_film(out, work.pictures(paste_how), fps=rate, crf=crf, whole=tell)
    return RestoredFilm(out, report)


def _check(restorer: Restorer, choice: Choice, bs: int) -> None:
    if bs < 1:
        raise RangeError("bs", bs, "at least 1")
    if choice.middle is not None:
        raise RangeError(
            "middle", choice.middle, "nothing for a film", "Every frame is restored: leave it out, or take start and stop."
        )
    if restorer.then is not None:
        advice = "It looks at one frame alone, and the film would flicker."
        raise RangeError("then", restorer.then.trained.card.name, "no finetuner for a film", advice)


def _report_of(out: Path) -> Path:
    return out.with_suffix(".film.json")


def _rate(source: Source, fps: float | None) -> tuple[float, list[str]]:
    """Frames a second, and what there is to say of sound and rate."""
    if source.kind != "film":
        return USUAL_FPS if fps is None else fps, []
    info = film_info(source.files[0])
    notes = ["The sound was left out."] if info.sound else []
    if fps is None and info.fps is None:
        notes.append(
            f"The film does not say how many frames a second it has; it was written with {USUAL_FPS:g} (--fps changes that)."
        )
    return (info.fps or USUAL_FPS) if fps is None else fps, notes


class _Work:
    """The second half: frames are restored one after the other, and some of them judged."""

    def __init__(
        self, restorer: Restorer, source: Source, choice: Choice, face: FilmFace, n: int, bs: int, progress: Progress | None
    ) -> None:
        self.restorer, self.source, self.choice, self.face = restorer, source, choice, face
        self.n, self.bs, self.progress = n, bs, progress
        self.tally, self.agreements = Tally(), dict[int, Agreement]()
        self.watch = PeopleWatch(face.path, restorer.judge, round(face.size * restorer.trained.scale))
        known = [i for i in range(face.path.n) if face.path.runs[i] >= 0]
        self.judged = {known[round(k)] for k in np.linspace(0, len(known) - 1, N_JUDGED)}

    def pictures(self, paste: Paste | None) -> Iterator[Picture]:
        """The frames of the result, one at a time."""
        done = self._counted(self._judged(self._done()))
        if paste is None:
            return (each.picture for each in done)
        return pasted(film_pictures(self.source, self.choice, self.face), done, self.face, paste)

    def output_size(self, paste: Paste | None) -> dict[str, Any]:
        """Width, height and how the face stands in the frame, for the report."""
        if paste is None:
            size = round(self.face.size * self.restorer.trained.scale)
            return {"width": size, "height": size, "pasted": False}
        return {
            "width": paste.width + paste.width % 2,
            "height": paste.height + paste.height % 2,
            "pasted": True,
            "frame_enlarged": round(paste.factor, 4),
        }

    def _done(self) -> Iterator[Done]:
        frames = film_pictures(self.source, self.choice, self.face)
        trained, device = self.restorer.trained, self.restorer.device
        return restored_frames(frames, self.face, trained, n=self.n, bs=self.bs, device=device, tally=self.tally)

    def _judged(self, done: Iterable[Done]) -> Iterator[Done]:
        judge: FaceJudge | None = self.restorer.judge
        for each in done:
            if each.known:
                self.watch.look(each.at, each.cuts[len(each.cuts) // 2])
            if each.at in self.judged and each.known:
                picture = (each.picture / np.float32(255)).astype(np.float32)
                weights = self.restorer.trained.card.sha256
                self.agreements[self.face.numbers[each.at]] = measure(picture, list(each.cuts), judge, weights=weights)
            yield each

    def _counted(self, done: Iterable[Done]) -> Iterator[Done]:
        for each in done:
            yield each
            if self.progress is not None:
                self.progress("restoring", each.at + 1, self.face.path.n)
