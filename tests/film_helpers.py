"""Films that are damaged in a way that a decoder conceals."""

from pathlib import Path

import cv2
import numpy as np

from sharpening.frames.video import write_film


def overwritten(path: Path, share: float = 0.6, *, n: int = 60) -> Path:
    """A copy of a film with n of its bytes lost on the way."""
    data = bytearray(path.read_bytes())
    at = int(share * len(data))
    data[at : at + n] = bytes(range(n))
    path.with_name(f"overwritten{path.suffix}").write_bytes(data)
    return path.with_name(f"overwritten{path.suffix}")


def smooth_film(path: Path) -> Path:
    """A film in which a decoder can fill in what is lost."""
    block = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (15, 60, 3), dtype=np.uint8), (480, 120), interpolation=cv2.INTER_CUBIC
    )
    return write_film(path, (np.ascontiguousarray(block[:, 6 * i :][:, :160]) for i in range(30)))
