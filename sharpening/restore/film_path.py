"""Where the face is in every frame of a film: a steady path, so that the film of the face does not shake.

The places of the track already lie on a line through their nearest neighbours, which is right for one picture. In a film the eye sees what
remains of the detector's error as trembling; so the path is smoothed once more over about a third of a second, the side of the square over
a second. The face may then move a little within its square: the network undoes such shifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpening.models.face_align.track import SHAKE, Square

__all__ = ["FacePath", "steady_path"]

Squares = NDArray[np.float64]

STEADY = 4.0  # frames: sigma of the weights with which the neighbours of a frame count for its centre
STEADY_SIDE = 12.0  # the same for its side: people come nearer slowly
# A face that is somewhere else in the next frame, or of another size: the film was cut there. So far a face may go, too, to be followed.
JUMP = 0.5  # sides
JUMP_SIDE = 1.5  # times
REACH = 3.0  # sigmas: what is further away counts nothing


@dataclass(frozen=True, eq=False)
class FacePath:
    """The place of the face in every frame.

    Attributes:
        squares: float64 `[n, 3]`: centre x, centre y, side [px]. Where the face is not known it glides from the last known
            place to the next.
        how: for each frame "cropped", "found", "bridged", "given", or "none".
        runs: int64 `[n]`: number of the stretch without cut or loss to which a frame belongs; −1 for a frame without a face.
    """

    squares: Squares
    how: tuple[str, ...]
    runs: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of frames."""
        return len(self.how)

    @property
    def n_runs(self) -> int:
        """Number of stretches."""
        return int(self.runs.max(initial=-1)) + 1

    def square(self, index: int) -> Square:
        """Centre x, centre y, side [px] of one frame."""
        cx, cy, side = self.squares[index].tolist()
        return cx, cy, side


def steady_path(squares: Sequence[Square | None], how: Sequence[str]) -> FacePath:
    """Smooth the places of one face through a film.

    Each centre is where the straight line through its neighbours in time, weighted by nearness, has it: no lag behind a steady motion, at
    the ends neither. It stays within `SHAKE` of the square's side of its own place, so that the face of a shaken camera is not lost. What
    lies beyond a cut, or beyond frames without the face, does not count.

    Args:
        squares: for each frame centre x, centre y, side [px]; None where the face is not known. At least one must be.
        how: for each frame the kind of its place, see `track.Place`.
    """
    known = np.array([square is not None for square in squares])
    raw = np.array([(np.nan,) * 3 if square is None else square for square in squares], np.float64).reshape(-1, 3)
    runs = _runs(raw, known)
    path = raw.copy()
    for number in range(int(runs.max(initial=-1)) + 1):
        inside = runs == number
        path[inside] = _smoothed(raw[inside])
    frames = np.arange(len(path))
    for column in path.T:
        column[~known] = np.interp(frames[~known], frames[known], column[known])
    return FacePath(path, tuple(how), runs)


def _runs(squares: Squares, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    before, after = squares[:-1], squares[1:]
    with np.errstate(invalid="ignore"):  # frames without a place are NaN
        far = np.hypot(*(after - before)[:, :2].T) > JUMP * np.minimum(before[:, 2], after[:, 2])
        other_size = np.abs(np.log(after[:, 2] / before[:, 2])) > np.log(JUMP_SIDE)
    begins = known.copy()
    begins[1:] &= ~known[:-1] | far | other_size
    return np.where(known, np.cumsum(begins) - 1, -1).astype(np.int64)


def _smoothed(own: Squares) -> Squares:
    centres, sides = _lines(own[:, :2], STEADY), _lines(own[:, 2:], STEADY_SIDE)
    sides = np.clip(sides, own[:, 2:].min(), own[:, 2:].max())
    away = centres - own[:, :2]
    distance = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    # Drawn back by what is too much, not set back to its own place: that would be a jump, and one more when it ends.
    centres = own[:, :2] + away * np.minimum(1, SHAKE * sides / distance)
    return np.concatenate([centres, sides], axis=1)


def _lines(values: Squares, sigma: float) -> Squares:
    """For each frame the value of the weighted straight line through its neighbours: `[n, c]` to `[n, c]`."""
    reach, smooth = int(np.ceil(REACH * sigma)), np.empty_like(values)
    for index in range(len(values)):
        first = max(0, index - reach)
        near = values[first : index + reach + 1]
        away = np.arange(first, first + len(near)) - index
        weights = np.exp(-0.5 * (away / sigma) ** 2)
        weights /= weights.sum()
        mean_away, mean = weights @ away, weights @ near
        spread = weights @ (away - mean_away) ** 2
        slope = (weights * (away - mean_away)) @ (near - mean) / spread if spread > 1e-9 else np.zeros(values.shape[1])
        smooth[index] = mean - slope * mean_away
    return smooth
