"""Filling a table of the thesis: stored rows are taken where they still hold, the others are made, and each method is stored at once."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpening.errors import InputError
from sharpening.evaluation.facts import circumstances, read_rows, stored_rows
from sharpening.evaluation.kept import INPUT, Kept
from sharpening.evaluation.measuring import TRUTH, Batch, Judges, batches, centre, inputs_hash, rows_of
from sharpening.evaluation.methods import Runner, weight_facts
from sharpening.evaluation.protocols import PROTOCOLS, samples
from sharpening.evaluation.thesis_rows import PROTOCOL, TITLES, Entry
from sharpening.imaging.files import write_text
from sharpening.weights.commit import checkout_commit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Filled", "fill"]

# To be raised when a metric changes: rows of other figures are then made anew.
ROWS_VERSION = 1
_JUDGING = ("scikit-image", "dlib-bin")


@dataclass(frozen=True)
class Filled:
    """A table's rows and circumstances.

    Attributes:
        table: Its number, "3.1".
        entries: The rows of the table, those that lack weights too.
        rows: A row a picture and method, and those of the truth.
        facts: For the JSON file.
    """

    table: str
    entries: Sequence[Entry]
    rows: pd.DataFrame
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _Job:
    """A method to measure; `key` says what its rows are made of."""

    label: str
    build: Callable[[], Runner] | None
    key: str


class _Store:
    """The rows on disk: one CSV that is whole after each method.

    Args:
        file: The CSV; None for no file.
        anew: Do not look at what it holds.
    """

    def __init__(self, file: Path | None, anew: bool) -> None:
        self.file = file
        self.rows: dict[str, pd.DataFrame] = {}
        if file is not None and file.is_file() and not anew:
            self.rows = {str(key): part for key, part in stored_rows(file).groupby("key", sort=False)}

    def holds(self, key: str, n: int) -> bool:
        """Whether all n rows of a method are there."""
        return len(self.rows.get(key, ())) == n

    def others(self, labels: Collection[str], n: int) -> list[str]:
        """Keys of the stored methods that this call does not measure; their rows stay.

        Raises:
            InputError: if they are of another number of samples: one table cannot hold both.
        """
        found = [key for key, part in self.rows.items() if part["method"].iloc[0] not in labels]
        if any(len(self.rows[key]) != n for key in found):
            lengths = ", ".join(sorted({str(len(self.rows[key])) for key in found}))
            advice = "Choose another folder (--out), or lose them (--anew)."
            raise InputError(str(self.file), f"holds rows of methods for {lengths} samples, not {n}.", advice)
        return found

    def add(self, key: str, rows: list[dict[str, Any]], keep: Sequence[str]) -> None:
        """Store a method's rows, with those that are there of the keys in `keep`. What a reader of the file gets is what counts."""
        import pandas as pd

        self.rows[key] = read_rows(io.StringIO(pd.DataFrame(rows).to_csv(index=False, float_format="%.7g")))
        if self.file is not None:
            kept = pd.concat([self.rows[name] for name in keep if name in self.rows])
            write_text(self.file, kept.to_csv(index=False))


