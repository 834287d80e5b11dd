"""Reading PSFR-GAN's two weight files, as published or converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sharpening.errors import WeightsMismatch, WeightsMissing
from sharpening.models.psfr_gan.enhance import PsfrGan
from sharpening.models.psfr_gan.generator import PsfrGenerator, generator_settings
from sharpening.models.psfr_gan.parse_net import ParseNet, parse_net_settings
from sharpening.models.psfr_gan.spectral import fold_spectral_norm
from sharpening.weights.card import card_path, load_card
from sharpening.weights.store import find, load_into, load_state

__all__ = ["GENERATOR_NAME", "PARSE_NET_NAME", "load_generator", "load_parse_net", "load_psfr_gan", "to_house"]

GENERATOR_NAME, PARSE_NET_NAME = "psfrgan-generator", "psfrgan-parsenet"
"""What the two files are called here."""

_FILES = {
    GENERATOR_NAME: ("psfrgan_epoch15_net_G", "psfrgan_latest_net_G"),
    PARSE_NET_NAME: ("parse_multi_iter_90000",),
}
_SOURCE = "github.com/chaofengc/PSFRGAN, release v0.1.0 (CC BY-NC-SA 4.0: not for commerce)"
Network = TypeVar("Network", bound=nn.Module)


def load_psfr_gan(
    weights: str | Path | None = None, *, pretrained: str | Path | None = None, parse_net: str | Path | None = None
) -> PsfrGan:
    """PSFR-GAN, frozen, ready to enhance.

    Args:
        weights: name or path of the generator's file, with or without spectral norm; "psfrgan-generator" when left out.
        pretrained: folder to search names in first.
        parse_net: name or path of the parser's file; when left out it is looked for beside the generator's and then by its name.

    Raises:
        WeightsMissing: one of the two files is nowhere; the message says where it comes from.
        WeightsMismatch: a file is not what it should be; the first wrong tensors are listed.
    """
    path = _find(GENERATOR_NAME if weights is None else weights, GENERATOR_NAME, pretrained)
    parser = _beside(path, pretrained) if parse_net is None else _find(parse_net, PARSE_NET_NAME, pretrained)
    card = load_card(path) if card_path(path).is_file() else None
    licence = card.licence if card else "not stated beside the file; the published one: CC BY-NC-SA 4.0, not for commerce"
    return PsfrGan(load_generator(path), load_parse_net(parser), card.name if card else path.stem, licence)


def load_generator(path: str | Path, *, sha256: str | None = None) -> PsfrGenerator:
    """The frozen generator of one file; its sizes are read off the tensors.

    Args:
        path: the published file, or a converted one.
        sha256: what the file must hash to; its authors publish none, so record that of your own copy.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when it holds something else.
    """
    return _filled(
        PsfrGenerator, generator_settings, to_house(load_state(path, sha256=sha256), source=str(path)), path, "const_input"
    )


def load_parse_net(path: str | Path, *, sha256: str | None = None) -> ParseNet:
    """The frozen ParseNet of one file; arguments and errors as of `load_generator`."""
    return _filled(ParseNet, parse_net_settings, to_house(load_state(path, sha256=sha256)), path, "out_mask_conv.conv2d.weight")


def to_house(state: Mapping[str, Tensor], *, source: str = "state") -> dict[str, Tensor]:
    """Published tensors of either network in the house's form: float32, spectral norm folded into plain weights.

    Args:
        state: named tensors.
        source: where they came from, for the error message.

    Raises:
        WeightsMismatch: when a triple of spectral norm is broken.
    """
    single = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    return fold_spectral_norm(single, source=source)


def _filled(
    build: Callable[..., Network],
    settings: Callable[[Mapping[str, Tensor]], Mapping[str, Any]],
    state: Mapping[str, Tensor],
    path: str | Path,
    mark: str,
) -> Network:
    if mark not in state:
        kind, shown = build.name, ", ".join(list(state)[:3]) or "nothing"  # type: ignore[attr-defined]
        raise WeightsMismatch(path, f"is no {kind}: it lacks {mark}, and begins with {shown}.", f"Wanted: {_advice(kind)}.")
    # Sizes that cannot be show up as wrong shapes when the network of the published sizes is filled instead.
    found = settings(state)
    possible = all(number > 0 for number in found.values())
    with torch.device("meta"):
        network = build(**found) if possible else build()
    return load_into(network.to_empty(device="cpu"), state, source=path).requires_grad_(False).eval()


def _advice(kind: str) -> str:
    name = PARSE_NET_NAME if kind == ParseNet.name else GENERATOR_NAME
    return f"{_FILES[name][0]}.pth of {_SOURCE}"


def _find(weights: str | Path, name: str, pretrained: str | Path | None) -> Path:
    try:
        return find(weights, pretrained)
    except WeightsMissing as error:
        file = f"{_FILES[name][0]}.pth"
        advice = f"Get {file} of {_SOURCE}, then: sharpening weights import {file} --as {name}. Or give its path."
        raise WeightsMissing(str(weights), error.searched, advice) from error


def _beside(generator: Path, pretrained: str | Path | None) -> Path:
    stems = (PARSE_NET_NAME, *_FILES[PARSE_NET_NAME])
    near = (generator.parent / f"{stem}{suffix}" for stem in stems for suffix in (".safetensors", ".pt", ".pth"))
    found = next((path for path in near if path.is_file()), None)
    return found or _find(PARSE_NET_NAME, PARSE_NET_NAME, pretrained)
