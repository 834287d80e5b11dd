"""A published file recognised by its tensors, checked shape by shape, converted, and stored with its card."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch
from sharpening.models.few_shot.h5 import read_h5
from sharpening.models.interface_gan.boundary import read_npy
from sharpening.models.published.table import expected, load_target, published_files
from sharpening.models.stylegan.load import read_file
from sharpening.weights.card import WeightCard, card_path, load_card
from sharpening.weights.names import NAMES
from sharpening.weights.published import PublishedFile
from sharpening.weights.store import PRETRAINED_VARIABLE, save_state

__all__ = ["Imported", "Recognised", "import_file", "recognise"]

_SHOWN = 4
_COUNTS = "num_batches_tracked"  # the only whole numbers in a network
_ALIKE = 0.3  # share of names in common from which on a file is said to look like another


@dataclass(frozen=True, eq=False)
class Recognised:
    """A file that was found to be a published one, or of the same form.

    Attributes:
        entry: which one.
        state: its tensors, converted.
        sha256: of the file.
        published: whether it is that very file, as far as name or hash can tell; else only its form is the same.
    """

    entry: PublishedFile
    state: Mapping[str, Tensor]
    sha256: str
    published: bool


@dataclass(frozen=True)
class Imported:
    """What was stored.

    Attributes:
        path: of the weights.
        card: that lies beside them.
    """

    path: Path
    card: WeightCard


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file in any of the published kinds; nothing in it is run.

    Args:
        path: `.safetensors`, `.pt`, `.pth`, `.pkl` (NVIDIA's), `.h5` (Keras) or `.npy` (a boundary).

    Raises:
        InputError: there is no such file, or one of another kind.
        WeightsMismatch: it is damaged, would run code, or is a web page.
    """
    path = Path(path)
    kinds = {".npy": read_npy, ".h5": read_h5, ".hdf5": read_h5}
    return kinds.get(path.suffix.lower(), read_file)(path)


