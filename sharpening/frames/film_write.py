"""Writing of films as H.264 through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.imaging.files import atomic_write, check_place

if TYPE_CHECKING:
    from av.container import OutputContainer

__all__ = ["check_film", "write_film"]

Picture = NDArray[np.uint8]

_WRITTEN = (".mp4", ".mov", ".mkv", ".m4v")


def write_film(
    path: str | Path, frames: Iterable[Picture], *, fps: float = 25, crf: int = 23, whole: Callable[[Path], object] | None = None
) -> Path:
    """Write frames as an H.264 film (yuv420p, BT.601), whole or not at all.

    H.264 with this colour form wants even sides: an odd side is made longer by one pixel by repeating its last row or column.

    Args:
        path: where to, with the suffix `.mp4`, `.m4v`, `.mov` or `.mkv`.
        frames: pictures uint8 `[H, W, 3]` of one size; they are taken one at a time.
        fps: frames a second.
        crf: 0 (nearly lossless) to 51 (worst); 23 is x264's own choice.
        whole: is called with the coded film, when all frames are in it and before it takes its place; what it raises leaves the place as
            it was.

    Returns:
        The path.

    Raises:
        InputError: an unknown suffix, no frames, or an encoder that refuses.
        ShapeError: a frame of another size, or no picture.
        RangeError: `fps` or `crf`.
        WriteError: the disk is full, or the place cannot be written to.
    """
    path = check_film(path, fps=fps, crf=crf)
    even = _even_frames(frames)
    first = next(even, None)
    if first is None:
        raise InputError(path, "there are no frames to write.", "Give at least one.")
    with atomic_write(path) as temporary:
        _encode(path, temporary, chain([first], even), first.shape[:2], fps, crf)
        if whole is not None:
            whole(temporary)
    return path


def check_film(path: str | Path, *, fps: float | None = None, crf: int = 23) -> Path:
    """The path of a film to write, before any work is done for it.

    Args:
        path: where to.
        fps: frames a second; None where that is not known yet.
        crf: 0 to 51.

    Raises:
        InputError: for a suffix that no film is written with.
        RangeError: `fps` or `crf`.
        WriteError: a folder, a device or a pipe is there.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITTEN:
        raise InputError(path, f"has the suffix {path.suffix!r}.", f"Films are written as {', '.join(_WRITTEN)}.")
    if not 0 <= crf <= 51:
        raise RangeError("crf", crf, "0 to 51")
    if fps is not None and not 0 < fps <= 1000:
        raise RangeError("fps", fps, "more than 0, at most 1000")
    check_place(path)
    return path


def _even_frames(frames: Iterable[Picture]) -> Iterator[Picture]:
    first: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
            raise ShapeError(f"frame {index}", f"{frame.dtype} {list(frame.shape)}", "uint8 [H, W, 3]")
        if first is not None and frame.shape != first:
            raise ShapeError(f"frame {index}", list(frame.shape), f"{list(first)} like the frames before", "Resize them first.")
        first = frame.shape
        height, width = frame.shape[:2]
        yield cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[misc]


def _encode(path: Path, temporary: Path, frames: Iterator[Picture], shape: tuple[int, ...], fps: float, crf: int) -> None:
    import av
    import av.error

    try:
        # The index in front lets a film be watched, and mostly saved, when it is cut off; Matroska needs none.
        options = {} if temporary.suffix.lower() == ".mkv" else {"movflags": "faststart"}
        with av.open(str(temporary), "w", options=options) as container:
            stream = _add_stream(container, shape, fps, crf)
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):  # a full disk: atomic_write says so
            raise
        raise InputError(path, f"could not be encoded ({error}).", "Check the size of the frames.") from error


def _add_stream(container: OutputContainer, shape: tuple[int, ...], fps: float, crf: int) -> Any:
    tags = "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m"  # untagged, players would guess by the size
    options = {"crf": str(crf), "x264-params": f"{tags}:cpu-independent=1"}
    stream: Any = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.height, stream.width = shape
    stream.pix_fmt = "yuv420p"
    return stream
