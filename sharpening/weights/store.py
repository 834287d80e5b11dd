"""The one place where weight files are found, read and written. No file that is read here can run code."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.imaging.files import write_bytes, write_text
from sharpening.weights.card import WeightCard, card_path, load_card

__all__ = ["PRETRAINED_VARIABLE", "find", "is_web_page", "load_into", "load_state", "save_state"]

PRETRAINED_VARIABLE = "SHARPENING_PRETRAINED"
"""Environment variable that names a folder with weight files."""

_SUFFIXES = (".safetensors", ".pt", ".pth")
_WRAPPERS = ("state_dict", "params_ema", "params", "model")
_WRAPPED = "module."
_SHOWN = 6
Network = TypeVar("Network", bound=nn.Module)


def find(name_or_path: str | Path, pretrained: str | Path | None = None) -> Path:
    """Find a weight file.

    A path to an existing file is taken as it is. A name is looked for, with any of the suffixes `.safetensors`, `.pt`, `.pth`
    or as the name of a card, in this order: `pretrained`, the folder of `SHARPENING_PRETRAINED`, the project's `pretrained/`
    (and `share/sharpening/pretrained` of the Python installation), the user's cache (`$XDG_CACHE_HOME` or `~/.cache`).

    Args:
        name_or_path: for example `default`, `default.safetensors` or a path.
        pretrained: folder to search first.

    Raises:
        WeightsMissing: it is nowhere; the message names all places.
    """
    given = Path(name_or_path).expanduser()
    if given.is_file():
        return given
    if given.name != str(given):  # it names a folder, so the search places have no say
        raise WeightsMissing(str(name_or_path), [given.absolute()], "Check the path, or give a name alone to search for it.")
    places = _places(pretrained)
    for _, folder in places:
        found = _find_in(folder, given.name) if folder is not None else None
        if found is not None:
            return found
    searched = [f"{what}: {folder if folder is not None else 'not set'}" for what, folder in places]
    advice = f"Put the file and its card into one of them, set {PRETRAINED_VARIABLE}, or train it: sharpening train --help."
    raise WeightsMissing(str(name_or_path), searched, advice)


def _places(pretrained: str | Path | None) -> list[tuple[str, Path | None]]:
    variable = os.environ.get(PRETRAINED_VARIABLE)
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return [
        ("argument `pretrained`", Path(pretrained).expanduser() if pretrained is not None else None),
        (f"environment variable {PRETRAINED_VARIABLE}", Path(variable).expanduser() if variable else None),
        ("the project", Path(__file__).resolve().parents[2] / "pretrained"),
        ("the Python installation", Path(sys.prefix) / "share" / "sharpening" / "pretrained"),
        ("the user's cache", Path(cache).expanduser() / "sharpening"),
    ]


def _find_in(folder: Path, name: str) -> Path | None:
    candidates = [folder / name] if name.endswith(_SUFFIXES) else [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    card = folder / f"{name}.json"
    if card.is_file():
        # Only the file's name counts: a card from elsewhere must not point out of its folder.
        candidates.append(folder / Path(load_card(card).file or name).name)
    return next((path for path in candidates if path.is_file()), None)


def load_state(path: str | Path, *, sha256: str | None = None) -> dict[str, Tensor]:
    """Read the tensors of a weight file, on the CPU. The hash is checked before anything is parsed; no code in a file is run.

    Args:
        path: `.safetensors`, or a file of `torch.save` (`.pt`, `.pth`), read with `weights_only=True`. In the latter a state
            dict may lie under `state_dict`, `params_ema`, `params` or `model`. What training on several GPUs puts before every name
            ("module.") is taken away.
        sha256: what the file must hash to; without it the card beside the file is asked, if there is one.

    Raises:
        InputError: there is no such file, or it cannot be read.
        WeightsMismatch: another hash, a damaged or dangerous file, something else than named tensors, NaN or infinity.
    """
    path = Path(path)
    try:
        data = path.read_bytes()  # hashed and parsed from the same bytes, so that nobody can change the file in between
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the name and the permissions.") from error
    if is_web_page(data[:512]):
        advice = "The download asked for something first: open the link in a browser, confirm, and save the file itself."
        raise WeightsMismatch(path, "is a web page, not weights.", advice)
    _check_hash(path, data, sha256)
    state = _parse_safetensors(path, data) if path.suffix.lower() == ".safetensors" else _parse_torch(path, data)
    odd = [key for key, value in state.items() if not _plain(value, len(data))]
    if odd:
        problem = f"holds something else than plain arrays of numbers in {_some(odd)} (sparse, quantised, or larger than the file)."
        raise WeightsMismatch(path, problem, "Save network.state_dict() of a plain network on the CPU.")
    state = {
        key: value.float() if value.element_size() == 1 and value.is_floating_point() else value for key, value in state.items()
    }
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken:
        raise WeightsMismatch(path, f"holds NaN or infinity in {_some(broken)}.", "The training diverged; take an earlier file.")
    wrapped = all(key.startswith(_WRAPPED) for key in state)
    return {key.removeprefix(_WRAPPED): value for key, value in state.items()} if wrapped else state


def _plain(value: Tensor, n_bytes: int) -> bool:
    """Whether a tensor lies in memory as it lay in the file: a few bytes can claim to be terabytes, or be unpacked to gigabytes."""
    known = value.layout == torch.strided and value.device.type == "cpu" and not (value.is_quantized or value.is_nested)
    return known and not value.is_complex() and value.numel() * value.element_size() <= n_bytes


def is_web_page(head: bytes) -> bool:
    """Whether a file that begins like this is a page that somebody saved in place of the weights."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml"))


