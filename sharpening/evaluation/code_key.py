"""A key of the code that a result was made by, so that rows are measured anew when it changes, and only then."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sharpening.reconstruct import Settings
from sharpening.reconstruct.crossover.method import crossovers
from sharpening.reconstruct.finetune.method import finetuners
from sharpening.reconstruct.transfer.method import transfers
from sharpening.registry import Registry

__all__ = ["code_key", "modules_used", "reconstruction_key"]

# Tables of names, and facts on files of others: what they list is loaded by name, and asked for by name in `reconstruction_key`. How files
# are read and errors worded makes no picture; which weights were read is in a row's key by their hashes.
_TABLES = {"method", "zoo", "published", "terms", "table", "weights", "errors", "registry"}


def reconstruction_key(settings: Settings) -> str:
    """Of the pipeline, of the methods that these settings name, and of all that they import."""
    used = {
        target.partition(":")[0]
        for table, name in (
            (transfers, settings.transfer),
            (crossovers, settings.crossover),
            (finetuners, settings.finetune),
            (finetuners, settings.mask_clean),
        )
        for target in _targets(table, name)
    }
    return code_key(("sharpening.reconstruct.pipeline", *sorted(used)))


def _targets(table: Registry, name: str) -> list[str]:
    return [table.target(name)] if name in table else []


@cache
def code_key(modules: tuple[str, ...], package: str = "sharpening") -> str:
    """A hash of what some modules do, and all modules of the package that they import; comments and docstrings do not count."""
    digest = hashlib.sha256()
    for name in sorted(modules_used(modules, package)):
        digest.update(name.encode() + ast.dump(_without_words(_tree(name))).encode())
    return digest.hexdigest()


def modules_used(modules: tuple[str, ...], package: str = "sharpening") -> set[str]:
    """The modules, and all of the package that they import, directly or not; tables of names are passed over."""
    found: set[str] = set()
    left = list(modules)
    while left:
        name = left.pop()
        if name not in found and _TABLES.isdisjoint(name.split(".")):
            found.add(name)
            left += _imported(_tree(name), package)
    return found


def _imported(tree: ast.Module, package: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".")[0] == package and _file(name) is not None]


@cache
def _tree(name: str) -> ast.Module:
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(name)
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _file(name: str) -> Path | None:
    """The source of a module; None for a name that is something in a module."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _without_words(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Strings that stand alone do nothing, wherever they are.
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
