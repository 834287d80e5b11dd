"""What a network's estimate of its own error is worth: measured on people it never saw, and written into its card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.errors import InputError, RangeError, WeightsMismatch
from sharpening.evaluation.calibration_fit import Pixels, Reliability, coverage, fit, halves, joined, reliability
from sharpening.evaluation.facts import circumstances
from sharpening.evaluation.measuring import BATCH
from sharpening.evaluation.methods import fitted
from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import Sample
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import write_text
from sharpening.restore.error_table import ErrorTable
from sharpening.restore.network import TrainedNetwork, load_network
from sharpening.weights.card import card_path, load_card
from sharpening.weights.commit import checkout_commit

__all__ = ["LEVELS", "PROTOCOLS", "Calibration", "Good", "calibrate", "calibrated", "collect", "write_error_table"]

PROTOCOLS = ("stills", "h264", "damaged-middle", "clips")
LEVELS = (2.5, 5.0, 10.0, 20.0)
"""Grey levels that pixels are called good to."""

ALL = "all"
_STEP = 4  # of the pixels every fourth in x and y counts: neighbours say the same
_NEAR = 0.1  # a bound within 10 % of a level is that level's

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Good:
    """The pixels that are called good to a level.

    Attributes:
        level: [grey levels].
        n_near: share of all pixels whose bound is within 10 % of the level.
        near: share of these whose error is at most the level, with its 95 % interval; 0.68 is wanted.
        n_under: share of all pixels whose bound is at most the level.
        under: share of these whose error is at most the level; at least 0.68 is wanted.
        own: share of these whose error is at most their own bound; 0.68 is wanted.
    """

    level: float
    n_near: float
    near: tuple[float, float, float]
    n_under: float
    under: tuple[float, float, float]
    own: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was found.

    Attributes:
        table: fitted on all pixels, for the card.
        curves: reliability of each set and of "all", by maps that were fitted on the other half of the people.
        raw: the same of "all" without any map: the network's word taken for the scale of a Laplace distribution.
        covered: of each set and of "all" the share of pixels under their own bound, with its 95 % interval.
        good: pixels of "all" called good to each of `LEVELS`.
        facts: on weights, data and run.
    """

    table: ErrorTable
    curves: Mapping[str, Sequence[Reliability]]
    raw: Sequence[Reliability]
    covered: Mapping[str, tuple[float, float, float]]
    good: Sequence[Good]
    facts: Mapping[str, Any]

    def expected_error(self, name: str = ALL) -> float:
        """Expected calibration error: mean over the bins of how far the coverage lies from 0.68."""
        return _expected_error(self.curves[name])

    @property
    def expected_error_raw(self) -> float:
        """The same before calibration."""
        return _expected_error(self.raw)


def calibrate(
    data: str | Path,
    weights: str | Path = "default",
    *,
    pretrained: str | Path | None = None,
    protocols: Sequence[str] = PROTOCOLS,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    progress: Progress | None = None,
) -> Calibration:
    """Measure and fit.

    Args:
        data: folder in the form of `../shared/data`.
        weights: name or path.
        pretrained: folder to search weights in first.
        protocols: sets of sequences.
        limit: only the first so many sequences of each protocol.
        split: as in splits.csv; the network must not have learned from it.
        seed: of the protocols, and of what is drawn here.
        progress: is told how many sequences are done.

    Raises:
        WeightsMismatch: the network has no estimate of its error.
        RangeError: too few sequences, or all of one person.
    """
    trained = load_network(weights, pretrained=pretrained)
    found, names = collect(trained, _each(protocols, data, limit, seed, split), progress)
    facts = {
        "weights": trained.card.name,
        "sha256": trained.card.sha256,
        "protocols": list(protocols),
        "limit": limit,
        "split": split,
        "seed": seed,
        "commit": checkout_commit(),
        **circumstances(),
    }
    return calibrated(found, names, np.random.default_rng([seed, 5]), facts)


def _each(protocols: Sequence[str], data: str | Path, limit: int | None, seed: int, split: str) -> Iterator[Sample]:
    for protocol in protocols:
        yield from samples(protocol, data, limit=limit, seed=seed, split=split)


