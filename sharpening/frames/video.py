"""Films through PyAV: read frame by frame in bounded memory. Writing is here under its public name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, RangeError
from sharpening.frames.decoder_log import decoder_errors
from sharpening.frames.film_write import write_film
from sharpening.imaging.files import MAX_PIXELS, PICTURE_SUFFIXES
from sharpening.imaging.reading import is_still, read_head, text_in_place_of

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["FILM_SUFFIXES", "FilmDamagedWarning", "FilmInfo", "FilmLog", "film_info", "is_film", "read_film", "write_film"]

Picture = NDArray[np.uint8]

FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".vob", ".wmv", ".asf"),
    *(".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".dv", ".h264", ".264", ".hevc", ".mjpeg", ".ivf", ".y4m", ".gif", ".apng"),
)
"""Names that end like this (in either case) are taken for films."""

# A file named by a user must not make FFmpeg open others: playlists, concat scripts, text art and devices are not on the list.
_DEMUXERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,gif,apng,ogg,mxf,"
    "h264,hevc,mjpeg,m4v,ivf,dv,rm,nut,yuv4mpegpipe,wtv,vc1,obu,av1"
)
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
_CONCEALED = "errors in decoding were concealed: the decoder filled in what it could not read, such pixels may be invented"
_CUT_OFF = "File ended prematurely"  # Matroska's reader says so of a film that was cut off
_MISSING_SHARE = 0.1  # a film may promise somewhat more than it holds (sound that outlasts the picture) without being damaged


class FilmDamagedWarning(UserWarning):
    """A film is damaged: cut off (the frames before the damage were given), or decoded with errors (pixels may be invented)."""


@dataclass(frozen=True)
class FilmInfo:
    """Facts on a film.

    Attributes:
        n_frames: frames that its header promises; None where the container does not say.
        fps: mean frames a second; None where unknown.
        width: of an upright frame with square pixels [px].
        height: likewise [px].
        seconds: length; None where unknown.
        sound: whether it has a sound track.
    """

    n_frames: int | None
    fps: float | None
    width: int
    height: int
    seconds: float | None
    sound: bool = False


@dataclass(eq=False)
class FilmLog:
    """What reading a film brought to light.

    Attributes:
        n_frames: frames that were decoded; None until the film was read to its end.
        damage: what is damaged, in words without a full stop.
    """

    n_frames: int | None = None
    damage: list[str] = field(default_factory=list)

    def add(self, damage: str) -> None:
        """One more damage; the same words, of another reading of the film, count once."""
        if damage not in self.damage:
            self.damage.append(damage)


def read_film(
    path: str | Path, *, start: int = 0, stop: int | None = None, step: int = 1, log: FilmLog | None = None
) -> Iterator[Picture]:
    """Read the frames of a film one after the other; at any time only a few of them are in memory.

    Frames are turned upright (phones store the rotation beside the film) and brought to square pixels. Should the film change
    its size on the way, so do the frames. Counting goes by decoded frames, so that `start` costs the decoding up to there.

    Decoders conceal damage: they fill in what they cannot read from around it or from other frames. That is known only where FFmpeg says
    so in its log or marks the frame, and then it is passed on. Not all damage is seen: of films with a few bytes overwritten MPEG-2 and
    MPEG-4 told of every one, H.264 of two in three, Motion JPEG of half, H.265 and VP9 of next to none. No warning is no proof that all
    pixels are as they were filmed.

    Args:
        path: a film of any common kind (MP4, MOV, MKV, WebM, AVI, animated GIF …).
        start: index of the first frame wanted.
        stop: index of the first frame not wanted any more; None for the end.
        step: every how many frames.
        log: is filled while the film is read, and told of damage in place of the warning.

    Returns:
        An iterator of uint8 `[H, W, 3]`, RGB.

    Raises:
        InputError: no such file, no film, or not one frame could be decoded (the latter two on the first `next`).
        RangeError: negative `start` or `stop`, `step` under 1.

    Warns:
        FilmDamagedWarning: the film broke off on the way (the frames up to there were given), or the decoder concealed errors. It comes
            when the last frame wanted was given.
    """
    path = Path(path)
    for name, value, least in (("start", start, 0), ("stop", stop, 0), ("step", step, 1)):
        if value is not None and value < least:
            raise RangeError(name, value, f"at least {least}")
    read_head(path, "film")
    return _chosen(path, start, stop, step, log)


def _chosen(path: Path, start: int, stop: int | None, step: int, log: FilmLog | None) -> Iterator[Picture]:
    found = FilmLog()
    with _opened(path) as (container, stream):
        for index, frame in enumerate(_decoded(path, container, stream, found)):
            if stop is not None and index >= stop:
                break
            if index >= start and (index - start) % step == 0:
                yield _upright(path, stream, frame)
    for damage in found.damage:
        if log is None:
            warnings.warn(damage, FilmDamagedWarning, stacklevel=2)
        else:
            log.add(damage)
    if log is not None and found.n_frames is not None:
        log.n_frames = found.n_frames


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    import av

    head = read_head(path, "film")
    if is_still(path):
        raise InputError(path, "is a single picture, not a film.", "Read it with sharpening.imaging.files.read_picture.")
    try:
        container = av.open(str(path), options=_OPTIONS, metadata_errors="ignore")
    except _av_errors() as error:
        text = text_in_place_of(head, "film")
        fallback = "is no film of a known kind, or damaged (no readable header).", "Copy it again, or convert it to MP4."
        raise InputError(path, *(text or fallback)) from error
    with container:
        if not container.streams.video:
            raise InputError(path, "has no picture track.", "Give a film, not a sound recording.")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise InputError(path, "is coded in a way that cannot be decoded here.", "Convert it to MP4 (H.264).")
        stream.thread_type = "NONE"  # else a decoder's threads would tell of damage where nobody hears it
        yield container, stream


def _av_errors() -> tuple[type[Exception], ...]:
    """What PyAV raises on foreign bytes; most of its own errors are also one of Python's."""
    import av.error

    return av.error.FFmpegError, OSError, ValueError, ArithmeticError, LookupError, MemoryError, RuntimeError


