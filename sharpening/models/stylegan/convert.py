"""From every published form of a StyleGAN file to the house's: names, orders of the axes, what is left out.

The house's form has `synthesis.*`, and where the file has them `mapping.*`, `mean_w`, `noise.{i}` and `eps` (where it is not 1e-5).

Source: names and shapes as in adamian98/pulse, lernapparat/lernapparat, genforce/interfacegan and NVlabs/stylegan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sharpening.errors import WeightsMismatch
from sharpening.models.stylegan.model import blur_kernel

__all__ = ["EPS", "FORMS", "to_house", "which"]

EPS = {"house": 1e-5, "pulse-synthesis": 1e-5, "pulse-mapping": 1e-5, "lernapparat": 1e-5, "interfacegan": 1e-8, "tensorflow": 1e-8}
"""The instance norm's eps of each form."""

FORMS = tuple(EPS)
"""The forms that are recognised."""

# Names that no other form has. A file with marks of two is not guessed at.
_MARKS = {
    "house": r"synthesis\.(blocks|torgb)\.|mean_w$|mapping\.dense\d+\.(weight|bias)$",
    "pulse-synthesis": r"(blocks|torgb)\.",
    "pulse-mapping": r"dense\d+\.(weight|bias)$",
    "lernapparat": r"g_(synthesis|mapping)\.",
    "interfacegan": r"synthesis\.(layer|output)\d|truncation\.|mapping\.dense\d+\.(linear|wscale)\.",
    "tensorflow": r"(\w+/)?(Dense\d+|\d+x\d+|ToRGB_lod\d+)/",
}
_HOUSE = re.compile(r"synthesis\.(blocks|torgb)\.\S+|mapping\.dense\d+\.(weight|bias)|mean_w|noise\.\d+|eps")
_SHOWN = 4
_WANTED = "PULSE's synthesis or mapping, lernapparat's g_all, InterFaceGAN's file, NVIDIA's pickle, or the house's own form"


def which(state: Mapping[str, Tensor], source: str | Path = "state of a StyleGAN") -> str:
    """Which of `FORMS` a file has, by the names of its tensors.

    Args:
        state: its tensors.
        source: what to call it in an error.

    Raises:
        WeightsMismatch: it has none of them, or the marks of two.
    """
    keys = _bare(state)
    found = {form: [key for key in keys if re.match(mark, key)] for form, mark in _MARKS.items()}
    hits = {form: some for form, some in found.items() if some}
    if len(hits) != 1:
        said = "; ".join(f"{form} by {some[0]}" for form, some in hits.items())
        problem = (
            f"looks like {len(hits)} forms at once ({said})." if hits else f"is no StyleGAN (its tensors: {_some(list(keys))})."
        )
        raise WeightsMismatch(source, problem, f"Wanted is one of: {_WANTED}.")
    return next(iter(hits))


def to_house(state: Mapping[str, Tensor], source: str | Path = "state of a StyleGAN") -> dict[str, Tensor]:
    """Bring the tensors of any form into the house's; `module.` in front of all names is dropped, floats become float32.

    Args:
        state: the tensors as published.
        source: what to call them in an error.

    Raises:
        WeightsMismatch: an unknown form, tensors that the form does not have, or a blur that differs between channels.
    """
    form = which(state, source)
    rename = {"interfacegan": _interfacegan, "tensorflow": _tensorflow, "lernapparat": _lernapparat}.get(form, _plain)
    bare = _kept(_bare(state), form)
    pairs = [rename(key, value) for key, value in bare.items()]
    house, unknown = dict(pairs), [old for old, (new, _) in zip(bare, pairs, strict=True) if not _HOUSE.fullmatch(new)]
    if unknown or len(house) < len(bare):
        problem = (
            f"has tensors that form '{form}' does not have: {_some(unknown)}." if unknown else "has one tensor under two names."
        )
        raise WeightsMismatch(source, problem, f"Wanted is one of: {_WANTED}.")
    if form == "interfacegan":
        house |= {key: _one_blur(value, key, source) for key, value in house.items() if key.endswith(".intermediate.kernel")}
    if form == "tensorflow":  # where the blur is not a variable
        ups = [key.removesuffix("weight") for key in house if key.endswith(".conv0_up.weight")]
        house |= {f"{up}intermediate.kernel": blur_kernel() for up in ups}
    if EPS[form] != EPS["house"]:
        house["eps"] = torch.tensor(EPS[form])
    return {key: value.detach().float().contiguous() for key, value in house.items()}


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    wrapped = all(key.startswith("module.") for key in state)
    return {key.removeprefix("module.") if wrapped else key: value for key, value in state.items()}


