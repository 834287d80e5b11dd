"""What FFmpeg's decoders say while they decode: some damage they conceal, and tell only in their log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["decoder_errors"]

# Cameras' own notes in front of a picture that cannot be read: its pixels are whole.
_HARMLESS = ("unable to decode APP fields",)


class _Level:
    """The level of FFmpeg's log is one for the process: the first reader raises it, the last one puts it back."""

    def __init__(self) -> None:
        self.lock, self.readers = Lock(), 0
        self.before: tuple[int | None, bool] = (None, True)

    def raised(self) -> None:
        import av.logging as log

        with self.lock:
            self.readers += 1
            if self.readers > 1:
                return
            self.before = log.get_level(), log.get_skip_repeated()
            log.set_level(max(self.before[0] or log.ERROR, log.ERROR))
            log.set_skip_repeated(False)  # else a film read twice would be damaged only once

    def put_back(self) -> None:
        import av.logging as log

        with self.lock:
            self.readers -= 1
            if not self.readers:
                log.set_level(self.before[0])
                log.set_skip_repeated(self.before[1])


_level = _Level()


@contextmanager
def decoder_errors() -> Iterator[list[str]]:
    """Collect the errors that FFmpeg logs in this thread: "h264: error while decoding MB 3 0, bytestream 55".

    Decoders must not use threads of their own (`thread_type = "NONE"`), or what those say is missed. What the caller listens to itself
    (`av.logging.set_level`) is handed on.

    Yields:
        A list that is filled when the block ends.
    """
    import av.logging as log

    errors, entries = list[str](), list[tuple[int, str, str]]()
    _level.raised()
    try:
        with log.Capture() as entries:
            yield errors
    finally:
        wanted = _level.before[0]
        for level, name, words in entries:
            said = f"{name}: {words.strip()}"
            if level <= log.ERROR and not any(harmless in said for harmless in _HARMLESS):
                errors.append(said)
            if wanted is not None and level <= wanted:
                log.log(level, name, words)  # before the level is put back: then it would pass for a repetition
        _level.put_back()