def _decoded(path: Path, container: InputContainer, stream: VideoStream, log: FilmLog) -> Iterator[VideoFrame]:
    count, end, damage, concealed, cut = 0, 0.0, "", "", False
    frames: Iterator[VideoFrame] = chain.from_iterable(packet.decode() for packet in container.demux(stream))
    while True:
        try:
            with decoder_errors() as errors:
                frame = next(frames, None)
        except _av_errors() as error:
            # The decoder holds some whole frames back to sort them; they come out when it is told that no more packets follow.
            frames = iter(()) if damage else _held_back(stream)
            damage = str(error) or type(error).__name__
            continue
        cut = cut or any(_CUT_OFF in error for error in errors)
        if not concealed and (concealed := _concealed(errors, frame)):
            log.add(f"{path}: {_CONCEALED} (first near frame {count}: {concealed})")
        if frame is None:
            break
        count, end = count + 1, float(frame.time or 0.0)
        yield frame
    if not count:
        raise InputError(path, f"holds no frame that can be decoded{f' ({damage})' if damage else ''}.", "Copy it again.")
    log.n_frames = count
    if damage or cut or _broke_off(container, stream, count, end):
        log.add(f"{path}: the film is damaged or cut off after {count} frames; the frames up to there were given")


def _concealed(errors: list[str], frame: VideoFrame | None) -> str:
    """The first sign that the decoder filled something in; empty when there is none."""
    marked = ["the frame is marked as damaged"] if frame is not None and frame.is_corrupt else []
    return next((error for error in [*errors, *marked] if _CUT_OFF not in error), "")


def _held_back(stream: VideoStream) -> Iterator[VideoFrame]:
    yield from stream.codec_context.decode(None)


def _broke_off(container: InputContainer, stream: VideoStream, count: int, end: float) -> bool:
    """Whether clearly fewer frames came than the header promises (some decoders stop at a cut without a word)."""
    if stream.frames:
        return count < (1 - _MISSING_SHARE) * stream.frames
    rate, seconds = stream.average_rate, _seconds(container, stream)
    if not rate or not seconds:
        return False
    start = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    return end - start + 2 / float(rate) < (1 - _MISSING_SHARE) * seconds


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    import av

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _upright(path: Path, stream: VideoStream, frame: VideoFrame) -> Picture:
    """One frame as a picture: RGB, with square pixels, turned as the film asks."""
    shape = float(stream.sample_aspect_ratio or 1)
    width = round(frame.width * shape) if 0.25 <= shape <= 4 else frame.width
    try:
        picture = frame.to_ndarray(format="rgb24", width=width)
    except _av_errors() as error:
        raise InputError(path, f"holds a frame that cannot be turned into RGB ({error}).", "Convert it to MP4 (H.264).") from error
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, as numpy counts
    return np.ascontiguousarray(np.rot90(picture, quarters))


def film_info(path: str | Path) -> FilmInfo:
    """Facts on a film out of its header and its first frame.

    Raises:
        InputError: no such file, no film, or not one frame could be decoded.
    """
    path = Path(path)
    with _opened(path) as (container, stream):
        picture = _upright(path, stream, next(_decoded(path, container, stream, FilmLog())))
        rate = stream.average_rate or stream.guessed_rate
        height, width = picture.shape[:2]
        return FilmInfo(
            stream.frames or None,
            float(rate) if rate else None,
            width,
            height,
            _seconds(container, stream),
            bool(container.streams.audio),
        )


def is_film(path: str | Path) -> bool:
    """Whether a file is to be read as a film: by its suffix, and where that says nothing by its content.

    A damaged film is still one (so that reading it gives an error that says so); a folder, an absent file, or one single picture under a
    film's name (a GIF of one frame) is not.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.is_file() or suffix in PICTURE_SUFFIXES:
        return False
    if suffix in FILM_SUFFIXES:
        return not is_still(path)
    try:
        with _opened(path):
            return True
    except InputError:
        return False