def fill(
    table: str,
    data: str | Path,
    entries: Sequence[Entry],
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    pretrained: str | Path | None = None,
    anew: bool = False,
    keep: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Filled:
    """Measure the methods of a table, picture by picture.

    Args:
        table: Its number, "3.1" to "3.6".
        data: Folder in the form of `../shared/data`.
        entries: From `thesis_rows.entries` or `section_rows.section_entries`.
        out: Folder of `table-<number>.csv`, where the rows are kept: a method whose weights, inputs and judges are those of stored rows
            is not run again, and the rows of methods that are not asked for now stay. None keeps nothing.
        limit: Only the first so many samples.
        split: As in splits.csv.
        seed: Of the protocol.
        pretrained: Folder to search the judges' weights in first.
        anew: Forget the stored rows.
        keep: Folder for the pictures of all methods; one whose pictures are not there is run again.
        progress: Called with the number of pictures done and to do.

    Raises:
        InputError: if there is nothing to test on, or `out` holds rows of other methods for another number of samples.
    """
    import pandas as pd

    began, judges = time.monotonic(), Judges(pretrained)
    tests = _tests(PROTOCOL[table], judges, data, limit=limit, seed=seed, split=split)
    columns = judges.columns(areas=PROTOCOL[table] == "sections")
    names = [sample.name for batch in tests for sample in batch.samples]
    n, made_of = len(names), _made_of(tests, judges, columns)
    jobs = _jobs(entries, made_of)
    store, keys, seconds = _Store(None if out is None else Path(out) / f"table-{table}.csv", anew), [job.key for job in jobs], {}
    kept = None if keep is None else _with_inputs(Kept(keep, anew=anew), tests, str(made_of["inputs"]))
    others = store.others([job.label for job in jobs], n)
    todo = [job for job in jobs if not (store.holds(job.key, n) and (kept is None or kept.holds(job.label, job.key, names)))]
    for i, job in enumerate(todo):
        start = time.monotonic()
        tick = None if progress is None else partial(_tick, progress, i * n, len(todo) * n)
        store.add(job.key, _measured(job, tests, columns, tick, kept), keys + others)
        seconds[job.label] = round(time.monotonic() - start, 1)
    facts = {
        **{"table": table, "split": split, "seed": seed, "samples": n, "inputs_sha256": made_of["inputs"]},
        **_facts(table, entries, judges),
        "reused": [job.label for job in jobs if job not in todo],
        "seconds_by_method": seconds,
        "seconds": round(time.monotonic() - began),
    }
    return Filled(table, entries, pd.concat([store.rows[key] for key in keys], ignore_index=True), facts)


def _tests(protocol: str, judges: Judges, data: str | Path, **which: Any) -> list[Batch]:
    tests = batches(samples(protocol, data, **which), judges)
    if not tests:
        raise InputError(data, f"the protocol '{protocol}' found nothing to test.", "Check splits.csv.")
    if protocol == "sections":
        centre(tests)
    return tests


def _made_of(tests: Sequence[Batch], judges: Judges, columns: Sequence[str]) -> dict[str, Any]:
    """What the rows of all methods depend on."""
    facts = {"inputs": inputs_hash(tests), "columns": columns, "judges": judges.facts(), "version": ROWS_VERSION}
    # CPBD and the faces found depend on the packages' versions, which the facts beside the rows state.
    return facts | {"packages": circumstances(*_JUDGING)["versions"]}


def _with_inputs(kept: Kept, tests: Sequence[Batch], key: str) -> Kept:
    found = [sample for batch in tests for sample in batch.samples]
    if not kept.holds(INPUT, key, [sample.name for sample in found]):
        kept.add_inputs(found, key)
    return kept


def _facts(table: str, entries: Sequence[Entry], judges: Judges) -> dict[str, Any]:
    """What was measured, of what, by whom."""
    return {
        "title": TITLES[table],
        "protocol": PROTOCOL[table],
        "what": PROTOCOLS[PROTOCOL[table]],
        "judges": judges.facts(),
        "weights": {entry.label: [weight_facts(card) for card in entry.cards] for entry in entries if entry.cards},
        "missing": {entry.label: entry.needs for entry in entries if entry.needs},
        "commit": checkout_commit(),
        **circumstances(*_JUDGING),
    }


def _jobs(entries: Sequence[Entry], made_of: Mapping[str, Any]) -> list[_Job]:
    """The truth, and every entry that has its weights."""
    jobs = [_Job(TRUTH, None, _key(TRUTH, [], made_of))]
    for entry in entries:
        if entry.build is not None:
            jobs.append(_Job(entry.label, entry.build, _key(entry.label, [c.sha256 for c in entry.cards], made_of, entry.made_of)))
    return jobs


def _key(label: str, hashes: Sequence[str], made_of: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> str:
    facts = [label, hashes, made_of, *([dict(own)] if own else [])]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _measured(
    job: _Job,
    tests: Sequence[Batch],
    columns: Sequence[str],
    tick: Callable[[int], None] | None = None,
    kept: Kept | None = None,
) -> list[dict[str, Any]]:
    run, rows = None if job.build is None else job.build(), list[dict[str, Any]]()
    keep = None if kept is None else partial(kept.add, job.label)
    for batch in tests:
        rows += [{"method": job.label, "key": job.key, **row} for row in rows_of(run, batch, columns, keep)]
        if tick:
            tick(len(rows))
    if kept is not None:
        kept.done(job.label, job.key, [row["name"] for row in rows])
    return rows


def _tick(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)
