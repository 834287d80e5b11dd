"""Reading a pickle of others without running anything in it: NVIDIA's networks of StyleGAN, as numbers with names.

A pickle is a program. Here the few things that such a file needs are stand-ins of ours that only keep what they are given; every other
name that it asks for is refused before anything happens.

Source of the layout: NVlabs/stylegan (`dnnlib.tflib.network.Network`).
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch

__all__ = ["load_pickled_networks"]

_LARGEST = 2 * 2**30  # bytes: three nets of 1024 px are about 0.3 GB
_KINDS = {
    f"{kind}{size}" for kind, sizes in (("f", (2, 4, 8)), ("i", (1, 2, 4, 8)), ("u", (1, 2, 4, 8)), ("b", (1,))) for size in sizes
}
_MEMO = {"PUT", "BINPUT", "LONG_BINPUT"}
_MOST_AXES = 8
_TIMES = 2  # as many bytes as the file has may be made of its text: Python 2 wrote arrays as text
_ADVICE = "Get the file again from where you trust it, or the weights as .pth or .safetensors."


class _Refused(Exception):
    """The pickle asks for something that it does not need."""


class _Network:
    """Stand-in for `dnnlib.tflib.network.Network`: keeps the dict, and never looks at the source code in it."""

    state: Mapping[str, Any] = MappingProxyType({})  # of one whose state never comes

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise _Refused(f"a network whose state is {type(state).__name__}")
        self.state = state


class _EasyDict(dict[str, Any]):
    """Stand-in for `dnnlib.util.EasyDict`: a dict without attributes."""

    def __setstate__(self, state: Any) -> None:
        if state:
            raise _Refused("a dict with attributes")


class _DType:
    """Stand-in for `numpy.dtype`: kind, size and order of the bytes of a number, nothing else."""

    def __init__(self, code: object, *_: object) -> None:
        if code not in _KINDS:
            raise _Refused(f"numbers of kind {_short(code)}")
        self.code, self.order = str(code), "="

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) > 4 and state[1] in ("<", ">", "=", "|") and state[2:5] == (None,) * 3):
            raise _Refused("numbers with parts")
        self.order = state[1]

    def made(self) -> np.dtype[Any]:
        return np.dtype((self.order if self.order in "<>" else "=") + self.code)


class _Array:
    """Stand-in for `numpy.ndarray`: becomes one only from its own bytes, so it is never larger than the file."""

    value: NDArray[Any] = np.zeros(0)  # of one whose bytes never come

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise _Refused("an array of an unknown layout")
        _, shape, dtype, fortran, data = state
        if isinstance(data, str):
            data = data.encode("latin1")  # what Python 2 wrote
        whole = isinstance(shape, tuple) and len(shape) <= _MOST_AXES and all(isinstance(n, int) and n >= 0 for n in shape)
        if not (whole and isinstance(dtype, _DType) and isinstance(data, bytes)):
            raise _Refused("an array of something else than numbers")
        kind = dtype.made()
        if math.prod(shape) * kind.itemsize != len(data):
            raise _Refused(f"an array whose shape does not fit its {len(data)} bytes")
        self.value = np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: object, *_: object) -> _Array:
    if kind is not _Array:
        raise _Refused("an array of another class")
    return _Array()


def _scalar(dtype: object, data: object = b"") -> float:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not (isinstance(dtype, _DType) and isinstance(raw, bytes) and len(raw) == dtype.made().itemsize):
        raise _Refused("a number of an unknown kind")
    return np.frombuffer(raw, dtype.made())[0].item()


def _short(value: object) -> str:
    """For a message; what a file nested is never written out, since that can grow without end."""
    return repr(value[:20]) if isinstance(value, str) else type(value).__name__


def _new(kind: object, *_: object) -> object:
    if kind is not _Network and kind is not _EasyDict:
        raise _Refused("an object of another class")
    return kind()  # type: ignore[operator]


class _Object:
    """Stand-in for `object`, the base that old protocols name."""


_ADMITTED: dict[tuple[str, str], type | Callable[..., Any]] = {
    ("dnnlib.tflib.network", "Network"): _Network,
    ("dnnlib.util", "EasyDict"): _EasyDict,
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("copyreg", "_reconstructor"): _new,
    ("copy_reg", "_reconstructor"): _new,
    ("builtins", "object"): _Object,
    ("__builtin__", "object"): _Object,
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows a dozen harmless names, and makes no more bytes out of a file than the file has."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._left = _TIMES * len(data)

    def _encode(self, text: object, codec: object = "latin1") -> bytes:
        if not isinstance(text, str) or not isinstance(codec, str) or codec not in ("latin1", "latin-1"):
            raise _Refused(f"the codec {_short(codec)}")
        self._left -= len(text)
        if self._left < 0:
            raise _Refused("more bytes than it holds")
        return text.encode("latin1")

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name.

        Raises:
            _Refused: for any name but those admitted.
        """
        found = self._encode if (module, name) == ("_codecs", "encode") else _ADMITTED.get((module, name))
        if found is None:
            raise _Refused(f"{module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Nothing lies outside of the file.

        Raises:
            _Refused: always.
        """
        raise _Refused("an object outside of the file")


def load_pickled_networks(path: str | Path) -> list[dict[str, Tensor]]:
    """Read the variables of all networks in one of NVIDIA's pickles, by name; for StyleGAN the last one is the averaged generator.

    Args:
        path: the `.pkl`. Files written by Python 2 can be read too.

    Returns:
        For each network its variables and those of its parts, under the names that TensorFlow gave them.

    Raises:
        InputError: there is no such file, or it cannot be read.
        WeightsMismatch: the file asks for anything else than networks and arrays, is damaged, is none of these files, holds NaN or
            infinity, or is larger than 2 GiB.
    """
    path = Path(path)
    data = _data(path)
    try:
        _check_memo(data)
        content = _Reader(data).load()
    except _Refused as error:
        problem = f"asks for {error}, which no file of weights needs; it may be a program, and nothing of it was run."
        raise WeightsMismatch(path, problem, _ADVICE) from None
    except Exception as error:  # a damaged pickle makes the reader raise nearly anything
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsMismatch(path, f"is damaged, or no pickle ({type(error).__name__}: {reason}).", _ADVICE) from error
    networks = [content] if isinstance(content, _Network) else list(content) if isinstance(content, tuple | list) else []
    if not networks or not all(isinstance(each, _Network) for each in networks):
        raise WeightsMismatch(path, f"holds {type(content).__name__.strip('_')}, not networks of NVIDIA's.", _ADVICE)
    seen: set[int] = set()
    return [_tensors(each, path, seen) for each in networks]


def _data(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise WeightsMismatch(path, f"is larger than {_LARGEST >> 30} GiB.", "No published StyleGAN is; check the file.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the name and the permissions.") from error


def _check_memo(data: bytes) -> None:
    """A few bytes can make the reader set aside gigabytes for its notes; no file has more notes than bytes."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in _MEMO and int(argument or 0) > len(data):
            raise _Refused(f"{argument} notes in {len(data)} bytes")


def _variables(network: _Network, seen: set[int], depth: int = 0) -> Iterator[tuple[str, NDArray[Any]]]:
    own, parts = network.state.get("variables", []), network.state.get("components", {})
    if depth > 2 or not isinstance(own, list | tuple) or not isinstance(parts, Mapping):
        raise TypeError("variables or components of an unknown kind")
    for name, value in own:
        if not isinstance(name, str) or not isinstance(value, _Array | float | int):
            raise TypeError(f"variable {_short(name)} is {type(value).__name__}")
        if isinstance(value, _Array):
            if id(value) in seen:
                raise TypeError(f"variable {name[:60]} is another one's array")
            seen.add(id(value))
        yield name, value.value if isinstance(value, _Array) else np.asarray(value, np.float64)
    for part in parts.values():
        if not isinstance(part, _Network):
            raise TypeError(f"a component is {type(part).__name__}")
        yield from _variables(part, seen, depth + 1)


def _tensors(network: _Network, path: Path, seen: set[int]) -> dict[str, Tensor]:
    """The arrays of one network; `seen` are those that are used already, since one array may be named a thousand times."""
    try:
        arrays = dict(_variables(network, seen))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WeightsMismatch(path, f"has a network of another layout ({error}).", _ADVICE) from error
    broken = [name for name, value in arrays.items() if not np.isfinite(value).all()]
    if broken:
        raise WeightsMismatch(path, f"holds NaN or infinity in {', '.join(broken[:6])}.", "Take another file.")
    # numpy's bytes are read-only and perhaps of another order; a copy in this machine's order is neither.
    return {name: torch.from_numpy(np.array(value, value.dtype.newbyteorder("="), order="C")) for name, value in arrays.items()}
