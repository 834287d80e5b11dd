"""Which rows the thesis's Tables 3.4 to 3.6 have here: kinds of reconstruction, and every system beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sharpening.errors import InputError
from sharpening.evaluation.code_key import reconstruction_key
from sharpening.evaluation.methods import BASELINES, Runner
from sharpening.evaluation.published_rows import FROM_FILES, found_file, known_by
from sharpening.evaluation.reconstructing import Reconstructing
from sharpening.evaluation.thesis_rows import (
    DEFAULT,
    EXTRA,
    FINETUNER,
    FINETUNERS,
    NETS,
    TITLES,
    TWIN,
    Entry,
    Search,
    baseline,
    given_weights,
)
from sharpening.models.face_id import FaceJudge
from sharpening.reconstruct import Settings
from sharpening.reconstruct.crossover.method import crossovers
from sharpening.reconstruct.finetune.method import finetuners
from sharpening.reconstruct.transfer.method import transfers
from sharpening.weights.card import WeightCard, load_card

__all__ = ["BICUBIC_START", "CROSSOVERS", "TABLES", "TRANSFERS", "section_entries", "section_row_names"]

TABLES = ("3.4", "3.5", "3.6")
BICUBIC_START = ", from bicubic"

# Row → name of the method.
CROSSOVERS: dict[str, str] = {
    "sharp": "sharp",
    "soft": "soft",
    "colour-matched": "colour",
    "gradient domain": "gradient",
    "U-Net": "unet",
    "StyleGAN editor": "stylegan",
}
TRANSFERS: dict[str, str] = {
    "Align & Blend": "align-blend",
    "DLIB": "dlib",
    "dense (ours)": "dense",
    "Few-Shot": "few-shot",
    "InterFaceGAN": "interface-gan",
}
# Weights of the cross-over U-Net. The one that learned from true pictures before those of the thesis's own critic.
CROSSOVER_NETS = tuple(f"inpaint-{how}{size}" for how in ("truth", "blur", "patches") for size in ("", "-small"))
RECONSTRUCTION, BY_HAND, FINETUNED, SHARPENED = (
    "reconstruction",
    "reconstruction by hand",
    "reconstruction+",
    "reconstruction+ (unsharp mask)",
)


def section_row_names() -> dict[str, tuple[str, ...]]:
    """The rows of each table that can have figures of the thesis."""
    systems = ("bilinear", "bicubic", "back-projection", *NETS, "PULSE", "PSFR-GAN", RECONSTRUCTION, BY_HAND, FINETUNED)
    return {"3.4": tuple(CROSSOVERS), "3.5": tuple(TRANSFERS), "3.6": systems}


def section_entries(
    table: str,
    methods: str | None = None,
    *,
    runs: str | Path = "runs",
    pretrained: str | Path | None = None,
    base: str = "default",
) -> list[Entry]:
    """The rows of a table, each with what fills it.

    Args:
        table: "3.4", "3.5" or "3.6".
        methods: "row=weights" or names, separated by commas; see `thesis_rows.entries`. In Table 3.4 "U-Net" is the cross-over network.
        runs: Folder of the training runs: `<runs>/<name>/<name>.safetensors`.
        pretrained: Folder to search weights in first.
        base: Weights of the multi-frame network that cleans the frames.

    Raises:
        InputError: No such table, two weights for one row, or weights for a row that there is not.
    """
    if table not in TABLES:
        raise InputError(f"table {table}", "is not made of sections.", f"There are {', '.join(TITLES)}.")
    given = given_weights(methods)
    plan = _Plan(Search({**given, "before": base}, Path(runs), pretrained), base)
    known = plan.systems(given) if table == "3.6" else plan.kinds(CROSSOVERS if table == "3.4" else TRANSFERS)
    labels = {entry.label for entry in known} | ({*EXTRA, *FINETUNERS} if table == "3.6" else set())
    own = [name for name in given if name not in labels]
    if own and table != "3.6":
        raise InputError(own[0], f"is no row of Table {table} that takes weights.", f"Its rows: {', '.join(sorted(labels))}.")
    return known + [baseline(name) if name in BASELINES else plan.search.entry(name, ()) for name in own]


@dataclass(frozen=True)
class _Plan:
    """Makes rows.

    Attributes:
        search: Finds weights.
        base: Weights that clean the frames.
    """

    search: Search
    base: str

    def kinds(self, rows: Mapping[str, str]) -> list[Entry]:
        """A row of every cross-over or every transfer, from both starts, after the starts alone."""
        found = [baseline("bicubic"), self.search.entry("before", (), title=DEFAULT)]
        for plus, start in (("", self.base), (BICUBIC_START, "bicubic")):
            for label, name in rows.items():
                if label in FROM_FILES:
                    found.append(self._with_file(label, plus, start, "transfer" if rows is TRANSFERS else "crossover", name))
                elif rows is TRANSFERS:
                    found.append(self.reconstruction(label + plus, start, transfer=name))
                else:
                    found.append(self._crossed(label, plus, start, name))
        return found

    def _with_file(self, label: str, plus: str, start: str, kind: str, name: str) -> Entry:
        file, needs = found_file(label, self.search.given, self.search.pretrained)
        if file is None:
            return Entry(label + plus, needs=needs)
        # Two files that lie apart are found by their names.
        weights: dict[str, Any] = {} if name == "few-shot" and label not in self.search.given else {f"{kind}_weights": str(file)}
        settings: dict[str, Any] = {kind: name, **weights}
        return self.reconstruction(label + plus, start, file, **settings)

    def _crossed(self, label: str, plus: str, start: str, name: str) -> Entry:
        if name != "unet":
            return self.reconstruction(label + plus, start, crossover=name)
        path, needs = self.search.weights(label, CROSSOVER_NETS)
        if path is None:
            return Entry(label + plus, needs=needs)
        return self.reconstruction(label + plus, start, path, crossover=name, crossover_weights=str(path))

    def systems(self, given: Mapping[str, str]) -> list[Entry]:
        """Every system."""
        found = [baseline(name) for name in ("bilinear", "bicubic", "back-projection")]
        found += [self.search.entry(label, names) for label, names in NETS.items()]
        extra = [self.search.entry(label, EXTRA[label]) for label in EXTRA if label in given or label in (TWIN, DEFAULT)]
        found += [entry for entry in extra if entry.build or entry.label in (TWIN, DEFAULT)]
        for plus, start in (("", self.base), (BICUBIC_START, "bicubic")):
            # As in use, with a judge; what a careful person chose stays, and nothing is chosen for her.
            found.append(self.reconstruction(RECONSTRUCTION + plus, start, judged=True))
            found.append(self.reconstruction(BY_HAND + plus, start, by_hand=True))
        finetuner, needs = self.search.weights(FINETUNER, FINETUNERS[FINETUNER])
        if finetuner is None:
            found.append(Entry(FINETUNED, needs=needs))
        else:
            settings: dict[str, Any] = {"finetune": "unet", "finetune_weights": str(finetuner)}
            found.append(self.reconstruction(FINETUNED, self.base, finetuner, judged=True, **settings))
        return [*found, self.reconstruction(SHARPENED, self.base, judged=True, finetune="unsharp-mask")]

    def reconstruction(
        self,
        label: str,
        start: str,
        weights: Path | None = None,
        *,
        by_hand: bool = False,
        judged: bool = False,
        **settings: Any,
    ) -> Entry:
        """The row of a reconstruction; `weights` are those of a step, `settings` what is not left at its default."""
        if missing := _unknown(settings):
            return Entry(label, needs=f"needs {missing}")
        cards: tuple[WeightCard, ...] = ()
        if start != "bicubic":
            path, needs = self.search.weights("before", ())
            if path is None:
                return Entry(label, needs=needs)
            cards, start = (load_card(path),), str(path)
        by_hash: dict[str, Any] = {}
        if weights is not None:
            more, by_hash = known_by(weights)
            cards += more
        chosen = {"clean": start, **settings}
        # Files are known by their hashes, wherever they lie.
        told = {
            key: value for key, value in chosen.items() if not (key.endswith("_weights") or str(value).endswith(".safetensors"))
        }
        made_of = {
            "reconstruction": told,
            "by_hand": by_hand,
            "judged": judged,
            "code": reconstruction_key(Settings(**chosen)),
            **by_hash,
        }
        return Entry(label, partial(_built, chosen, by_hand, judged, self.search.pretrained), cards, made_of=made_of)


def _unknown(settings: Mapping[str, Any]) -> str:
    """The method that is in no table yet, in words."""
    tables = {"crossover": crossovers, "transfer": transfers, "finetune": finetuners}
    missing = [
        f"the {kind} '{settings[kind]}'" for kind, table in tables.items() if kind in settings and settings[kind] not in table
    ]
    return " and ".join(missing)


def _built(settings: Mapping[str, Any], by_hand: bool, judged: bool, pretrained: str | Path | None) -> Runner:
    judge = FaceJudge() if judged else None
    return Reconstructing(Settings(**settings), by_hand=by_hand, judge=judge, pretrained=pretrained)
