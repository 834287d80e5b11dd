"""A StyleGAN from a file in any of the forms in which one is published."""

from __future__ import annotations

import re
from collections.abc import Mapping as Names
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.models.stylegan.convert import EPS, to_house, which
from sharpening.models.stylegan.gan import StyleGan
from sharpening.models.stylegan.model import Mapping, Synthesis
from sharpening.models.stylegan.published import terms
from sharpening.weights.card import card_path, load_card
from sharpening.weights.pickles import load_pickled_networks
from sharpening.weights.store import find, is_web_page, load_into, load_state

__all__ = ["build_stylegan", "load_stylegan", "read_file", "settings_of"]

_SUFFIXES = (".safetensors", ".pt", ".pth")
_PUBLISHED = {"resolution": 1024, "n_latent": 512, "most_channels": 512, "base_channels": 8192, "eps": EPS["pulse-synthesis"]}
_SIDES = {2**i for i in range(2, 11)}


def load_stylegan(weights: str | Path, *, pretrained: str | Path | None = None) -> StyleGan:
    """Load a generator; which form the file has is seen by the names of its tensors.

    PULSE has the mapping in a file of its own: it is taken from beside the synthesis (`…synthesis.pt` → `…mapping.pt`), or by the name
    `pulse-mapping`; without it the generator still paints.

    Args:
        weights: name or path: PULSE's synthesis, lernapparat's g_all, a file of InterFaceGAN's tool, NVIDIA's pickle, or the house's form.
        pretrained: folder to search names in first.

    Returns:
        Networks on the CPU in float32, in evaluation mode, whose weights ask for no gradients.

    Raises:
        WeightsMissing: it is nowhere.
        WeightsMismatch: it is no StyleGAN, is damaged, would run code, or some tensor is missing, extra or of another shape.
    """
    path = find(weights, pretrained)
    state = read_file(path)
    form = which(state, path)
    house = to_house(state, path)
    name, licence = terms(str(weights), path.name)
    if card_path(path).is_file():
        card = load_card(path)
        name, licence = card.name, card.licence
        # An older file may say its eps on the card alone.
        house.setdefault("eps", torch.tensor(float(card.settings.get("eps", EPS["house"]))))
    if not any(key.startswith("mapping.") for key in house):
        # By its name it belongs to the published generator, not to any file of that form.
        published = path.stem == "pulse-synthesis" or (form == "pulse-synthesis" and settings_of(house, path) == _PUBLISHED)
        house |= _mapping_beside(path, pretrained, by_name=published)
    return build_stylegan(house, path, name=name, licence=licence)


