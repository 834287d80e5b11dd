"""The HeadPose set (Pointing'04): fifteen persons, each looking twice in 93 known directions.

Known from its documentation and not from the files, which were not to be had: persons 1 … 15, series 1 and 2, pictures 0 … 92 of 384×288
px; tilt −90, −60, −30, −15, 0 … 90° (below 0 is down) and pan −90, −75 … 90° (below 0 is left), pan 0 alone at the tilts ±90°. Uncertain
are the word that names begin with ("person" or "personne", both are taken), the layout of the text beside each picture (the last four
numbers in it are taken for the face's centre x, y, width and height) and whose left is meant.

Source: Gourier, Hall and Crowley, "Estimating Face Orientation from Robust Detection of Salient Facial Features", Pointing 2004.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, overload

from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.frames.listing import stills
from sharpening.imaging.files import read_picture

__all__ = ["FaceBox", "HeadPose", "HeadPoseShot", "is_shot", "parse_shot"]

_NAME = re.compile(r"person(?:ne)?(\d{2})(\d)(\d{2})([+-]\d{1,2})([+-]\d{1,2})", re.IGNORECASE)
_WANTED = "Wanted are names like person01146-60+90.jpg: two digits of the person, one of the series, two of the picture, then tilt and pan."
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


class FaceBox(NamedTuple):
    """Where the face lies in a picture, as its annotation says: its centre, width and height [px]."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class HeadPoseShot:
    """One picture of the set.

    Attributes:
        path: of the picture.
        person: 1 … 15.
        series: 1 or 2.
        number: 0 … 92, of the picture in its series.
        tilt: up and down [degrees], below 0 is down.
        pan: to the sides [degrees], below 0 is left.
        box: of the face; None without an annotation.
    """

    path: Path
    person: int
    series: int
    number: int
    tilt: int
    pan: int
    box: FaceBox | None = None

    def read(self) -> NDArray:
        """The picture, uint8 `[H, W, 3]`, RGB."""
        return read_picture(self.path)

    def angle_to(self, other: HeadPoseShot) -> float:
        """Angle between the directions in which the two look [degrees]."""
        (a, b), (c, d) = ([math.radians(angle) for angle in (shot.tilt, shot.pan)] for shot in (self, other))
        cosine = math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)
        return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


class HeadPose(Sequence[HeadPoseShot]):
    """The pictures of a HeadPose folder, at any depth, by person, series and number. No picture is read before it is asked for.

    Args:
        root: the folder of the set, of a person, or of some pictures of it.
        persons: only these; None for all.
        series: only this one; None for both.
        most_tilt: only pictures that look at most so far up or down [degrees].
        most_pan: only pictures that look at most so far to a side [degrees].
        others: pass over pictures of other names, which are an error without it.

    Raises:
        InputError: no such folder, no picture in it, a name of another form, an annotation that cannot be read, or nothing left over.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        persons: Collection[int] | None = None,
        series: int | None = None,
        most_tilt: float = 90,
        most_pan: float = 90,
        others: bool = False,
    ) -> None:
        self.root = Path(root)
        named = [path for path in stills(self.root) if not others or _NAME.fullmatch(path.stem)]
        shots = [parse_shot(path) for path in named]
        self._shots = sorted(
            (
                shot
                for shot in shots
                if (persons is None or shot.person in persons)
                and series in (None, shot.series)
                and abs(shot.tilt) <= most_tilt
                and abs(shot.pan) <= most_pan
            ),
            key=lambda shot: (shot.person, shot.series, shot.number, str(shot.path)),
        )
        if not self._shots:
            problem = f"none of its {len(shots)} pictures is one of those asked for." if shots else "holds no picture of the set."
            raise InputError(self.root, problem, "Ask for other persons or angles." if shots else _WANTED)

    def __len__(self) -> int:
        return len(self._shots)

    @overload
    def __getitem__(self, index: int) -> HeadPoseShot: ...
    @overload
    def __getitem__(self, index: slice) -> list[HeadPoseShot]: ...
    def __getitem__(self, index: int | slice) -> HeadPoseShot | list[HeadPoseShot]:
        return self._shots[index]

    def __repr__(self) -> str:
        return f"HeadPose({str(self.root)!r}: {len(self)} pictures of {len(self.by_person())} persons)"

    def by_person(self) -> dict[int, list[HeadPoseShot]]:
        """The pictures of each person, in order."""
        found: dict[int, list[HeadPoseShot]] = {}
        for shot in self._shots:
            found.setdefault(shot.person, []).append(shot)
        return found

    def pairs(self, most_angle: float = 180) -> Iterator[tuple[HeadPoseShot, HeadPoseShot]]:
        """All ordered pairs (base, source) of one person and series that look at most `most_angle` degrees apart.

        Pairs of one series only: between the two, persons took glasses on or off.
        """
        for shots in self.by_person().values():
            for base in shots:
                for source in shots:
                    if source is not base and source.series == base.series and base.angle_to(source) <= most_angle:
                        yield base, source


def is_shot(path: str | Path) -> bool:
    """Whether a picture is named like one of the set."""
    return _NAME.fullmatch(Path(path).stem) is not None


def parse_shot(path: str | Path) -> HeadPoseShot:
    """Read a picture's name, and the annotation of the same name with the ending .txt if there is one.

    Raises:
        InputError: for a name of another form, or an annotation without the four numbers.

    >>> shot = parse_shot("person01146-60+90.jpg")
    >>> shot.person, shot.series, shot.number, shot.tilt, shot.pan
    (1, 1, 46, -60, 90)
    """
    path = Path(path)
    found = _NAME.fullmatch(path.stem)
    if found is None:
        raise InputError(path, "is not named like a picture of the HeadPose set.", _WANTED)
    person, series, number, tilt, pan = (int(part) for part in found.groups())
    if not 1 <= series <= 2:
        raise InputError(path, f"claims to be of series {series}; there are 1 and 2.", _WANTED)
    if max(abs(tilt), abs(pan)) > 90:
        raise InputError(path, f"claims the angles {tilt} and {pan}; they go from -90 to +90.", _WANTED)
    notes = path.with_suffix(".txt")
    return HeadPoseShot(path, person, series, number, tilt, pan, _read_box(notes) if notes.is_file() else None)


def _read_box(path: Path) -> FaceBox:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the permissions.") from error
    # The picture's own name stands in it too, and is full of numbers.
    numbers = [float(n) for line in lines if "person" not in line.lower() for n in _NUMBER.findall(line)]
    if len(numbers) < 4 or min(numbers[-2:]) <= 0:
        raise InputError(path, "does not say where the face is.", "Wanted are its centre x, y, width and height, a number a line.")
    return FaceBox(*numbers[-4:])
