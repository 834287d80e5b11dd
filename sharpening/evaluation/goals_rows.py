"""The rows that the table of goals is made of: one a protocol, method and picture.

They are kept on disk, and measured anew only where they no longer hold.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.evaluation.code_key import code_key
from sharpening.evaluation.facts import circumstances, read_rows, stored_rows
from sharpening.evaluation.frame_sets import COUNTS, MOTIONS
from sharpening.evaluation.measuring import Batch, Judges, batches, inputs_hash, mean_face
from sharpening.evaluation.methods import FSRCNN, Method, build_methods, fitted, network_method
from sharpening.evaluation.protocols import Sample, samples
from sharpening.imaging.files import sha256_of, write_text
from sharpening.metrics import metrics
from sharpening.models.face_align.detect import Face, find_faces
from sharpening.models.face_id import FaceJudge
from sharpening.weights.commit import checkout_commit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "OURS", "OURS_ONE", "TWIN", "Contender", "GoalRows", "contenders", "measure"]

OURS, OURS_ONE, TWIN = "ours", "ours, one frame", "one-frame net"
COLUMNS = ("psnr", "ssim", "identity_cosine", "identity_centred")
# To be raised when rows change in what no key tells: 2 counts people, where 1 counted stills.
ROWS_VERSION = 2
_JUDGING = ("metrics.error", "metrics.ssim", "metrics.identity", "models.face_id.judge")

_ALL = ("stills", "h264", "damaged-middle", "noise-others", "person-others", "occluder-others", "clips")
# The middle is that of "stills" under all of these, and so is what a method makes of it alone: only those that look further are run.
_OTHERS_ONLY = (*(f"n-{n}" for n in COUNTS), *(f"motion-{percent}" for percent in MOTIONS))
PROTOCOLS = (*_ALL, *_OTHERS_ONLY)


@dataclass(frozen=True)
class Contender:
    """A method of the comparison.

    Attributes:
        label: Its name in the rows.
        run: Takes frames, returns pictures.
        made_of: What its pictures depend on: hashes of files, key of its code, what a card says of its frames.
        alone: It looks at the middle frame alone.
    """

    label: str
    run: Method
    made_of: tuple[Any, ...]
    alone: bool = False


def contenders(
    weights: str | Path = "default",
    *,
    twin: str | Path | None = None,
    more: Mapping[str, str | Path] | None = None,
    peers: str | Path | None = None,
    pretrained: str | Path | None = None,
) -> list[Contender]:
    """The methods that the goals are about.

    Args:
        weights: Name or path of ours.
        twin: Those of the same net trained as long on one frame.
        more: Further weights by label, such as "fidelity".
        peers: Folder with `FSRCNN_x4.pb`.
        pretrained: Folder to search weights in first.
    """
    code, runs = code_key(("sharpening.evaluation.baselines",)), build_methods(["bicubic", "back-projection"])
    found = [Contender(label, run, (code,), alone=label == "bicubic") for label, run in runs.items()]
    if peers is not None:
        run = build_methods(["fsrcnn"], peers=peers)["fsrcnn"]
        found.append(Contender("fsrcnn", run, (code, sha256_of(Path(peers) / FSRCNN)), alone=True))
    if twin is not None:
        found.append(_network(TWIN, twin, pretrained, one_frame=True))
    found += [_network(OURS_ONE, weights, pretrained, one_frame=True), _network(OURS, weights, pretrained)]
    return found + [_network(label, file, pretrained) for label, file in (more or {}).items()]


def _network(label: str, weights: str | Path, pretrained: str | Path | None, *, one_frame: bool = False) -> Contender:
    method = network_method(weights, pretrained, one_frame=one_frame)
    card = method.trained.card
    code = code_key((type(method.trained.network).__module__, "sharpening.restore.network", "sharpening.imaging.resize"))
    return Contender(label, method, (card.sha256, code, card.size_in, card.n_frames, card.normalisation), one_frame)


class GoalRows:
    """The rows on disk, whole after each protocol and method.

    Args:
        file: The CSV; None for no file.
        anew: Do not look at what it holds.
    """

    def __init__(self, file: Path | None, *, anew: bool = False) -> None:
        self.file = file
        self.parts: dict[tuple[str, str], pd.DataFrame] = {}
        if file is not None and file.is_file() and not anew:
            rows = stored_rows(file, "protocol")
            self.parts = {(str(p), str(m)): part for (p, m), part in rows.groupby(["protocol", "method"], sort=False)}

    def check(self, protocol: str, n: int) -> None:
        """Refuse to mix rows of n samples with those of another number.

        Raises:
            InputError: The file holds such rows.
        """
        lengths = {len(part) for (name, _), part in self.parts.items() if name == protocol} - {n}
        if lengths:
            problem = f"holds rows of {protocol} for {', '.join(map(str, sorted(lengths)))} samples, not {n}."
            raise InputError(str(self.file), problem, "Choose another folder (--out), or lose them (--anew).")

    def holds(self, protocol: str, method: str, key: str) -> bool:
        """Whether the rows of a method are there, as made by what `key` stands for."""
        part = self.parts.get((protocol, method))
        return part is not None and set(part["key"]) == {key}

    def add(self, protocol: str, method: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the rows of a method and their commit, in place of older ones. What a reader of the file gets is what counts."""
        import pandas as pd

        made = pd.DataFrame(rows).assign(commit=checkout_commit())
        self.parts[protocol, method] = read_rows(io.StringIO(made.to_csv(index=False, float_format="%.6g")))
        if self.file is not None:
            write_text(self.file, pd.concat(self.parts.values()).to_csv(index=False))

    def table(self, wanted: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """The rows of some protocols and methods."""
        import pandas as pd

        return pd.concat([self.parts[each] for each in wanted if each in self.parts], ignore_index=True)


def measure(
    methods: Sequence[Contender],
    data: str | Path,
    store: GoalRows,
    *,
    limit: int | None = None,
    seed: int = 0,
    split: str = "valid",
    progress: Callable[[int, int], None] | None = None,
    said: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the methods over all protocols of the goals, as far as the stored rows do not hold.

    Args:
        methods: From `contenders`.
        data: Folder in the form of `../shared/data`.
        store: Where rows are taken from and kept.
        limit: Only the first so many samples of each protocol and group.
        seed: Of the protocols.
        split: As in splits.csv.
        progress: Called with the number of pictures done and to do, of one protocol.
        said: Called with a line on each protocol that is done.

    Returns:
        The rows of these methods, and the facts on each protocol.
    """
    bench, facts, wanted = _Bench(data, limit, seed, split), dict[str, Any](), list[tuple[str, str]]()
    for protocol in PROTOCOLS:
        chosen = [method for method in methods if protocol in _ALL or not method.alone]
        facts[protocol] = bench.fill(protocol, chosen, store, progress)
        wanted += [(protocol, method.label) for method in chosen]
        if said:
            n, measured, seconds = (facts[protocol][name] for name in ("samples", "measured", "seconds"))
            said(
                f"{protocol}: {n} sequences, {len(measured)} of {len(chosen)} methods measured in {seconds} s, the others as stored"
            )
    return store.table(wanted), facts


class _Bench:
    """The tests of all protocols, and who judges them."""

    def __init__(self, data: str | Path, limit: int | None, seed: int, split: str) -> None:
        self.data, self.limit, self.which = data, limit, {"seed": seed, "split": split}
        self.judges = Judges()
        # Most protocols have the same labels.
        self.judges.face = FaceJudge(find=_remembered(find_faces))
        self._first = self.tests("stills")  # their labels give the mean face

    @cached_property
    def mean_face(self) -> Tensor:
        """Mean descriptor `[d]` of the labels of "stills": what all faces share. Those of the clips are too few people for a mean."""
        return mean_face(self._first)

    @cached_property
    def about(self) -> list[Any]:
        """What the rows of all methods depend on."""
        judge, dlib = self.judges.face.network, circumstances("dlib-bin")["versions"]["dlib-bin"]
        code = code_key(tuple(f"sharpening.{name}" for name in _JUDGING))
        return [ROWS_VERSION, COLUMNS, str(getattr(judge, "name", type(judge).__name__)), dlib, code, inputs_hash(self._first)]

    def fill(
        self, protocol: str, chosen: Sequence[Contender], store: GoalRows, progress: Callable[[int, int], None] | None
    ) -> dict[str, Any]:
        """Measure what the store does not hold of a protocol; facts on it."""
        began, tests = time.monotonic(), self.tests(protocol)
        n, made_of = sum(len(batch.samples) for batch in tests), inputs_hash(tests)
        store.check(protocol, n)
        keys = {method.label: _key(method, self.about, made_of) for method in chosen}
        todo = [method for method in chosen if not store.holds(protocol, method.label, keys[method.label])]
        for i, method in enumerate(todo):
            rows = list[dict[str, Any]]()
            for batch in tests:
                rows += _rows(protocol, method, keys[method.label], batch, self.mean_face)
                if progress:
                    progress(i * n + len(rows), len(todo) * n)
            store.add(protocol, method.label, rows)
        measured, seconds = [method.label for method in todo], round(time.monotonic() - began)
        return {"samples": n, "inputs_sha256": made_of, "measured": measured, "seconds": seconds}

    def tests(self, protocol: str) -> list[Batch]:
        """The samples of a protocol."""
        if protocol == "stills" and "_first" in self.__dict__:
            return self._first
        found = batches(self._samples(protocol), self.judges)
        if not found:
            raise InputError(self.data, f"the protocol '{protocol}' found nothing to test.", "Check splits.csv.")
        return found

    def _samples(self, protocol: str) -> Iterator[Sample]:
        """The first ones of each group."""
        seen = Counter[str]()
        for sample in samples(protocol, self.data, limit=None if protocol == "clips" else self.limit, **self.which):  # type: ignore[arg-type]
            seen[sample.group] += 1
            if self.limit is None or seen[sample.group] <= self.limit:
                yield sample


def _rows(protocol: str, method: Contender, key: str, batch: Batch, mean: Tensor) -> Iterator[dict[str, Any]]:
    with torch.no_grad():
        scores = _scores(fitted(method.run(batch.frames), batch.label), batch, mean)
    for i, sample in enumerate(batch.samples):
        names = {"name": sample.name, "group": sample.group, "cluster": sample.cluster}
        yield {"protocol": protocol, "method": method.label, "key": key, **names, **{c: float(scores[c][i]) for c in COLUMNS}}


def _scores(pred: Tensor, batch: Batch, mean: Tensor) -> dict[str, Tensor]:
    found = {name: metrics.get(name)(pred, batch.label) for name in ("psnr", "ssim")}
    described, cosine = batch.judges.face.descriptors(pred, batch.landmarks), metrics.get("identity_cosine")
    found["identity_cosine"] = cosine(described, batch.described)
    found["identity_centred"] = cosine(described - mean, batch.described - mean)
    return found


def _remembered(find: Callable[[NDArray[np.uint8]], list[Face]]) -> Callable[[NDArray[np.uint8]], list[Face]]:
    known: dict[bytes, list[Face]] = {}

    def look(picture: NDArray[np.uint8]) -> list[Face]:
        name = hashlib.sha256(np.ascontiguousarray(picture).tobytes()).digest()
        if name not in known:
            known[name] = find(picture)
        return known[name]

    return look


def _key(method: Contender, about: Sequence[Any], made_of: str) -> str:
    return hashlib.sha256(json.dumps([method.label, method.made_of, about, made_of]).encode()).hexdigest()[:12]
