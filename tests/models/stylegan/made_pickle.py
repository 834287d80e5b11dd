"""Pickles as NVIDIA's program writes them, made without it."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from sharpening.models.stylegan import StyleGan
from tests.models.stylegan.made_gan import tensorflow


class Network:
    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __getstate__(self) -> dict[str, Any]:
        return self.state


Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"


@contextmanager
def dnnlib() -> Iterator[None]:
    """While it lasts, pickle can find the class that its files name."""
    names = ["dnnlib", "dnnlib.tflib", "dnnlib.tflib.network"]
    modules = {name: ModuleType(name) for name in names}
    modules[names[-1]].Network = Network
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def network(name: str, variables: Mapping[str, Tensor], **parts: Network) -> Network:
    return Network(
        {
            "version": 3,
            "name": name,
            "static_kwargs": {"fmap_base": 8192},
            "components": parts,
            "build_module_src": "raise SystemExit('a file of weights was run')",
            "build_func_name": "G_style",
            "variables": [(key, value.detach().contiguous().numpy()) for key, value in variables.items()],
        }
    )


def written(path: Path, gan: StyleGan, protocol: int = 4) -> Path:
    """The three networks (G, D, Gs), of which only the last is worth anything."""
    own, mapping, synthesis = tensorflow(gan)
    averaged = network("Gs", own, mapping=network("G_mapping", mapping), synthesis=network("G_synthesis", synthesis))
    raw = network("G", {key: value * 0 for key, value in own.items()})
    with dnnlib():
        path.write_bytes(pickle.dumps((raw, network("D", {}), averaged), protocol=protocol))
    return path


def written_by_python_2(path: Path, variables: Mapping[str, Tensor]) -> Path:
    """One network as Python 2 would have written it: byte strings, `copy_reg`, the old names."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def array(value: Tensor) -> bytes:
        shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in value.shape) + b"t"
        kind = (
            b"cnumpy\ndtype\n(" + text(b"f4") + b"K\x00K\x01tR(K\x03" + text(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
        return start + b"(K\x01" + shape + kind + b"I00\n" + text(value.detach().contiguous().numpy().tobytes()) + b"tb"

    items = b"".join(b"(" + text(name.encode()) + array(value) + b"t" for name, value in variables.items())
    start = b"ccopy_reg\n_reconstructor\n(cdnnlib.tflib.network\nNetwork\nc__builtin__\nobject\nNtR"
    state = b"}(" + text(b"variables") + b"](" + items + b"e" + text(b"components") + b"}u"
    path.write_bytes(b"\x80\x02" + start + state + b"b.")
    return path
