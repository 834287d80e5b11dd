"""What a restored picture rests on, place by place: which frame gave what, how large the error may be, and what the frames bear out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.error_table import ErrorTable
from sharpening.restore.evidence_words import (
    BORNE_OUT,
    HIGH_ERROR,
    LOW_ERROR,
    MOSTLY_NONE,
    Region,
    in_one_line,
    sentences,
)
from sharpening.restore.expression import LIVELY, liveliness, lively_words
from sharpening.restore.network import Output
from sharpening.restore.regions import face_in, regions_of
from sharpening.restore.support import Support, support_of

__all__ = ["NO_SPREAD", "NO_TABLE", "PAINTED_OVER", "Evidence", "evidence_of", "frame_use", "frame_use_map"]

Map = NDArray[np.float32]

NO_SPREAD = "this network does not estimate it"
NO_TABLE = "the estimate of these weights was not calibrated"
PAINTED_OVER = "a second network painted over the result"

_WINDOW = 9  # px: what is called one place in the map of frame use
_NOTHING = 0.5 / 255  # half a grey level: where the other frames change less than this, they change nothing that can be seen


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one picture rests on.

    Attributes:
        shares: n numbers: how much of what was fused came from each frame, at most 1 in all. The middle frame gives more than its share:
            it is also the base that all is added to.
        maps: float32 `[n + 1, H, W]`: the same at each place of the picture, the last one for "none of the frames"; they sum to 1.
        error: float32 `[H, W]`: in about two of three pixels (68 %) the error, mean over the colours, is at most this [grey levels]; None
            where it is not known.
        no_error: why it is not known; empty where it is.
        of_error: how far it can be relied on; empty where that is not known.
        frame_use: 0 … 1: how much of what was added to the enlarged middle frame depends on the other frames, see `frame_use`.
        use_map: float32 `[H, W]`: the same for each place, about 9 px wide.
        support: the result against each frame.
        difference: float32 `[H, W]`: the median over the frames of that difference [grey levels]; NaN where no frame reaches.
        regions: parts of the face, or ninths of the picture where no face was found.
        middle: index of the middle among the frames.
        lively: how much mouth and eyes differ from frame to frame, see `expression.liveliness`; empty where no face was found.
    """

    shares: tuple[float, ...]
    maps: Map
    error: Map | None
    no_error: str
    of_error: str
    frame_use: float
    use_map: Map
    support: Support
    difference: Map
    regions: tuple[Region, ...]
    middle: int
    lively: Mapping[str, float] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        """What the user should know before trusting the picture; nothing where nothing speaks against it."""
        return lively_words(self.lively)

    @property
    def none(self) -> float:
        """Share of "none of the frames" in the whole picture, 0 … 1."""
        return float(self.maps[-1].mean())

    def words(self) -> list[str]:
        """Plain sentences: the picture as a whole, then each region."""
        unlike = sum(share == 0 for i, share in enumerate(self.shares) if i != self.middle)
        return sentences(self.regions, self.frame_use, len(self.shares), self.no_error, self.of_error, unlike)

    def line(self) -> str:
        """The regions by what was found of them, in one line."""
        return in_one_line(self.regions)

    def facts(self) -> dict[str, Any]:
        """For the report: numbers and words, no maps."""
        rows = zip(self.shares, self.support.difference, self.support.correlation, strict=True)
        error = None if self.error is None else round(float(self.error.mean()), 2)
        return {
            "frame_use": round(self.frame_use, 4),
            "share_none": round(self.none, 4),
            "error_68": error,
            "error_unknown_because": self.no_error,
            "frames": [
                {
                    "share": round(share, 4),
                    "difference": None if difference is None else round(difference, 2),
                    "correlation": round(correlation, 4),
                }
                for share, difference, correlation in rows
            ],
            "regions": [region.facts() for region in self.regions],
            "words": self.words(),
            "lively": {name: round(value, 3) for name, value in self.lively.items()},
            "rules": {
                "lively_above": LIVELY,
                "low_error": LOW_ERROR,
                "high_error": HIGH_ERROR,
                "borne_out_below": BORNE_OUT,
                "mostly_none_above": MOSTLY_NONE,
                "shares": "of what was fused; the middle frame is besides the base that all is added to",
            },
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All maps by name, for `np.savez`."""
        known = {} if self.error is None else {"error": self.error}
        maps = {"maps": self.maps, "frame_use": self.use_map, "difference": self.difference, "frame_difference": self.support.maps}
        return {**maps, **known, "shares": np.array(self.shares, np.float32)}


def evidence_of(
    picture: Map,
    frames: Tensor,
    output: Output,
    alone: Tensor,
    bicubic: Tensor,
    *,
    table: ErrorTable | None,
    judge: FaceJudge | None = None,
    painted_over: str = "",
) -> Evidence | None:
    """Find out what a result rests on.

    Args:
        picture: `[H, W, 3]`, RGB in [0, 1]: the result as the user gets it; all maps get its size.
        frames: `[n, 3, h, w]`, RGB in [0, 1]; the middle at n // 2.
        output: of the network, of this sequence alone (bs = 1).
        alone: `[3, H, W]`: what the network makes of the middle frame alone.
        bicubic: `[3, H, W]`: the middle frame, enlarged.
        table: how far the network's estimate of its error can be taken at its word; None where that was not measured.
        judge: finds the face; without one the regions are ninths of the picture.
        painted_over: why the network's estimate does not hold for `picture`; empty where it does.

    Returns:
        None where the network cannot tell its frames apart.
    """
    if output.maps is None or output.shares is None:
        return None
    n, size = len(frames), picture.shape[:2]
    maps = resize_tensor(output.maps.float(), (size[0], size[1]), "bilinear")[0].cpu().numpy()
    no_error = painted_over or (NO_SPREAD if output.spread is None else NO_TABLE if table is None else "")
    known = not no_error and output.spread is not None and table is not None
    error = table.bound(output.spread[0, 0].float().cpu().numpy()) if known else None  # type: ignore[union-attr,index]
    # A finetuner may make another size than the network.
    stack = resize_tensor(torch.stack([output.pictures[0], alone, bicubic]).float().cpu(), (size[0], size[1]))
    pred, alone, bicubic = stack
    support = support_of(picture, frames, middle=n // 2)
    use_map = frame_use_map(pred, alone, bicubic)
    masks = regions_of(face_in(picture, judge), (size[0], size[1]))
    seen = _Seen(maps, error, (pred, alone, bicubic), support, n // 2)
    return Evidence(
        shares=tuple(output.shares[0].tolist()),
        maps=maps,
        error=error,
        no_error=no_error,
        of_error=table.words() if error is not None and table is not None else "",
        frame_use=frame_use(pred, alone, bicubic),
        use_map=use_map,
        support=support,
        difference=_median(support.maps),
        regions=_regions(masks, seen),
        middle=n // 2,
        lively=liveliness(support.aligned, n // 2, masks),
    )


def frame_use(pred: Tensor, alone: Tensor, bicubic: Tensor, where: NDArray[np.bool_] | None = None) -> float:
    """How much of what a network added to the enlarged middle frame depends on the other frames, 0 … 1.

    From the enlarged frame to the result it goes in two steps: what the network adds for the middle alone, and what the others change then.
    The figure is the energy (sum of squares) of the second step as a share of both: 0 for a network that ignores the others, 1 for one that
    adds nothing without them. It says how much they changed, not whether for the better.

    Args:
        pred: `[3, H, W]`, of all frames.
        alone: likewise, of the middle alone.
        bicubic: likewise, the middle frame, enlarged.
        where: `[H, W]`: the pixels that count; all when left out.
    """
    chosen = slice(None) if where is None else torch.from_numpy(where)
    others, own = ((a - b).square().mean(dim=0)[chosen].mean() for a, b in ((pred, alone), (alone, bicubic)))
    return float(others / (others + own + _NOTHING**2))


def frame_use_map(pred: Tensor, alone: Tensor, bicubic: Tensor) -> Map:
    """`frame_use` of each place: both energies are means over 9 px × 9 px.

    Args:
        pred: `[3, H, W]`, of all frames.
        alone: likewise, of the middle alone.
        bicubic: likewise, the middle frame, enlarged.

    Returns:
        float32 `[H, W]`, 0 … 1.
    """
    others, own = (
        torch.nn.functional.avg_pool2d(
            (a - b).square().mean(dim=0)[None, None], _WINDOW, stride=1, padding=_WINDOW // 2, count_include_pad=False
        )
        for a, b in ((pred, alone), (alone, bicubic))
    )
    found: Map = (others / (others + own + _NOTHING**2))[0, 0].numpy()
    return found


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was found for each pixel."""

    maps: Map
    error: Map | None
    pictures: tuple[Tensor, Tensor, Tensor]
    support: Support
    middle: int


def _regions(masks: Mapping[str, NDArray[np.bool_]], seen: _Seen) -> tuple[Region, ...]:
    return tuple(_region(name, mask, seen) for name, mask in masks.items())


def _region(name: str, mask: NDArray[np.bool_], seen: _Seen) -> Region:
    shares = seen.maps[:, mask].mean(axis=1)
    differences = [_mean(each[mask]) for each in seen.support.maps]
    return Region(
        name=name,
        size=float(mask.mean()),
        error=None if seen.error is None else float(seen.error[mask].mean()),
        share_middle=float(shares[seen.middle]),
        share_others=float(shares[:-1].sum() - shares[seen.middle]),
        share_none=float(shares[-1]),
        frame_use=frame_use(*seen.pictures, where=mask),
        differences=tuple(differences),
        middle=seen.middle,
    )


def _mean(values: Sequence[float] | Map) -> float | None:
    """Of a frame that sees at least half of the region; None of one that does not."""
    there = np.isfinite(values)
    return float(np.asarray(values)[there].mean()) if there.mean() >= 0.5 else None


def _median(maps: Map) -> Map:
    """Over the frames that reach a place; NaN where none does, without numpy's warning."""
    ordered = np.sort(maps, axis=0)  # NaN comes last
    n = np.isfinite(maps).sum(axis=0)
    low, high = (np.take_along_axis(ordered, np.clip(k, 0, None)[None], axis=0)[0] for k in ((n - 1) // 2, n // 2 * (n > 0)))
    high = np.where(n % 2 == 1, low, high)
    return np.where(n > 0, (low + high) / 2, math.nan).astype(np.float32)