def _kept(state: dict[str, Tensor], form: str) -> dict[str, Tensor]:
    """Without what only the training, or another program's making of the same picture, needed."""
    if form == "tensorflow":
        state = {re.sub(r"^G\w*/", "", key): value for key, value in state.items()}
        # The other ToRGB layers painted the coarser pictures while the net grew.
        return {key: value for key, value in state.items() if key != "lod" and not re.match(r"ToRGB_lod[1-9]", key)}
    if form == "interfacegan":
        outputs = [int(match[1]) for key in state if (match := re.match(r"synthesis\.output(\d)\.", key))]
        last = f"synthesis.output{max(outputs, default=0)}."
        growing = [key for key in state if key.startswith("synthesis.output") and not key.startswith(last)]
        left = {*growing, "synthesis.lod", "truncation.truncation"}
        return {key: value for key, value in state.items() if key not in left}
    return state


def _plain(key: str, value: Tensor) -> tuple[str, Tensor]:
    """PULSE's tensors are ours but for what stands in front."""
    front = "synthesis." if key.startswith(("blocks.", "torgb.")) else "mapping." if key.startswith("dense") else ""
    return front + key, value


def _lernapparat(key: str, value: Tensor) -> tuple[str, Tensor]:
    return key.removeprefix("g_").replace(".top_epi.noise.", ".noise."), value


def _interfacegan(key: str, value: Tensor) -> tuple[str, Tensor]:
    if key == "truncation.w_avg":
        return "mean_w", value
    if match := re.fullmatch(r"mapping\.(dense\d+)\.(?:linear\.(weight)|wscale\.(bias))", key):
        return f"mapping.{match[1]}.{match[2] or match[3]}", value
    if match := re.fullmatch(r"synthesis\.output\d+\.(?:conv\.(weight)|(bias))", key):
        return f"synthesis.torgb.{match[1] or match[2]}", value
    match = re.fullmatch(r"synthesis\.layer(1?\d)\.(.+)", key)
    return _interfacegan_layer(int(match[1]), match[2], value) if match else (key, value)


def _interfacegan_layer(i: int, leaf: str, value: Tensor) -> tuple[str, Tensor]:
    side, epilogue = 2 ** (i // 2 + 2), f"epi{i % 2 + 1}"
    conv = "conv" if side == 4 else ("conv0_up", "conv1")[i % 2]
    names = {
        "first_layer": "const",
        "epilogue.bias": "bias" if i == 0 else f"{conv}.bias",  # of the first layer it is the constant's
        "conv.weight": f"{conv}.weight",
        "weight": f"{conv}.weight",  # of the fused layers
        "blur.kernel": f"{conv}.intermediate.kernel",
        "epilogue.apply_noise.weight": f"{epilogue}.noise.weight",
        "epilogue.style_mod.dense.linear.weight": f"{epilogue}.style_mod.lin.weight",
        "epilogue.style_mod.dense.wscale.bias": f"{epilogue}.style_mod.lin.bias",
    }
    if leaf == "epilogue.apply_noise.noise":
        return f"noise.{i}", value
    # A name that is not known stays as it is, and is refused as unknown.
    name = f"synthesis.blocks.{side}x{side}.{names[leaf]}" if leaf in names else f"?{leaf}"
    return name, _hwio(value) if leaf == "weight" else value


def _tensorflow(key: str, value: Tensor) -> tuple[str, Tensor]:
    if key == "dlatent_avg":
        return "mean_w", value
    if match := re.fullmatch(r"noise(\d+)", key):
        return f"noise.{match[1]}", value
    if match := re.fullmatch(r"Dense(\d+)/(weight|bias)", key):
        return f"mapping.dense{match[1]}.{match[2]}", value.T if value.ndim == 2 else value
    if match := re.fullmatch(r"ToRGB_lod0/(weight|bias)", key):
        return f"synthesis.torgb.{match[1]}", _hwio(value)
    match = re.fullmatch(r"(\d+x\d+)/(Const|Conv|Conv0_up|Conv1)/(.+)", key)
    return _tensorflow_layer(match[1], match[2], match[3], value) if match else (key, value)


def _tensorflow_layer(side: str, layer: str, leaf: str, value: Tensor) -> tuple[str, Tensor]:
    block, epilogue = f"synthesis.blocks.{side}", "epi1" if layer in ("Const", "Conv0_up") else "epi2"
    names = {"Noise/weight": "noise.weight", "StyleMod/weight": "style_mod.lin.weight", "StyleMod/bias": "style_mod.lin.bias"}
    if leaf in names:
        return f"{block}.{epilogue}.{names[leaf]}", value.T if value.ndim == 2 else value
    own = leaf if layer == "Const" else f"{layer.lower()}.{leaf}"
    return f"{block}.{own}", value if layer == "Const" else _hwio(value)


def _hwio(weight: Tensor) -> Tensor:
    """TensorFlow's order of a convolution's axes, [k, k, in, out], as [out, in, k, k]."""
    return weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight


def _one_blur(value: Tensor, key: str, source: str | Path) -> Tensor:
    """InterFaceGAN's blur has a copy of its kernel for every channel."""
    if value.ndim != 4 or not bool((value == value[:1]).all()):
        raise WeightsMismatch(source, f"has no one blur for all channels as {key}.", "It is of another network.")
    return value[:1]


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