def read_file(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file under their published names; of NVIDIA's pickle, those of the averaged generator.

    Args:
        path: `.safetensors`, `.pt`, `.pth` or `.pkl`.

    Raises:
        InputError, WeightsMismatch: as `load_state` and `load_pickled_networks`; a web page saved under this name is called one.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the name and the permissions.") from error
    # An archive is what torch.save writes; load_state also tells a web page.
    if path.suffix.lower() == ".pkl" and not head.startswith(b"PK\x03\x04") and not is_web_page(head):
        return load_pickled_networks(path)[-1]
    return load_state(path)


def _mapping_beside(path: Path, pretrained: str | Path | None, *, by_name: bool) -> dict[str, Tensor]:
    stem = path.stem.replace("synthesis", "mapping")
    beside = [path.with_name(stem + suffix) for suffix in (path.suffix, *_SUFFIXES)] if stem != path.stem else []
    found = next((each for each in beside if each.is_file()), None)
    if found is None and by_name:
        try:
            found = find("pulse-mapping", pretrained)
        except WeightsMissing:
            return {}
    # Whatever else lies in that file is not asked for.
    state = to_house(read_file(found), found) if found is not None else {}
    return {key: value for key, value in state.items() if key.startswith("mapping.")}


def settings_of(house: Names[str, Tensor], source: str | Path = "state of a StyleGAN") -> dict[str, Any]:
    """Keyword arguments of the `Synthesis` whose tensors these are, from their shapes.

    Args:
        house: tensors in the house's form.
        source: what to call them in an error.

    Raises:
        WeightsMismatch: there is no synthesis, or sides that are not 4, 8, 16 … 1024.
    """
    sides = sorted({int(match[1]) for key in house if (match := re.match(r"synthesis\.blocks\.(\d+)x\1\.", key))})
    if not sides:
        raise WeightsMismatch(
            source, "holds no synthesis network.", "PULSE has two files; the one called synthesis is wanted here."
        )
    if sides[0] != 4 or not set(sides) <= _SIDES or len(sides) != sides[-1].bit_length() - 2:
        raise WeightsMismatch(
            source, f"has blocks of {sides} px.", "Wanted are all of 4, 8, 16 … up to the picture's side, at most 1024."
        )
    # Where no more than one channel is left, the width says nothing of the rule.
    widths = [_axis(house, f"synthesis.blocks.{side}x{side}.epi2.noise.weight", 0, source) for side in sides]
    return {
        "resolution": sides[-1],
        "n_latent": _axis(house, "synthesis.blocks.4x4.epi1.style_mod.lin.weight", 1, source),
        "most_channels": max(widths),
        "base_channels": max([n * side // 2 for n, side in zip(widths, sides, strict=True) if n > 1], default=sides[0] // 2),
        # Half precision knows no 1e-8 and makes it 0.
        "eps": max(float(house["eps"]), EPS["tensorflow"]) if "eps" in house else EPS["house"],
    }


def _axis(house: Names[str, Tensor], key: str, axis: int, source: str | Path) -> int:
    if key not in house or house[key].ndim != axis + 1 or house[key].shape[axis] < 1:
        got = list(house[key].shape) if key in house else "nothing"
        raise WeightsMismatch(source, f"has {got} as {key}, wanted a tensor with {axis + 1} axes.", "It is of another network.")
    return int(house[key].shape[axis])


def build_stylegan(house: Names[str, Tensor], source: str | Path, *, name: str = "", licence: str = "") -> StyleGan:
    """Put tensors in the house's form into networks that fit them; every name and shape must fit.

    Args:
        house: what `to_house` gave.
        source: where it came from, for the error message.
        name: of the weights.
        licence: their terms.

    Raises:
        WeightsMismatch: lists what is missing, extra or misshaped.
    """
    settings = settings_of(house, source)
    with torch.device("meta"):
        synthesis = Synthesis(**settings)
    synthesis = _filled(synthesis, _part(house, "synthesis."), source)
    dense, mapping = _part(house, "mapping."), None
    if dense:
        with torch.device("meta"):
            mapping = Mapping(settings["n_latent"], len({key.split(".")[0] for key in dense}))
        mapping = _filled(mapping, dense, source)
    wanted = {f"noise.{i}": (1, 1, side, side) for i, side in enumerate(synthesis.noise_sides)}
    fixed = {key: tuple(value.shape) for key, value in house.items() if key.startswith("noise.")}
    if fixed and fixed != wanted:
        wrong = sorted(key for key in {*fixed, *wanted} if fixed.get(key) != wanted.get(key))
        problem = f"does not fit Synthesis: fixed noise {', '.join(wrong[:4])} is missing, extra or of another shape."
        raise WeightsMismatch(
            source, problem, f"One map [1, 1, r, r] a layer is wanted, r = {', '.join(map(str, synthesis.noise_sides))}."
        )
    mean_w = house.get("mean_w")
    if mean_w is not None and tuple(mean_w.shape) != (settings["n_latent"],):
        raise WeightsMismatch(source, f"has a mean style of shape {list(mean_w.shape)}.", f"Wanted is [{settings['n_latent']}].")
    noise = tuple(house[key] for key in wanted) if fixed else None
    return StyleGan(synthesis, mapping, mean_w, noise, name=name, licence=licence)


def _part(house: Names[str, Tensor], front: str) -> dict[str, Tensor]:
    return {key.removeprefix(front): value for key, value in house.items() if key.startswith(front)}


def _filled(network: Any, state: dict[str, Tensor], source: str | Path) -> Any:
    """The network, built without memory, with its tensors; memory is only taken once all shapes are known to fit."""
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    if shapes == {key: value.shape for key, value in state.items()}:
        network = network.to_empty(device="cpu")
    filled: nn.Module = load_into(network, state, source=source)
    return filled.requires_grad_(False).eval()
