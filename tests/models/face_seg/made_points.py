"""A drawn face of 68 points, in eye distances round the middle of the eyes, brought to any place, size and turn."""

import numpy as np

from sharpening.models.face_align.landmarks import Landmarks


def _face():
    jaw = np.linspace(0, np.pi, 17)
    jaw = np.stack([-1.15 * np.cos(jaw), 1.95 * np.sin(jaw)], axis=1)
    brow = np.array([(-0.85, -0.3), (-0.7, -0.4), (-0.52, -0.43), (-0.35, -0.4), (-0.2, -0.34)])
    bridge = np.array([(0, 0), (0, 0.22), (0, 0.44), (0, 0.66)])
    base = np.array([(-0.22, 0.8), (-0.12, 0.84), (0, 0.87), (0.12, 0.84), (0.22, 0.8)])
    eye = np.array([(-0.68, 0), (-0.58, -0.08), (-0.42, -0.08), (-0.32, 0), (-0.42, 0.08), (-0.58, 0.08)])
    outer = np.linspace(np.pi, -np.pi, 13)[:-1]
    inner = np.linspace(np.pi, -np.pi, 9)[:-1]
    mouth = [np.stack([w * np.cos(a), 1.2 - h * np.sin(a)], axis=1) for a, w, h in ((outer, 0.4, 0.16), (inner, 0.3, 0.05))]
    mirrored = (eye * (-1, 1))[[3, 2, 1, 0, 5, 4]]
    return np.concatenate([jaw, brow, (brow * (-1, 1))[::-1], bridge, base, eye, mirrored, *mouth])


def made_landmarks(size=128, *, turn=0.0, yaw=0.0, centre=None, scale=None):
    """Landmarks of an upright face in a square of `size` px; `turn` in its plane and `yaw` to the person's left in degrees."""
    points = _face()
    # A head is round: the nose stands out, the ears lie back, so a turn moves them to opposite sides.
    depth = np.concatenate(
        [-0.9 + 1.0 * np.sin(np.linspace(0, np.pi, 17)), np.full(10, 0.15), np.linspace(0.2, 0.6, 4), np.full(5, 0.35)]
    )
    depth = np.concatenate([depth, np.zeros(12), np.full(20, 0.25)])
    angle = np.deg2rad(yaw)
    points[:, 0] = points[:, 0] * np.cos(angle) + depth * np.sin(angle)
    a = np.deg2rad(turn)
    points = points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    scale = size / 4.39 if scale is None else scale
    centre = ((size - 1) / 2, 0.45 * size) if centre is None else centre
    return Landmarks(points * scale + np.asarray(centre, float))
