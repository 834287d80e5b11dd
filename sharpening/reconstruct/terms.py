"""On what terms a result may be used: those of the weights that had a hand in it."""

from __future__ import annotations

from pathlib import Path

from sharpening.errors import SharpeningError
from sharpening.models.face_align.dlib_models import LANDMARKS_68_TERMS
from sharpening.models.published import published_files
from sharpening.reconstruct.settings import Settings
from sharpening.weights.card import card_path, load_card
from sharpening.weights.names import true_name
from sharpening.weights.store import find

__all__ = ["terms_of"]

# Methods that work with files of others, and which those are when no other is named.
_FILES = {
    "few-shot": ("few-shot-encoder", "ir_se50"),
    "interface-gan": ("stylegan-ffhq", "stylegan_ffhq_pose_w_boundary"),
    "stylegan": ("stylegan-ffhq",),
    "pulse": ("pulse-synthesis",),
    "pulse-square": ("pulse-synthesis",),
    "psfr-gan": ("psfrgan-generator", "psfrgan-parsenet"),
    "psfr-gan-square": ("psfrgan-generator", "psfrgan-parsenet"),
}


def terms_of(settings: Settings, pretrained: str | Path | None = None) -> list[str]:
    """What whoever uses a result has to know: terms that exclude commercial use, or that nobody stated.

    Args:
        settings: of the run.
        pretrained: folder to search weights in first.
    """
    named = {settings.clean: "bicubic", settings.masks: "landmarks"}
    used = [name for name, free in named.items() if name != free]
    for method, weights in (
        (settings.transfer, settings.transfer_weights),
        (settings.crossover, settings.crossover_weights),
        (settings.finetune, settings.finetune_weights),
        (settings.mask_clean, settings.mask_clean_weights),
    ):
        files = _FILES.get(method, ())
        used += [weights, *files[1:]] if weights is not None else files
    found = [terms for name in dict.fromkeys(used) if (terms := _terms(name, pretrained))]
    return [LANDMARKS_68_TERMS, *dict.fromkeys(found)]


def _terms(name: str, pretrained: str | Path | None) -> str:
    """Of one file, by its card, or by what is known of the published file of that name; empty where all is free."""
    try:
        path = find(true_name(name), pretrained)
        if card_path(path).is_file():
            card = load_card(path)
            return "" if card.free_use else f"{card.name}: {card.licence}."
    except SharpeningError:  # whoever loads the file says what is wrong with it
        path = Path(name)
    for entry in published_files().values():
        if name == entry.name or path.name == entry.file:
            return "" if entry.free_use else f"{entry.name}: {entry.licence}."
    return f"{path.name}: its terms are not known here; look where you got it."