def recognise(path: str | Path, name: str | None = None) -> Recognised:
    """Find out which published file this is, and check every name and shape.

    Args:
        path: of the file.
        name: one of `published_files()`, if the user says so; then only that one is asked.

    Raises:
        InputError, WeightsMismatch: it cannot be read, is none of them, is one of them with wrong tensors (they are listed), has the form
            of several, or is not the one that it is said to be.
    """
    path = Path(path)
    state = read_tensors(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    table = published_files()
    if name is not None and name in table:
        return _one(path, state, table[name], sha256)
    fitting: list[tuple[PublishedFile, dict[str, Tensor]]] = []
    near: tuple[float, PublishedFile | None] = (0.0, None)
    for entry in table.values():
        try:
            house = _converted(path, state, entry)
        except WeightsMismatch:  # another net's tensors: its converter does not know them
            continue
        if not _problems(house, entry):
            fitting.append((entry, house))
        near = max(near, (_alike(house, entry), entry), key=lambda each: each[0])
    if not fitting:
        raise _no_fit(path, state, *near)
    entry, house, sure = _decided(path, fitting, sha256, named=name is not None)
    return Recognised(entry, house, sha256, sure)


def _one(path: Path, state: Mapping[str, Tensor], entry: PublishedFile, sha256: str) -> Recognised:
    house = _converted(path, state, entry)
    if problems := _problems(house, entry):
        raise WeightsMismatch(path, f"is not {entry.name}: {problems}.", f"Wanted is {entry.file} of {entry.source}.")
    if entry.sha256 and not sha256.startswith(entry.sha256):
        problem = (
            f"has the form of {entry.name}, but is not the published file (sha256 {sha256[:16]}…, wanted {entry.sha256[:16]}…)."
        )
        raise WeightsMismatch(path, problem, f"Get {entry.file} of {entry.source}, or import it under a name of your own (--as).")
    return Recognised(entry, house, sha256, True)


def _decided(
    path: Path, fitting: list[tuple[PublishedFile, dict[str, Tensor]]], sha256: str, *, named: bool
) -> tuple[PublishedFile, dict[str, Tensor], bool]:
    """The one of several forms that fit; whether it is the published file itself."""
    by_hash = [each for each in fitting if each[0].sha256 and sha256.startswith(each[0].sha256)]
    by_name = [each for each in fitting if each[0].file == path.name and not each[0].sha256]
    for found in (by_hash, by_name):
        if len(found) == 1:
            return (*found[0], True)
    models = {entry.model for entry, _ in fitting}
    if len(models) == 1 and (named or len(fitting) == 1):
        return (*fitting[0], False)
    names = ", ".join(entry.name for entry, _ in fitting[:_SHOWN]) + (" …" if len(fitting) > _SHOWN else "")
    advice = "Say which (--as NAME), or give it a name of your own." if len(models) == 1 else "Say which it is: --as NAME."
    raise WeightsMismatch(path, f"has the tensors of {len(fitting)} published files ({names}).", advice)


def _converted(path: Path, state: Mapping[str, Tensor], entry: PublishedFile) -> dict[str, Tensor]:
    convert = load_target(entry.convert) if entry.convert else dict
    try:
        return dict(convert(state))  # type: ignore[operator]
    except Exception as error:  # fed with another net's tensors a converter may fail in any way
        reason = error.problem if isinstance(error, WeightsMismatch) else f"{type(error).__name__}: {error}"
        raise WeightsMismatch(path, f"is not {entry.name}: {reason}", f"Wanted is {entry.file} of {entry.source}.") from error


def _problems(house: Mapping[str, Tensor], entry: PublishedFile) -> str:
    """What does not fit, in words; nothing when all does."""
    wanted = expected(entry)
    wrong = [key for key in wanted if key in house and tuple(house[key].shape) != wanted[key]]
    found = {
        "missing": [key for key in wanted if key not in house],
        "extra": [key for key in house if key not in wanted],
        "misshaped": [f"{key} (got {list(house[key].shape)}, wanted {list(wanted[key])})" for key in wrong],
        "mistyped": [key for key, value in house.items() if not (value.is_floating_point() or key.endswith(_COUNTS))],
    }
    return "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in found.items() if keys)


def _alike(house: Mapping[str, Tensor], entry: PublishedFile) -> float:
    wanted = expected(entry).keys()
    return len(wanted & house.keys()) / max(len(wanted | house.keys()), 1)


def _no_fit(path: Path, state: Mapping[str, Tensor], share: float, entry: PublishedFile | None) -> WeightsMismatch:
    if entry is not None and share >= _ALIKE:
        problem = f"looks like {entry.name}, but does not fit it: {_problems(_converted(path, state, entry), entry)}."
        return WeightsMismatch(
            path, problem, f"Wanted is {entry.file} of {entry.source}. Files of other sizes are used by their path."
        )
    names = ", ".join(published_files())
    return WeightsMismatch(path, f"is none of the known files: its first tensors are {_some(list(state))}.", f"Known are {names}.")


def import_file(path: str | Path, name: str | None = None, folder: str | Path | None = None) -> Imported:
    """Recognise a file, convert it, and store it with a card where weights are looked for.

    Args:
        path: of the published file.
        name: what to call it; its name in `published_files()` when left out.
        folder: where to store it; the folder of `SHARPENING_PRETRAINED`, or the user's cache, when left out.

    Raises:
        InputError, WeightsMismatch: see `recognise`; also for a name that is a path or taken.
        WriteError: the place cannot be written to.
    """
    path = Path(path)
    if name is not None and (Path(name).name != name or name.startswith(".")):
        raise InputError(name, "is no name of weights.", "Give a name without folders: --as stylegan-mine.")
    if name in (*NAMES, *NAMES.values()):
        raise InputError(str(name), "is the name of weights that ship.", "Give another one (--as).")
    found = recognise(path, name)
    entry, name = found.entry, name or found.entry.name
    own = not found.published
    card = WeightCard(
        name=name,
        model=entry.model,
        source=f"{path.name}, a file of the user's" if own else f"{entry.file} of {entry.source}",
        licence=f"not known: a file of the user's, of the form of {entry.file} ({entry.licence})" if own else entry.licence,
        free_use=False if own else entry.free_use,
        paper=entry.paper,
        data=entry.note,
        recipe=f"imported from {path.name}, sha256 {found.sha256}",
        size_in=0,
        size_out=0,
        n_parameters=sum(value.numel() for value in found.state.values()),
    )
    target = (Path(folder).expanduser() if folder is not None else default_folder()) / f"{name}.safetensors"
    _check_free(target, found.sha256)
    return Imported(save_state(target, found.state, card), card)


def _check_free(target: Path, sha256: str) -> None:
    """Nobody's weights are replaced by another file."""
    if not target.exists():
        return
    there = load_card(target).recipe if card_path(target).is_file() else ""
    if sha256 not in there:
        raise InputError(target, "is there already, and was made of another file.", "Give another name (--as), or move it away.")


def default_folder() -> Path:
    """Where imported files go: the folder of `SHARPENING_PRETRAINED`, or the user's cache."""
    if named := os.environ.get(PRETRAINED_VARIABLE):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sharpening"


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
