"""Run a frozen graph of TensorFlow.js with torch: as much of it as plain convolutional nets need."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Graph"]

_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "AddV2": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Minimum": torch.minimum,
    "Maximum": torch.maximum,
}


class Graph:
    """A graph with one input.

    Args:
        file: The .json of the model; its weights lie beside it.
        output: Name of the node whose value is wanted.
    """

    def __init__(self, file: Path, output: str) -> None:
        model = json.loads(file.read_text())
        self.output = output
        self.constants = {name: value for group in model["weightsManifest"] for name, value in _weights(group, file.parent)}
        self.nodes = {node["name"]: node for node in model["modelTopology"]["node"] if node["op"] != "Const"}

    def __call__(self, pictures: Tensor) -> Tensor:
        """`[bs, 3, h, w]` → what the output node gives."""
        # The graph's own order of axes is batch, height, width, channels.
        values = dict(self.constants)
        values.update({name: pictures.permute(0, 2, 3, 1) for name, node in self.nodes.items() if node["op"] == "Placeholder"})
        wanted = [self.output]
        while wanted:
            node = self.nodes[wanted[-1]]
            needed = [name.split(":")[0] for name in node.get("input", ())]
            missing = [name for name in needed if name not in values]
            if missing:
                wanted += missing
                continue
            values[wanted.pop()] = _computed(node, [values[name] for name in needed])
        return values[self.output]


def _weights(group: Mapping[str, Any], folder: Path) -> list[tuple[str, Tensor]]:
    raw, at, found = b"".join((folder / path).read_bytes() for path in group["paths"]), 0, []
    for weight in group["weights"]:
        stored = weight.get("quantization", {})
        if "scale" in stored:
            raise ValueError(f"{weight['name']} is stored as {stored}; float32, float16 and int32 can be read")
        dtype = np.dtype(stored.get("dtype", weight["dtype"]))
        count = int(np.prod(weight["shape"]))
        array = np.frombuffer(raw, dtype, count, at).reshape(weight["shape"])
        found.append((weight["name"], torch.from_numpy(array.astype(weight["dtype"]))))
        at += count * dtype.itemsize
    return found


def _computed(node: Mapping[str, Any], given: list[Tensor]) -> Tensor:
    kind: str = node["op"]
    if kind in _BINARY:
        return _BINARY[kind](given[0], given[1])
    if "Conv2d" in kind or "Conv2D" in kind:
        return _fused(node, _convolved(node, given[0].permute(0, 3, 1, 2), given[1], depthwise="Depthwise" in kind), given[2:])
    if kind == "_FusedMatMul":
        return _fused(node, given[0] @ given[1], given[2:])
    if kind == "Relu":
        return given[0].relu()
    if kind == "Mean":
        return given[0].mean(tuple(given[1].flatten().tolist()), keepdim=node["attr"]["keep_dims"].get("b", False))
    raise ValueError(f"node {node['name']} is a {kind}, which cannot be run")


def _convolved(node: Mapping[str, Any], pictures: Tensor, kernel: Tensor, *, depthwise: bool) -> Tensor:
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    groups = kernel.shape[2] if depthwise else 1
    kernel = kernel.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1) if depthwise else kernel.permute(3, 2, 0, 1)
    if base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME":
        padding = []
        for axis in (3, 2):
            size = pictures.shape[axis]
            more = max((-(-size // stride) - 1) * stride + kernel.shape[axis] - size, 0)
            padding += [more // 2, more - more // 2]
        pictures = F.pad(pictures, padding)
    return F.conv2d(pictures, kernel, stride=stride, groups=groups).permute(0, 2, 3, 1)


def _fused(node: Mapping[str, Any], values: Tensor, more: list[Tensor]) -> Tensor:
    for name in node["attr"].get("fused_ops", {}).get("list", {}).get("s", ()):
        step = base64.b64decode(name)
        if step not in (b"BiasAdd", b"Relu"):
            raise ValueError(f"node {node['name']} is followed by {step!r}, which cannot be run")
        values = values.relu() if step == b"Relu" else values + more[0]
    return values
