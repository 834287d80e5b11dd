"""Reading ESRGAN's weight files, as published or converted."""

from __future__ import annotations

from pathlib import Path

import torch

from sharpening.errors import WeightsMismatch, WeightsMissing
from sharpening.models.loading import remember
from sharpening.models.sr_gan.esrgan import RRDBNet, rrdb_settings
from sharpening.weights.store import find, load_into, load_state

__all__ = ["load_esrgan"]

_NAME = "esrgan-rrdb"
_FILE = "RRDB_ESRGAN_x4.pth"
_MARKS = ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight")


def load_esrgan(weights: str | Path | None = None, *, pretrained: str | Path | None = None) -> RRDBNet:
    """ESRGAN's generator with published weights, frozen; its sizes are read off the tensors.

    Args:
        weights: name or path: RRDB_ESRGAN_x4.pth, RRDB_PSNR_x4.pth, or what `sharpening weights import` or training made of one;
            "esrgan-rrdb" when left out.
        pretrained: folder to search names in first.

    Raises:
        WeightsMissing: the file is nowhere; the message says where it comes from.
        WeightsMismatch: it is not what it should be; the first wrong tensors are listed.
    """
    path = _find(_NAME if weights is None else weights, pretrained)
    state = load_state(path)
    if any(mark not in state or state[mark].ndim != 4 for mark in _MARKS):
        shown = ", ".join(list(state)[:3])
        raise WeightsMismatch(path, f"is no RRDBNet: it begins with {shown}.", f"Wanted: {_FILE} of github.com/xinntao/ESRGAN.")
    settings = rrdb_settings(state)
    # Sizes that cannot be show up as wrong shapes when the network of the published sizes is filled instead.
    settings = settings if all(settings.values()) else {}
    with torch.device("meta"):
        network = RRDBNet(**settings)
    load_into(network.to_empty(device="cpu"), state, source=path)
    return remember(network, "esrgan", settings).requires_grad_(False).eval()


def _find(weights: str | Path, pretrained: str | Path | None) -> Path:
    try:
        return find(weights, pretrained)
    except WeightsMissing as error:
        advice = (
            f"Get {_FILE} by the link in the README of github.com/xinntao/ESRGAN (Apache-2.0), then: "
            f"sharpening weights import {_FILE} --as {_NAME}. Or give its path."
        )
        raise WeightsMissing(str(weights), error.searched, advice) from error