def _check_hash(path: Path, data: bytes, sha256: str | None) -> None:
    if sha256 is None and card_path(path).is_file():
        sha256 = load_card(path).sha256
    if sha256:
        got = hashlib.sha256(data).hexdigest()
        if got != sha256.lower():
            problem = f"has the sha256 {got[:16]}…, wanted {sha256[:16]}…: it is damaged, tampered with, or not what its card says."
            raise WeightsMismatch(path, problem, "Get the file and its card again from where you trust them.")


def _parse_safetensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError, TypeError, OverflowError) as error:
        raise WeightsMismatch(path, f"is not a whole safetensors file ({error}).", "Get the file again.") from error


def _unpacked(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return sum(info.file_size for info in packed.infolist())


def _parse_torch(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        if zipfile.is_zipfile(io.BytesIO(data)) and _unpacked(data) > len(data):
            raise ValueError("it is packed, which no file of torch.save is")
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)  # noqa: TID251  (this is the one place)
    except Exception as error:  # a foreign pickle makes the reader raise nearly anything
        reason = str(error).strip().split("\n")[0][:200]
        problem = f"cannot be read without running foreign code, or is damaged ({type(error).__name__}: {reason})."
        raise WeightsMismatch(path, problem, "Get the weights as safetensors or as a plain state dict.") from error
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise WeightsMismatch(path, f"holds {type(content).__name__}, not named tensors.", "Save network.state_dict().")
    odd = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if odd:
        raise WeightsMismatch(path, f"holds something else than tensors in {_some(odd)}.", "Save network.state_dict() alone.")
    return dict(content)


def save_state(path: str | Path, state: Mapping[str, Tensor], card: WeightCard | None = None) -> Path:
    """Write tensors as safetensors and the card beside them, each whole or not at all.

    The file's name, size and hash are entered into the card. Should the machine stop between the two, the old card does not
    fit the new file, and `load_state` says so.

    Args:
        path: with the suffix `.safetensors`.
        state: named tensors on any device; tensors that share memory are written apart.
        card: what to say of them; its name also goes into the file's own header.

    Returns:
        The path.

    Raises:
        InputError: another suffix.
        WeightsMismatch: nothing to write, or NaN or infinity.
        WriteError: the disk is full, or the place cannot be written to.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(path, f"has the suffix {path.suffix!r}.", "Weights are written as .safetensors.")
    # clone: safetensors refuses tensors that share memory, and a view would drag the whole of its storage along
    tensors = {key: value.detach().as_subclass(Tensor).cpu().clone().contiguous() for key, value in state.items()}
    broken = [key for key, value in tensors.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken or not tensors:
        problem = f"would hold NaN or infinity in {_some(broken)}." if broken else "would hold nothing."
        raise WeightsMismatch(path, problem, "Take the state of an earlier step.")
    data = safetensors.torch.save(tensors, {"format": "pt", **({"card": card.name} if card else {})})
    write_bytes(path, data)
    if card is not None:
        known = replace(card, file=path.name, sha256=hashlib.sha256(data).hexdigest(), n_bytes=len(data))
        write_text(card_path(path), known.to_json())
    return path


def load_into(network: Network, state: Mapping[str, Tensor], *, source: str | Path) -> Network:
    """Put tensors into a network; every name, shape and kind of number must fit, or nothing is changed.

    Floating point of another precision is converted; integers are never taken for floating point or the other way round.

    Args:
        network: is changed in place.
        state: what `load_state` gave.
        source: where it came from, for the error message.

    Returns:
        The network.

    Raises:
        WeightsMismatch: lists the missing, the extra, the misshaped and the mistyped tensors.
    """
    wanted = network.state_dict()
    shared = [key for key in wanted if key in state]
    shapes = [key for key in shared if wanted[key].shape != state[key].shape]
    types = [key for key in shared if not _same_kind(wanted[key], state[key])]
    problems = [
        ("missing", [key for key in wanted if key not in state]),
        ("extra", [key for key in state if key not in wanted]),
        ("misshaped", [f"{key} (got {list(state[key].shape)}, wanted {list(wanted[key].shape)})" for key in shapes]),
        ("mistyped", [f"{key} (got {state[key].dtype}, wanted {wanted[key].dtype})" for key in types]),
    ]
    found = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems if keys)
    if found:
        kind = type(network).__name__
        raise WeightsMismatch(source, f"does not fit {kind}: {found}.", "Build the network with the settings of the card.")
    network.load_state_dict(dict(state), strict=True)
    return network


def _same_kind(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype or (a.is_floating_point() and b.is_floating_point())


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
