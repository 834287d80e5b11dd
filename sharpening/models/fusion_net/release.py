"""Writing trained weights out, with their card, if they are better than those that are there."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sharpening.mframe_dl import BatchForm
from sharpening.models.fusion_net.model import FusionNet
from sharpening.models.fusion_net.plan import PretrainPlan
from sharpening.models.loading import remember
from sharpening.training.export import export
from sharpening.weights.store import load_card

__all__ = ["DATA_TERMS", "export_better", "gain_over"]

log = logging.getLogger(__name__)

DATA_TERMS = (
    "stills of CelebA (non-commercial research only), LFW (research use), FFHQ (CC BY-NC-SA 4.0), StyleGAN faces (CC BY-NC 4.0) and "
    "synthetic portraits (no licence stated); clips of YouTube Faces frames (research use), HDTF and Intel sample videos (CC BY 4.0), "
    "and example videos of public face projects (MIT, Apache-2.0, or unstated)"
)


def export_better(
    net: FusionNet,
    name: str,
    folder: Path,
    plan: PretrainPlan,
    figures: Mapping[str, float],
    *,
    history: str = "",
    data: str = DATA_TERMS,
) -> bool:
    """Write weights and card to `folder`, unless the ones that are there did better on the held-out faces.

    A leg with a critic is made anew after each leg without one, and how much of it is kept is its caller's decision: its weights are
    replaced when they began elsewhere or kept another share, since the critic's word tells of both.

    Args:
        net: With the running mean of its weights.
        name: Of the file.
        folder: Where it goes.
        plan: What it was trained by.
        figures: Held-out, as `HeldOut` has them; and `start_share`, if weights from before the leg were mixed in.
        history: What was trained before, for the card.
        data: What it was trained on, with the terms.

    Returns:
        Whether they were written.
    """
    found = {f"heldout_{name}": value for name, value in figures.items() if name != "start_share"}
    there = folder / f"{name}.safetensors"
    if there.is_file():
        card = load_card(there)
        gain = gain_over(found, card.metrics, plan)
        kept = _kept(figures)
        alike = history in _beginnings(card.recipe) and (
            card.recipe.endswith(kept) if kept else not card.recipe.endswith(_WORDS_KEPT)
        )
        if plan.judged_by == "critic" and math.isfinite(gain) and not alike:
            gain = math.inf
        if not gain > 0:
            log.info("%s stays: the new weights are better by %.3f", there, gain)
            return False
    remember(net, "fusion_net", {"preset": plan.preset, "n_frames": plan.n_usual, "extras": list(plan.extras)})
    steps, counts = (plan.stop or plan.epochs) * plan.steps, sorted(set(plan.n_choices))
    damage = " ".join([f"'{plan.damage}'", *(f"{key}={value:g}" for key, value in plan.other_damage.items())])
    leg = f"{steps} steps of {plan.bs} sequences, damage {damage}, {plan.p_clip:.0%} clips, n in {counts}"
    alone = f", {','.join(plan.parts)} alone" if plan.parts else ""
    leg += f", {plan.opt}, {plan.precision}, lr {plan.lr}, {plan.critic}{alone}, seed {plan.seed}"
    leg += _kept(figures)
    target = "train-twin" if plan.one_frame else "train-pretrained" if plan.fidelity else f"train-{plan.critic}"
    recipe = f"models/fusion_net/pretrain.py (make {target}): {history}{leg}"
    export(
        net.cpu(),
        name,
        folder,
        recipe=recipe,
        data=data,
        source="trained by the sharpening project",
        licence="weights: for research, not for commerce (terms of the training data)",
        free_use=False,
        paper="A. Svorad, Increasing Quality of Facial Images Using Sequence of Images, Brno 2021 (the task)",
        metrics=found,
        form=BatchForm(plan.n_usual, 32, 128),
        dtype=torch.float16,  # the file is in every clone
    )
    log.info("wrote %s", there)
    return True


_WORDS_KEPT = " of the weights before kept"


def _kept(figures: Mapping[str, float]) -> str:
    """What the end of a recipe says of the weights from before that were mixed in."""
    share = figures.get("start_share")
    return f", {share:.0%}{_WORDS_KEPT}" if share else ""


def _beginnings(recipe: str) -> tuple[str, str]:
    """The `history` of weights with this recipe, and that of a leg which goes on from them."""
    legs = recipe.rpartition(": ")[2]
    before, then, _ = legs.rpartition("; then ")
    return before + then, f"{legs}; then "


def gain_over(found: Mapping[str, float], there: Mapping[str, Any], plan: PretrainPlan) -> float:
    """Mean gain over the held-out sets that both have figures of; where they share none, endless, and endless loss for a critic's.

    It is a gain in PSNR over bicubic [dB], so that pixels which another codec made do not count; where nothing but the expected error was
    trained, in its log-likelihood; and where another loss was trained by, what that fell by.
    """
    kind = {"psnr": "_one" if plan.one_frame else "", "likelihood": "_likelihood", "critic": "_critic"}[plan.judged_by]
    names = {key.removesuffix("_bicubic") for key in found if key.endswith("_bicubic")}
    keys = [name + kind for name in names if name + kind in found and name + kind in there]
    if not keys:
        # Another loss cannot be compared with PSNR: what is there stays.
        return -math.inf if kind == "_critic" else math.inf
    gain = sum(found[key] - float(there[key]) for key in keys) / len(keys)
    if kind in ("", "_one"):
        easier = [f"{name}_bicubic" for name in names if name + kind in keys and f"{name}_bicubic" in there]
        gain -= sum(found[key] - float(there[key]) for key in easier) / len(keys)
    return -gain if kind == "_critic" else gain
