"""Data sets of damaged sequences on disk, in the form of MLFDB (see data/README.md), made out of stills.

A sequence is written into a temporary folder that is renamed when it is whole: a killed run leaves no half sequence, and the same call goes
on where it stopped. Each sequence depends on the seed and its own number only, never on how often the run was interrupted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, SharpeningError
from sharpening.frames.degrade import Damaged, DegradeParams, DegradeSettings, apply, draw
from sharpening.imaging.files import json_bytes, read_picture, write_bytes, write_picture, write_text
from sharpening.imaging.resize import resize

__all__ = ["Synthesised", "centre_square", "make_sequence", "read_still", "synthesise"]


class Synthesised(NamedTuple):
    """What a run of `synthesise` did: sequences made now, found from before, and stills left out with the reason of each."""

    made: int
    kept: int
    left_out: dict[str, str]


def centre_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest centred square of a picture `[H, W, 3]`."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def make_sequence(
    still: NDArray[np.uint8], how: DegradeSettings, *, n_frames: int, seed: Sequence[int]
) -> tuple[Damaged, DegradeParams]:
    """One damaged sequence out of one still `[H, W, 3]`; the same `seed` numbers give the same sequence."""
    params = draw(np.random.default_rng(list(seed)), how, n_frames=n_frames)
    return apply(np.ascontiguousarray(centre_square(still)), params), params


def synthesise(
    stills: Sequence[Path],
    out: str | Path,
    *,
    how: DegradeSettings,
    n_frames: int = 7,
    per_still: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Synthesised:
    """Write `len(stills) · per_still` damaged sequences below `out`; call again to go on after an interruption.

    Args:
        stills: Pictures, sharp, of at least `how.size_out` pixels on the shorter side after the margin; the centre square is used.
        out: Folder, made when absent. Each sequence becomes a folder `00012_name_0` with `frame_0.png` …, `label.png` and `params.json`.
        how: Damage, for example `settings("thesis")`.
        n_frames: Frames a sequence.
        per_still: Sequences a still, each with damage of its own.
        seed: Of the whole set.
        progress: Called with (sequences done, sequences in all).

    Raises:
        InputError: When `stills` is empty, or `out` holds a set made with other settings, or of other stills: more of them may come after
            those that there were.

    Source: thesis section 3.2.
    """
    if not stills:
        raise InputError(out, "there are no stills to make sequences of.", "Name a folder that holds pictures.")
    root = Path(out)
    names = ["/".join(path.parts[-2:]) for path in map(Path, stills)]
    _claim(root, {"how": asdict(how), "n_frames": n_frames, "seed": seed, "form": "mlfdb"}, names)
    made, kept, left_out, total = 0, 0, {}, len(stills) * per_still
    for i, path in enumerate(stills):
        folders = [root / f"{i:05d}_{path.stem}_{j}" for j in range(per_still)]
        missing = [(j, folder) for j, folder in enumerate(folders) if not folder.exists()]
        kept += per_still - len(missing)
        try:
            if missing:
                still = read_still(path, how, enlarge=False)
                for j, folder in missing:
                    _write_sequence(folder, *make_sequence(still, how, n_frames=n_frames, seed=(seed, i, j)))
                    made += 1
        except OSError:
            raise  # a full disk ends the run; what is whole stays
        except SharpeningError as error:
            left_out[str(path)] = str(error)
        if progress:
            progress((i + 1) * per_still, total)
    return Synthesised(made, kept, left_out)


def _claim(root: Path, facts: dict[str, object], names: list[str]) -> None:
    file = root / "set.json"
    there = json.loads(file.read_text()) if file.exists() else {}
    # Sets from before their stills were noted go on by their settings alone.
    before = there.pop("stills", names)
    if there and there != json.loads(json.dumps(facts)):
        raise InputError(
            root, "holds a set made with other settings.", "Name another folder, or repeat the settings of its set.json."
        )
    for number, (old, new) in enumerate(zip_longest(before, names[: len(before)])):
        if old != new:
            advice = "Sequences are numbered by their stills: name another folder, or add stills at the end."
            raise InputError(root, f"holds a set made of other stills: number {number} was {old}.", advice)
    if not there or names != before:
        write_bytes(file, json_bytes({**facts, "stills": names}))


def read_still(path: str | Path, how: DegradeSettings, *, enlarge: bool = True) -> NDArray[np.uint8]:
    """A still to be damaged, uint8 `[S, S, 3]`: its centre square, at most about twice as large as its label is seen.

    Bilinear sampling of a much larger picture would alias, in the label too.

    Args:
        path: The picture.
        how: The damage.
        enlarge: Whether a still may be smaller than its label will be.

    Raises:
        InputError: It cannot be read, or is too small.
    """
    still = centre_square(read_picture(path))
    needed = int(np.ceil(how.size_out / (1 - min(how.margin))))
    if still.shape[0] < needed and not enlarge:
        raise InputError(path, f"is {still.shape[0]} px on its shorter side; the label needs {needed} px.", "Use larger stills.")
    return still if still.shape[0] <= 2 * needed else resize(still, 2 * needed, "area")


def _write_sequence(folder: Path, made: Damaged, params: DegradeParams) -> None:
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for index, frame in enumerate(made.frames):
            write_picture(part / f"frame_{index}.png", frame)
        write_picture(part / "label.png", made.label)
        write_text(part / "params.json", params.to_json())
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
