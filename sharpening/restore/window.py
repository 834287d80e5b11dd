"""Which frames take part: the middle one, which is restored, and its nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sharpening.errors import InputError

__all__ = ["choose_middle", "neighbours"]


def choose_middle(
    usable: Sequence[int], n: int, details: Mapping[int, float], *, wanted: int | None, where: str
) -> tuple[int, str]:
    """The frame to restore.

    No more frames than the net takes: the one in the middle of them, as in the thesis. More: the one that shows most detail, of those
    with enough neighbours on both sides where there are such.

    Args:
        usable: numbers of the frames with a face, ascending.
        n: how many frames the net takes.
        details: sharpness of frames by number, see `sightings.facial_detail`; frames without one come last.
        wanted: number that the user asked for.
        where: name of the input, for the error.

    Returns:
        The number, and why it was taken, in words.

    Raises:
        InputError: the wanted frame is not usable; the message names the nearest that is.
    """
    if wanted is not None:
        if wanted not in usable:
            nearest = min(usable, key=lambda i: abs(i - wanted))
            raise InputError(
                where, f"frame {wanted} cannot be the middle: no face is known in it.", f"The nearest that can is frame {nearest}."
            )
        return wanted, "chosen by the user"
    if len(usable) <= n:
        return usable[len(usable) // 2], "the middle one of the usable frames"
    half = n // 2
    inner = usable[half : len(usable) - half]
    best = max(inner, key=lambda i: (details.get(i, -1.0), -abs(i - inner[len(inner) // 2])))
    return best, "the frame that shows most detail in the face"


def neighbours(usable: Sequence[int], middle: int, n: int) -> list[int]:
    """The n usable frames nearest to `middle`, it among them at index n // 2 and the others in their order; fewer where there are fewer.

    Near the ends the frames are not alike on both sides; the middle keeps its place in the stack all the same.

    >>> neighbours([0, 1, 2, 5, 6], 5, 3), neighbours([0, 1, 2, 5, 6], 0, 3)
    ([2, 5, 6], [1, 0, 2])
    """
    nearest = sorted(usable, key=lambda i: (abs(i - middle), i))[:n]
    others = sorted(i for i in nearest if i != middle)
    half = len(nearest) // 2
    return [*others[:half], middle, *others[half:]]
