"""A table of names that load on first use.

One line a name, written out by hand where the kind lives (`models/zoo.py`, `losses/__init__.py`, …); nothing scans folders.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Any

__all__ = ["Registry"]


class Registry:
    """Names of one kind and the `package.module:attribute` behind each.

    >>> shapes = Registry("number")
    >>> shapes.add("tau", "math:tau")
    >>> round(shapes.get("tau"), 2)
    6.28
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._targets: dict[str, str] = {}

    def add(self, name: str, target: str) -> None:
        """Enter `name` for `target`, written `package.module:attribute`. A name can be taken only once."""
        if name in self._targets:
            raise ValueError(f"the {self.kind} '{name}' is already taken by {self._targets[name]}; choose another name")
        if target.count(":") != 1:
            raise ValueError(f"the {self.kind} '{name}' points to {target!r}; wanted 'package.module:attribute'")
        self._targets[name] = target

    def names(self) -> list[str]:
        """All names, in the order in which they were added."""
        return list(self._targets)

    def get(self, name: str) -> Any:
        """Load and return what stands behind `name`; an unknown name raises `KeyError` with the nearest known ones."""
        if name not in self._targets:
            near = difflib.get_close_matches(name, self._targets, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self._targets)}"
            raise KeyError(f"no {self.kind} is called '{name}'; {hint}")
        module, attribute = self._targets[name].split(":")
        return getattr(importlib.import_module(module), attribute)

    def target(self, name: str) -> str:
        """The `package.module:attribute` behind a name, not loaded; an unknown one raises `KeyError`."""
        return self._targets[name]

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)
