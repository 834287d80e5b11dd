"""The outputs of the official programs, where this machine has them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Parity:
    """A folder of parity vectors: `NAME.npz`, `keys/NAME.txt` and the `seed_state.py` that fills weights and inputs."""

    folder: Path

    @cached_property
    def seed_state(self) -> ModuleType:
        """The folder's own recipe for weights and inputs, so that vectors of other seeds come with theirs."""
        spec = importlib.util.spec_from_file_location("parity_seed_state", self.folder / "seed_state.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def npz(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{name}.npz") as stored:
            return dict(stored)

    def keys(self, name: str) -> dict[str, tuple[int, ...]]:
        """Key and shape of each tensor in the official checkpoint."""
        lines = (self.folder / "keys" / f"{name}.txt").read_text().splitlines()
        rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
        return {key: tuple(int(n) for n in shape.strip("()").replace(",", " ").split()) for key, shape, *_ in rows}

    def weights(self, name: str, **options: Any) -> dict[str, Tensor]:
        """The state dict that the official program was given; `options` as in the README of the folder."""
        return self.seed_state.seeded_state(self.keys(name), **options)
