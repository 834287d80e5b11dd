"""CPBD pixel by pixel, written a second time from its description: slow, and with nothing of the package in it.

Loops where the published Python program loops (directions, widths, blocks), so that `benchmarks/bench_cpbd.py` can time against it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

MOST_CHECKS = 101


def reference_cpbd(grey: np.ndarray) -> float:
    """The whole way for luminance `[H, W]`, 0-255."""
    from skimage.feature import canny

    grey = np.asarray(grey, np.float64)
    return reference_score(grey, reference_widths(grey, reference_sobel(grey)), canny(grey))


def reference_sobel(grey: np.ndarray) -> np.ndarray:
    kernel = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]).T / 8
    strength = ndimage.convolve(grey, kernel, mode="reflect") ** 2
    strength[strength <= 2 * math.sqrt(strength.mean())] = 0
    tops = [ndimage.maximum_filter(strength, footprint=f, mode="constant", cval=0) for f in ([[1, 0, 1]], [[1], [0], [1]])]
    return (strength > tops[0]) | (strength > tops[1])


def reference_widths(grey: np.ndarray, edges: np.ndarray) -> np.ndarray:
    n_rows, n_columns = grey.shape
    gy, gx = np.gradient(grey)
    angles = np.zeros(grey.shape)
    for row in range(n_rows):
        for column in range(n_columns):
            if gx[row, column] != 0:
                angles[row, column] = math.degrees(math.atan2(gy[row, column], gx[row, column]))
    widths = np.zeros(grey.shape, int)
    if not angles.any():
        return widths
    for row in range(1, n_rows - 1):
        for column in range(1, n_columns - 1):
            if not edges[row, column]:
                continue
            direction = round(angles[row, column] / 45) * 45
            if direction in (0, 180, -180):
                sign = 1 if direction == 0 else -1
                left = _walk(grey[row], column, -1, -sign)
                widths[row, column] = left + _walk(grey[row], column, 1, sign)
    return widths


def _walk(line: np.ndarray, start: int, way: int, sign: int) -> int:
    """Steps from the pixel beside `start` while the brightness moves by `sign`, and one more."""
    for n in range(MOST_CHECKS):
        here, there = start + way * (1 + n), start + way * (2 + n)
        if not 0 <= there < len(line) or sign * (line[there] - line[here]) <= 0:
            break
    return n + 1


def reference_score(grey: np.ndarray, widths: np.ndarray, canny: np.ndarray) -> float:
    bins, n_edges = [0] * 101, 0
    for top in range(0, grey.shape[0] - 63, 64):
        for left in range(0, grey.shape[1] - 63, 64):
            block = np.s_[top : top + 64, left : left + 64]
            if np.count_nonzero(canny[block]) <= 0.002 * 64 * 64:
                continue
            contrast = int(grey[block].max() - grey[block].min())
            noticeable = 5 if contrast <= 50 else 3
            for width in widths[block].ravel():
                if width:
                    bins[round(100 * (1 - math.exp(-((width / noticeable) ** 3.6))))] += 1
                    n_edges += 1
    return sum(bins[:64]) / n_edges if n_edges else 0.0
