"""Which rows the thesis's Tables 3.1 to 3.3 have here, and which weights fill them; `section_rows` has those of 3.4 to 3.6."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from sharpening.errors import InputError, WeightsMissing
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.methods import BASELINES, Method, Runner, network_method
from sharpening.evaluation.published_rows import FINETUNE_METHODS, found_file, known_by, single_frame_after
from sharpening.restore.finetune import Finetuner
from sharpening.weights.card import WeightCard, load_card
from sharpening.weights.names import true_name
from sharpening.weights.store import find

__all__ = [
    "DEFAULT",
    "EXTRA",
    "FINETUNER",
    "FINETUNERS",
    "NETS",
    "PROTOCOL",
    "TITLES",
    "TWIN",
    "Entry",
    "Search",
    "baseline",
    "entries",
    "given_weights",
    "row_names",
]

TITLES = {
    "3.1": "Table 3.1: multi-frame networks on made sequences (protocol 'stills')",
    "3.2": "Table 3.2: multi-frame networks on real frames (protocol 'clips', in place of MLFDB, which cannot be had)",
    "3.3": "Table 3.3: single-frame finetuning after the best multi-frame network (protocol 'stills')",
    "3.4": "Table 3.4: cross-over methods in the automatic reconstruction (protocol 'sections')",
    "3.5": "Table 3.5: position and expression transfer in the automatic reconstruction (protocol 'sections')",
    "3.6": "Table 3.6: every system on blurry sections (protocol 'sections')",
}
PROTOCOL = {"3.1": "stills", "3.2": "clips", "3.3": "stills", "3.4": "sections", "3.5": "sections", "3.6": "sections"}

# Row of the thesis → names of the recipes whose weights fill it, the published size before the small one.
NETS: dict[str, tuple[str, ...]] = {
    "U-Net": ("thesis-unet", "thesis-unet-small"),
    "U-Net with SER-FIQ": ("thesis-serfiq", "thesis-serfiq-small"),
    "BiO-Net": ("thesis-bionet", "thesis-bionet-small"),
    "Feature-Merge U-Net": ("thesis-feature-net", "thesis-feature-net-small"),
}
# Those without names have no recipe here: they take files of others, see `published_rows`.
FINETUNERS: dict[str, tuple[str, ...]] = {
    "U-Net 60→144": ("finetune-144", "finetune-144-small"),
    "PULSE": (),
    "PSFR-GAN": (),
}
FINETUNER = "U-Net 60→144"
ONE_FRAME, SERFIQ_ALONE = "U-Net, one frame", "U-Net, SER-FIQ alone"
# Trained as long as Feature-Merge, which goes on from the one-frame net.
LONGER = "U-Net, one frame, twice as long"
TWIN, DEFAULT = "twin: our net, one frame", "ours: fusion_net"
# Rows of ours, in Tables 3.1 and 3.2 where their weights are found; the thesis has none of them.
EXTRA: dict[str, tuple[str, ...]] = {
    ONE_FRAME: ("thesis-unet-one-frame", "thesis-unet-one-frame-small"),
    LONGER: ("thesis-unet-one-frame-longer", "thesis-unet-one-frame-longer-small"),
    SERFIQ_ALONE: ("serfiq-only", "serfiq-only-small"),
    TWIN: ("twin_small",),
    DEFAULT: ("default",),
}
ALIASES = {"finetune": FINETUNER, "twin": TWIN, "default": DEFAULT, "one-frame": ONE_FRAME}


@dataclass(frozen=True)
class Entry:
    """A row to fill.

    Attributes:
        label: Its name in the table.
        build: Makes the method; None where weights are missing.
        cards: Of the weights that it takes, in their order.
        needs: What is missing, in words.
        made_of: What else its rows depend on: settings, the code's hash.
    """

    label: str
    build: Callable[[], Runner] | None = None
    cards: tuple[WeightCard, ...] = ()
    needs: str = ""
    made_of: Mapping[str, Any] = field(default_factory=dict)


def row_names() -> dict[str, tuple[str, ...]]:
    """The rows of each table that can have figures of the thesis."""
    multi = tuple(label + plus for label in NETS for plus in ("", "+"))
    return {"3.1": multi, "3.2": multi, "3.3": ("before", *FINETUNERS)}


def entries(
    table: str,
    methods: str | None = None,
    *,
    runs: str | Path = "runs",
    pretrained: str | Path | None = None,
    base: str = "default",
) -> list[Entry]:
    """The rows of a table, each with what fills it.

    Args:
        table: "3.1", "3.2" or "3.3".
        methods: "row=weights" or names alone, separated by commas: "U-Net=runs/mine/mine.safetensors,bilinear". A name that belongs
            to no row makes one of its own. What is not named is looked for under the names of its recipes.
        runs: Folder of the training runs: `<runs>/<name>/<name>.safetensors`.
        pretrained: Folder to search weights in first.
        base: Weights of the multi-frame network that the finetuners of Table 3.3 come after.

    Raises:
        InputError: Two weights for one row, or no such table.
    """
    if table not in ("3.1", "3.2", "3.3"):
        raise InputError(f"table {table}", "is not one that can be made here.", f"There are {', '.join(TITLES)}.")
    given = given_weights(methods)
    search = Search(given, Path(runs), pretrained)
    known = _after_base(search, base) if table == "3.3" else _multi_frame(search)
    known += [baseline(name) for name in ("bicubic", "back-projection")]
    extra = [label for label in EXTRA if label in given or table != "3.3"]  # there "before" is what the others are compared with
    found = [search.entry(label, EXTRA[label]) for label in extra]
    known += [entry for entry in found if entry.build or entry.label == DEFAULT or entry.label in given]
    taken = {*NETS, *FINETUNERS, *(entry.label for entry in known)}
    return known + [baseline(name) if name in BASELINES else search.entry(name, ()) for name in given if name not in taken]


def given_weights(methods: str | None) -> dict[str, str]:
    """Read "row=weights" or names alone, separated by commas, as rows and their weights.

    Raises:
        InputError: A piece that is neither, or two weights for one row.
    """
    by_name = {name: label for rows in (NETS, FINETUNERS, EXTRA) for label, names in rows.items() for name in names}
    by_label = {label.lower(): label for rows in (NETS, FINETUNERS, EXTRA) for label in rows}
    given: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in (methods or "").split(","))):
        label, equals, weights = (part.strip() for part in item.rpartition("="))
        if equals and not (label and weights):
            raise InputError(item, "is not 'row=weights'.", "Write for example U-Net=runs/mine/mine.safetensors.")
        # A name alone finds its row by itself: "thesis-unet-small", "runs/…/thesis-unet-small.safetensors", "default", "bilinear".
        row = label or by_name.get(Path(weights).stem if weights.endswith(".safetensors") else weights, weights)
        row = ALIASES.get(row, by_label.get(row.lower(), row))
        if row in ("before", TRUTH) or (row.removesuffix("+") in NETS and row not in NETS):
            raise InputError(
                item, f"fills the row {row!r}, which is made of others.", f"Give {FINETUNER}, or the base of Table 3.3."
            )
        if row in given:
            raise InputError(item, f"is the second one for the row {row!r}.", f"The first was {given[row]}.")
        given[row] = weights
    return given


@dataclass(frozen=True)
class Search:
    """Where the weights of a row are.

    Attributes:
        given: Rows and the weights that the user named for them.
        runs: Folder of the training runs.
        pretrained: Folder to search weights in first.
    """

    given: Mapping[str, str]
    runs: Path
    pretrained: str | Path | None

    def entry(self, label: str, names: tuple[str, ...], then: Path | None = None, title: str = "") -> Entry:
        """The row of a network, or of a network followed by the finetuner in `then`."""
        path, needs = self.weights(label, names)
        if path is None:
            return Entry(title or label, needs=needs)
        build = partial(network_method, path, one_frame=label == TWIN)
        if then is None:
            return Entry(title or label, build, (load_card(path),))
        return Entry(title or label, partial(_followed, build, then), (load_card(path), load_card(then)))

    def weights(self, label: str, names: tuple[str, ...]) -> tuple[Path | None, str]:
        """The weight file of a row, or None and what is missing."""
        for name in (self.given[label],) if label in self.given else names:
            in_runs = self.runs / name / f"{name}.safetensors"
            try:
                return (in_runs if in_runs.is_file() else find(true_name(name), self.pretrained)), ""
            except WeightsMissing:
                continue
        if label in self.given:
            return None, f"needs {self.given[label]}"
        if not names:
            return None, f'needs weights: --methods "{label}=FILE"'
        return None, f"needs {self.runs / names[0] / names[0]}.safetensors"


def _multi_frame(search: Search) -> list[Entry]:
    finetuner, needs = search.weights(FINETUNER, FINETUNERS[FINETUNER])
    found = []
    for label, names in NETS.items():
        alone = search.entry(label, names)
        title = f"{label}+"
        missing = alone.needs or needs
        found += [alone, Entry(title, needs=missing) if missing else search.entry(label, names, finetuner, title)]
    return found


def _after_base(search: Search, base: str) -> list[Entry]:
    with_base = Search({**search.given, "before": base}, search.runs, search.pretrained)
    found = [with_base.entry("before", ())]
    for label, names in FINETUNERS.items():
        if label in FINETUNE_METHODS:
            found.append(_after_others(found[0], label, search))
            continue
        finetuner, needs = search.weights(label, names)
        missing = found[0].needs or needs
        found.append(Entry(label, needs=missing) if missing else with_base.entry("before", (), finetuner, label))
    return found


def _after_others(before: Entry, label: str, search: Search) -> Entry:
    file, needs = found_file(label, search.given, search.pretrained)
    if file is None or before.build is None:
        return Entry(label, needs=before.needs or needs)
    cards, made_of = known_by(file)
    how = FINETUNE_METHODS[label]
    build = partial(single_frame_after, before.build, how, file, search.pretrained)  # type: ignore[arg-type]
    return Entry(label, build, (*before.cards, *cards), made_of={"finetune": how, **made_of})


def baseline(name: str) -> Entry:
    """The row of a method of `methods.BASELINES`."""
    return Entry(name, partial(BASELINES.__getitem__, name))


def _followed(build: Callable[[], Method], finetuner: Path) -> Method:
    first, second = build(), Finetuner.from_weights(finetuner, judge=False)

    def run(frames: Tensor) -> Tensor:
        # What the finetuner makes is measured as it is, harm included: `Restorer` would undo a change of person.
        return second.tensor(first(frames))

    return run
