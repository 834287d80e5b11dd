"""Does a model use the other frames? The thesis looked at pictures (section 3.3.7, Figures 3.4 to 3.6); here it is measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.evaluation.facts import mean_interval
from sharpening.evaluation.methods import Method, NetworkMethod, fitted
from sharpening.evaluation.probe_conditions import COPIES, FULL, NOISE, TITLES, Scene, scenes
from sharpening.imaging.convert import to_tensor, to_uint8
from sharpening.metrics import metrics
from sharpening.metrics.error import psnr_of_mse
from sharpening.models.face_id import FaceJudge

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "ONE_FRAME", "FrameUse", "Probe", "frame_use", "gradient_shares", "probe"]

BATCH = 8
N_SHOWN = 3
N_SIGNS = 4
# A gain under this is none: it is what another seed of the test set changes.
LEAST_GAIN = 0.05
MEASURES = ("psnr", "region_psnr", "identity_cosine", "identity_distance")
ONE_FRAME = "one-frame model"


@dataclass(frozen=True)
class FrameUse:
    """How much of what the other frames bring is lost when they become noise.

    Attributes:
        gain: PSNR with all frames over PSNR of the reference with one, mean over pictures [dB].
        gain_half: Half of its 95 % interval.
        lost: PSNR with all frames over PSNR with noise in place of the others [dB].
        raw: lost / gain; NaN where there is no gain to share.
        score: raw, kept within 0 … 1; 0 where there is no gain to share.
    """

    gain: float
    gain_half: float
    lost: float
    raw: float
    score: float

    @property
    def words(self) -> str:
        """The score in a sentence."""
        gain = f"{self.gain:+.2f} ± {self.gain_half:.2f} dB"
        if math.isnan(self.raw):
            return f"frame-use score: none to share, the model gains nothing from the others ({gain})"
        return f"frame-use score: {self.score:.2f} (the others bring {gain}; as noise they take {self.lost:.2f} dB away)"


@dataclass(frozen=True)
class Probe:
    """What was found out about a model.

    Attributes:
        rows: A row a picture and condition: name, condition, and `MEASURES`; NaN where a measure has no meaning.
        use: See `FrameUse`.
        shares: `[pictures, n]`: share of each frame in the gradient of the result; None where the model passes no gradient back.
        shown: Some scenes with their results, condition by condition, uint8 `[H, W, 3]`.
    """

    rows: pd.DataFrame
    use: FrameUse
    shares: NDArray[np.float64] | None
    shown: Sequence[tuple[Scene, Mapping[str, NDArray[np.uint8]]]]


@dataclass
class _Notes:
    rows: list[dict[str, Any]] = field(default_factory=list)
    shares: list[Tensor] = field(default_factory=list)
    shown: list[tuple[Scene, dict[str, NDArray[np.uint8]]]] = field(default_factory=list)


def probe(
    run: Method,
    data: str | Path,
    *,
    one_frame: Method | None = None,
    limit: int = 64,
    seed: int = 0,
    split: str = "valid",
    judge: FaceJudge | None = None,
    progress: Callable[[int], None] | None = None,
) -> Probe:
    """Put a model through all conditions of `probe_conditions`.

    Args:
        run: Frames `[bs, 3·n, 32, 32]` in 0 … 1 to pictures `[bs, 3, H, H]`; see `methods.build_methods`.
        data: Folder in the form of `../shared/data`.
        one_frame: What the gain is measured against (the twin of the model); the model itself with copies of the middle when None.
        limit: Number of persons.
        seed: Of the protocol, and of the signs of the gradient.
        split: As in splits.csv.
        judge: Of the identity.
        progress: Called with the number of persons done.
    """
    import pandas as pd

    judge, notes = judge or FaceJudge(), _Notes()
    signs, people = torch.Generator().manual_seed(seed), scenes(data, limit=limit, seed=seed, split=split)
    while batch := list(islice(people, BATCH)):
        _probe_batch(run, one_frame, batch, judge, notes)
        found = gradient_shares(run, _stack(batch, FULL), signs)
        notes.shares += [] if found is None else [found]
        if progress:
            progress(len(notes.rows) // (len(TITLES) + (one_frame is not None)))
    rows = pd.DataFrame(notes.rows)
    if rows.empty:
        raise InputError(data, "nothing to probe on.", "Give a limit of 1 or more.")
    psnr = rows.pivot_table(index="name", columns="condition", values="psnr", sort=False)
    reference = psnr[COPIES if one_frame is None else ONE_FRAME]
    use = frame_use(psnr[FULL].to_numpy(), reference.to_numpy(), psnr[NOISE].to_numpy())
    shares = torch.cat(notes.shares).double().numpy() if notes.shares else np.full((1, 1), np.nan)
    return Probe(rows, use, shares if np.isfinite(shares).any() else None, notes.shown)


def frame_use(every: NDArray[np.floating], one: NDArray[np.floating], noise: NDArray[np.floating]) -> FrameUse:
    """The frame-use score out of PSNRs `[n]` [dB] of the same pictures.

    There is a gain to share when its mean is over 0.05 dB and its interval does not touch 0; of one picture there is no interval, so none.

    Args:
        every: With all frames.
        one: Of the reference, which sees one frame.
        noise: With noise in place of the others.
    """
    gain, half = mean_interval(every - one, np.arange(len(every)))
    lost = float((every - noise).mean())
    if not (gain > LEAST_GAIN and gain - half > 0):
        return FrameUse(gain, half, lost, float("nan"), 0.0)
    raw = lost / gain
    return FrameUse(gain, half, lost, raw, min(1.0, max(0.0, raw)))


def gradient_shares(run: Method, frames: Tensor, signs: torch.Generator) -> Tensor | None:
    """Share of each frame in the gradient of the result.

    The result is multiplied by random signs and summed, and the absolute gradients at the pixels of each frame are added up, as a mean
    over four draws of the signs. With a plain sum in place of the signs, only the mean brightness of the result would be asked about.

    Args:
        run: The model.
        frames: `[bs, 3·n, h, h]` in 0 … 1.
        signs: The dice.

    Returns:
        `[bs, n]`, each row summing to 1 (NaN where all gradients are 0); None for a model without gradients.
    """
    x = frames.clone().requires_grad_()
    with torch.enable_grad():
        pred = run.traced(x) if isinstance(run, NetworkMethod) else run(x)
        if not pred.requires_grad:
            return None
        total = x.new_zeros(len(x), x.shape[1] // 3)
        for i in range(N_SIGNS):
            sign = torch.randint(0, 2, pred.shape, generator=signs).to(pred) * 2 - 1
            (gradient,) = torch.autograd.grad((pred * sign).sum(), x, retain_graph=i < N_SIGNS - 1)
            total += gradient.unflatten(1, (-1, 3)).abs().sum(dim=(2, 3, 4))
    return total / total.sum(dim=1, keepdim=True)


def _stack(batch: Sequence[Scene], condition: str) -> Tensor:
    return torch.stack([to_tensor(scene.frames[condition]).flatten(0, 1) for scene in batch])


def _probe_batch(run: Method, one_frame: Method | None, batch: Sequence[Scene], judge: FaceJudge, notes: _Notes) -> None:
    label = torch.stack([to_tensor(scene.label) for scene in batch])
    landmarks = judge.locate(label)
    described = judge.descriptors(label, landmarks)
    new: list[tuple[Scene, dict[str, NDArray[np.uint8]]]] = [(scene, {}) for scene in batch[: max(0, N_SHOWN - len(notes.shown))]]
    conditions = [(name, run, name) for name in TITLES] + ([(ONE_FRAME, one_frame, FULL)] if one_frame else [])
    for name, model, frames in conditions:
        with torch.no_grad():
            pred = fitted(model(_stack(batch, frames)), label)
        found = {"psnr": metrics.get("psnr")(pred, label), "region_psnr": _region_psnr(pred, label, batch, name)}
        got = judge.descriptors(pred, landmarks)
        found |= {what: metrics.get(what)(got, described) for what in ("identity_cosine", "identity_distance")}
        for i, scene in enumerate(batch):
            notes.rows.append({"name": scene.name, "condition": name, **{what: float(found[what][i]) for what in MEASURES}})
        for (_, pictures), picture in zip(new, to_uint8(pred[: len(new)]) if new else (), strict=True):
            pictures[name] = picture
    notes.shown += new


def _region_psnr(pred: Tensor, label: Tensor, batch: Sequence[Scene], condition: str) -> Tensor:
    """PSNR inside the damage `[bs]`; NaN under conditions that damage no place."""
    if condition not in batch[0].damage:
        return torch.full((len(batch),), torch.nan)
    mask = torch.stack([torch.from_numpy(scene.damage[condition]) for scene in batch])[:, None]
    error = ((pred - label).square() * mask).sum(dim=(1, 2, 3)) / (3 * mask.sum(dim=(1, 2, 3)))
    return psnr_of_mse(error)
