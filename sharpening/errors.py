"""The errors of the package. Each one says what came, what was wanted and what to do, and carries the facts as attributes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "InputError",
    "NoFaceFound",
    "RangeError",
    "ShapeError",
    "SharpeningError",
    "WeightsMismatch",
    "WeightsMissing",
]


class SharpeningError(Exception):
    """Base of all errors that the package raises on purpose; catch this one to catch them all."""


class InputError(SharpeningError, ValueError):
    """A file, folder or film that cannot be used: absent, empty, truncated, of an unknown kind."""

    def __init__(self, path: str | Path, problem: str, advice: str = "") -> None:
        self.path, self.problem, self.advice = str(path), problem, advice
        super().__init__(f"{path}: {problem}" + (f" {advice}" if advice else ""))


class ShapeError(SharpeningError, ValueError):
    """An array or tensor of the wrong shape."""

    def __init__(self, what: str, got: object, wanted: str, advice: str = "") -> None:
        self.what, self.got, self.wanted = what, got, wanted
        super().__init__(f"{what}: got {got}, wanted {wanted}." + (f" {advice}" if advice else ""))


class RangeError(SharpeningError, ValueError):
    """A number outside the range in which it means something."""

    def __init__(self, what: str, got: object, wanted: str, advice: str = "") -> None:
        self.what, self.got, self.wanted = what, got, wanted
        super().__init__(f"{what}: got {got}, wanted {wanted}." + (f" {advice}" if advice else ""))


class NoFaceFound(SharpeningError, ValueError):
    """No face in a picture, or in any frame of a sequence."""

    def __init__(self, where: str | Path, advice: str = "") -> None:
        self.where = str(where)
        super().__init__(f"{where}: no face found." + (f" {advice}" if advice else ""))


class WeightsMissing(SharpeningError, FileNotFoundError):
    """A weight file that is in none of the places that were searched."""

    def __init__(self, name: str, searched: Iterable[str | Path], advice: str) -> None:
        self.name, self.searched = name, tuple(str(place) for place in searched)
        places = "".join(f"\n  - {place}" for place in self.searched)
        super().__init__(f"weights '{name}' were not found. Searched:{places}\n{advice}")


class WeightsMismatch(SharpeningError, ValueError):
    """A weight file that is not the one its card describes, or does not fit the network."""

    def __init__(self, path: str | Path, problem: str, advice: str = "") -> None:
        self.path, self.problem = str(path), problem
        super().__init__(f"{path}: {problem}" + (f" {advice}" if advice else ""))
