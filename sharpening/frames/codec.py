"""What compression does to frames: JPEG for each frame, H.264 over a sequence. Both run in memory."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError

__all__ = ["h264_roundtrip", "jpeg_roundtrip"]

Picture = NDArray[np.uint8]


def jpeg_roundtrip(picture: Picture, quality: int) -> Picture:
    """Code a picture as JPEG (4:2:0) and read it back.

    OpenCV is used because it gives the same pixels as Pillow several times faster (docs/decisions.md).

    Args:
        picture: uint8 `[H, W, 3]`, RGB.
        quality: 1 (worst) … 100 (best).
    """
    if not 1 <= quality <= 100:
        raise RangeError("JPEG quality", quality, "1 … 100")
    # OpenCV codes BGR: without the reversal the chroma planes would be built from the wrong channels.
    coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def h264_roundtrip(frames: Picture, crf: int, *, preset: str = "veryfast") -> Picture:
    """Code a sequence as H.264 (yuv420p) and decode it again, without a container.

    Args:
        frames: uint8 `[n, H, W, 3]`, RGB, with even sides (4:2:0 chroma has half of them).
        crf: constant rate factor, 0 (lossless) … 51 (worst); surveillance film of faces lies at about 28 … 40.
        preset: speed preset of x264.

    Returns:
        uint8 `[n, H, W, 3]`: the same number of frames, damaged; with one release of PyAV the same pixels on any x86 processor with AVX.
        Other processors round colours otherwise on their way to the codec and back.
    """
    import av
    from av.video.reformatter import VideoReformatter

    n, height, width, _ = frames.shape
    if height % 2 or width % 2:
        raise ShapeError("frames for H.264", tuple(frames.shape), "even height and width", "Pad or resize by one pixel.")
    if not 0 <= crf <= 51:
        raise RangeError("H.264 crf", crf, "0 … 51")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.options = _x264_options(crf, preset)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoded = [frame for packet in packets for frame in decoder.decode(packet)] + list(decoder.decode(None))
    if len(decoded) != n:
        raise ShapeError("decoded H.264 frames", len(decoded), str(n), "The codec dropped frames; try another preset.")
    # One converter for all frames: left to itself each frame would set up its own, which takes longer than its decoding.
    converter = VideoReformatter()
    return np.stack([converter.reformat(frame, format="rgb24").to_ndarray() for frame in decoded])


def _x264_options(crf: int, preset: str) -> dict[str, str]:
    # Left to itself x264 chooses its algorithms by the processor: with AVX-512 a protocol would be another one.
    return {"crf": str(int(crf)), "preset": preset, "x264-params": "cpu-independent=1"}
