"""Made on the fly for the tests of restoring: small random weights with their card, and small films of a face."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch

from sharpening.models.face_id.resnet29 import DlibResNet29
from sharpening.models.zoo import create_model
from sharpening.weights.card import WeightCard
from sharpening.weights.names import NAMES
from sharpening.weights.store import save_state


def write_weights(
    folder: Path, name: str = NAMES["default"], model: str = "fusion_net", *, nudge: float = 0.0, **card: Any
) -> Path:
    """Weights of a tiny network; `nudge` makes its last layer speak up, so that the result is not just bicubic."""
    settings = card.pop("settings", {"preset": "tiny"})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model(model, **settings)
        state = network.state_dict()
        for key in [key for key in state if "finish" in key or "head" in key]:
            state[key] = state[key] + nudge * torch.randn(state[key].shape)
    facts = {
        "name": name,
        "model": model,
        "source": "made by a test",
        "licence": "MIT",
        "free_use": True,
        "settings": settings,
        **card,
    }
    return save_state(folder / f"{name}.safetensors", state, WeightCard(**facts))


def face_frames(face: np.ndarray, n: int = 9, *, side: int = 44, size: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    """The face, `side` px wide, moves over a grey picture by 1.2 px a frame."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    frames = []
    for i in range(n):
        picture = np.full((*size, 3), 120, np.uint8)
        matrix = np.float32([[1, 0, 20 + 1.2 * i], [0, 1, 16 + 0.4 * i]])
        frames.append(cv2.warpAffine(small, matrix, size[::-1], dst=picture, borderMode=cv2.BORDER_TRANSPARENT))
    return frames


def crops(n: int = 7, *, side: int = 32, seed: int = 0) -> np.ndarray:
    """n frames `[n, side, side, 3]` that show the same smooth pattern, moved a little: for tests that need no face.

    No two of them are the same, as long as there are other places (64): a repeat is left out.
    """
    rng = np.random.default_rng(seed)
    pattern = cv2.resize(rng.integers(30, 226, (8, 8, 3), dtype=np.uint8), (side + 8, side + 8), interpolation=cv2.INTER_CUBIC)
    starts = [tuple(start) for start in rng.integers(0, 8, (n, 2)).tolist()]
    free = [(y, x) for y in range(8) for x in range(8) if (y, x) not in starts]
    for i in range(n):
        if starts[i] in starts[:i] and free:
            starts[i] = free.pop(0)
    return np.stack([pattern[y : y + side, x : x + side] for y, x in starts])


def descriptors(people: str, *, spread: float = 0.05, far: float = 0.7, seed: int = 0) -> np.ndarray:
    """One row a letter: the same letter is the same person, "-" is a frame without a face; people lie `far` apart."""
    rng = np.random.default_rng(seed)
    rows = np.full((len(people), 128), np.nan)
    for i, letter in enumerate(people):
        if letter != "-":
            rows[i] = rng.normal(0, spread / np.sqrt(128), 128)
            rows[i, ord(letter) - ord("a")] += far / np.sqrt(2)
    return rows


class FakeJudge:
    """Takes bright pictures for one person, dark ones for another, and sees no face in green ones; counts what it describes."""

    def __init__(self, name: str = DlibResNet29.name) -> None:
        self.network, self.n = SimpleNamespace(name=name), 0

    def descriptors(self, pictures: torch.Tensor, landmarks: object = None) -> torch.Tensor:
        self.n += len(pictures)
        rows = descriptors("".join(self.person(picture) for picture in pictures), far=0.75, seed=len(pictures))
        return torch.from_numpy(rows).float()

    def locate(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.full((len(pictures), 5, 2), torch.nan)

    @staticmethod
    def person(picture: torch.Tensor) -> str:
        red, green = float(picture[0].mean()), float(picture[1].mean())
        return "-" if green > 2 * red else "a" if red > 0.3 else "b"


def scene(people: str) -> np.ndarray:
    frames = crops(len(people))
    for i, letter in enumerate(people):
        frames[i] = {"a": 60 + frames[i] // 2, "b": frames[i] // 6, "-": [10, 90, 10]}[letter]
    return frames