@torch.inference_mode()
def collect(trained: TrainedNetwork, tests: Iterable[Sample], progress: Progress | None = None) -> tuple[Pixels, tuple[str, ...]]:
    """Run the network, and keep of each picture every fourth pixel in both directions; about 8 kB a sequence.

    Args:
        trained: network and card.
        tests: sequences of equally many frames, one after the other.
        progress: is told how many are done.

    Returns:
        The pixels, and the names of the sets that they are numbered by.

    Raises:
        WeightsMismatch: the network has no estimate of its error.
        InputError: there are no sequences.
    """
    parts, groups, people, stream, done = list[Pixels](), dict[str, int](), dict[str, int](), iter(tests), 0
    while some := list(islice(stream, BATCH)):
        output = trained(torch.stack([to_tensor(sample.frames) for sample in some]))
        if output.spread is None:
            advice = "Train it with the extra 'spread', or choose other weights."
            raise WeightsMismatch(str(trained.path or trained.card.name), "does not estimate its own error.", advice)
        label = torch.stack([to_tensor(sample.label) for sample in some])
        error = (fitted(output.pictures, label) - label).abs().mean(dim=1) * 255
        spread = fitted(output.spread, label)[:, 0]
        for i, sample in enumerate(some):
            # Another corner for each sequence, so that all places of a JPEG block are seen.
            y, x = divmod((done + i) % _STEP**2, _STEP)
            chosen = [each[i, y::_STEP, x::_STEP].flatten().numpy().astype(np.float32) for each in (spread, error)]
            group, person = groups.setdefault(_set_of(sample), len(groups)), people.setdefault(sample.cluster, len(people))
            numbers = [np.full(len(chosen[0]), number, np.int32) for number in (group, person)]
            parts.append(Pixels(chosen[0], chosen[1], numbers[0], numbers[1]))
        done += len(some)
        if progress is not None:
            progress(done)
    if not parts:
        raise InputError("sequences", "none came.", "Choose protocols and a limit of at least 1.")
    return joined(parts), tuple(groups)


def _set_of(sample: Sample) -> str:
    # Sparse and dense windows are of the same few people: two sets would weigh twice.
    return "clips" if sample.group in ("sparse", "dense") else sample.group


def calibrated(pixels: Pixels, names: Sequence[str], rng: np.random.Generator, facts: Mapping[str, Any]) -> Calibration:
    """Fit on one half of the people and test on the other, both ways; then fit on all.

    Args:
        pixels: of at least two people.
        names: of the sets.
        rng: halves the people.
        facts: to be kept beside the findings; the numbers of pixels and people are added.

    Raises:
        RangeError: too few pixels, or one person alone.
    """
    bound = _cross_fitted(pixels, rng)
    parts = {name: pixels.group == i for i, name in enumerate(names)}
    curves = {ALL: reliability(pixels, bound)}
    covered = {ALL: coverage(pixels, np.ones(len(bound), np.bool_), bound)}
    for name, chosen in parts.items():
        curves[name] = reliability(pixels.where(chosen), bound[chosen])
        covered[name] = coverage(pixels, chosen, bound)
    people = {name: len(np.unique(pixels.person[chosen])) for name, chosen in parts.items()}
    counts = {"n_pixels": len(bound), "n_people": len(np.unique(pixels.person)), "sets": people}
    # A Laplace distribution of scale b has 68 % of its values within b · ln(1 / 0.32).
    raw = reliability(pixels, pixels.spread * np.float32(255 * np.log(1 / 0.32)))
    good = [_good(pixels, bound, level) for level in LEVELS]
    table = replace(fit(pixels), held={name: covered[name][0] for name in names})
    return Calibration(table, curves, raw, covered, good, {**facts, **counts})


def _cross_fitted(pixels: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    first = halves(pixels.person, pixels.group, rng)
    if first.all():
        raise RangeError("people", 1, "at least 2", "Take more sequences: one half is tested by the map of the other.")
    bound = np.empty(len(first), np.float32)
    for half in (first, ~first):
        bound[half] = fit(pixels.where(~half)).bound(pixels.spread[half])
    return bound


def _good(pixels: Pixels, bound: NDArray[np.float32], level: float) -> Good:
    near, under = np.abs(bound / level - 1) <= _NEAR, bound <= level
    weight = pixels.weight
    return Good(
        level=level,
        n_near=float(weight[near].sum()),
        near=coverage(pixels, near, level),
        n_under=float(weight[under].sum()),
        under=coverage(pixels, under, level),
        own=coverage(pixels, under, bound),
    )


def _expected_error(curve: Sequence[Reliability]) -> float:
    weight = sum(each.weight for each in curve)
    return sum(each.weight * abs(each.coverage - 0.68) for each in curve) / weight


def write_error_table(weights: str | Path, table: ErrorTable, *, sha256: str | None = None) -> Path:
    """Put a table into the card of some weights, in the place of an older one; the card is replaced whole or not at all.

    Args:
        weights: the weight file, or its card.
        table: what was fitted for exactly these weights.
        sha256: of the weights that it was fitted for, if they may have been replaced since.

    Returns:
        The card's path.

    Raises:
        InputError: other weights lie there now.
    """
    card = load_card(weights)
    if sha256 is not None and card.sha256 != sha256:
        problem = f"has the sha256 {card.sha256[:12]}… now; the table is that of {sha256[:12]}…"
        raise InputError(weights, problem, "The weights were replaced meanwhile: calibrate again.")
    return write_text(card_path(weights), replace(card, metrics={**card.metrics, **table.metrics()}).to_json())
