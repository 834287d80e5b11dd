"""Which rows Tables 3.4 to 3.6 have, and what fills them."""

import pytest

from sharpening.errors import InputError
from sharpening.evaluation import section_rows
from sharpening.evaluation.published_rows import FROM_FILES
from sharpening.evaluation.reconstructing import Reconstructing
from sharpening.evaluation.section_rows import BICUBIC_START, CROSSOVERS, TRANSFERS, section_entries, section_row_names
from sharpening.evaluation.thesis_rows import DEFAULT, NETS, TWIN
from sharpening.weights.names import NAMES
from tests.restore_helpers import write_weights

TINY = {"encoder": "resnet18", "width": 8}
SINGLE = {"settings": {"n_frames": 1, "enlarge": 2.4, **TINY}, "n_frames": 1, "size_in": 60, "size_out": 144}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    write_weights(root / "pretrained")
    write_weights(root / "runs" / "finetune-144-small", "finetune-144-small", "unet", **SINGLE)
    return {"pretrained": root / "pretrained", "runs": root / "runs"}


def by_label(found):
    return {entry.label: entry for entry in found}


@pytest.mark.parametrize(("table", "rows"), [("3.4", CROSSOVERS), ("3.5", TRANSFERS)])
def test_every_kind_has_a_row_from_both_starts(places, table, rows):
    found = by_label(section_entries(table, **places))
    assert list(found) == ["bicubic", DEFAULT, *rows, *(label + BICUBIC_START for label in rows)]
    assert set(section_row_names()[table]) <= set(found)
    for label, name in rows.items():
        if label in FROM_FILES:
            assert found[label].needs.startswith("needs ")
            assert "sharpening weights where" in found[label].needs
        elif name != "unet":
            assert found[label].build
            assert [card.name for card in found[label].cards] == [NAMES["default"]]
            assert found[label + BICUBIC_START].cards == ()
            made_of = found[label + BICUBIC_START].made_of
            assert made_of["reconstruction"] == {"clean": "bicubic", ("crossover" if table == "3.4" else "transfer"): name}


def test_the_crossover_net_needs_its_weights_and_takes_given_ones(places, tmp_path):
    found = by_label(section_entries("3.4", **places))
    assert found["U-Net"].needs.endswith("inpaint-truth/inpaint-truth.safetensors")
    file = write_weights(tmp_path, "mine", "unet", **SINGLE)
    given = by_label(section_entries("3.4", f"U-Net={file}", **places))["U-Net, from bicubic"]
    assert [card.name for card in given.cards] == ["mine"]
    assert given.made_of["reconstruction"] == {"clean": "bicubic", "crossover": "unet"}  # the file is known by its hash


def test_table_36_has_every_system(places):
    found = by_label(section_entries("3.6", **places))
    labels = ["bilinear", "bicubic", "back-projection", *NETS, TWIN, DEFAULT]
    assert list(found)[: len(labels)] == labels
    rest = list(found)[len(labels) :]
    assert rest == [
        "reconstruction",
        "reconstruction by hand",
        "reconstruction, from bicubic",
        "reconstruction by hand, from bicubic",
        "reconstruction+",
        "reconstruction+ (unsharp mask)",
    ]
    assert found["U-Net"].needs
    assert not found[TWIN].needs  # it ships
    assert all(not found[label].needs for label in rest)
    assert [card.name for card in found["reconstruction+"].cards] == [NAMES["default"], "finetune-144-small"]
    hands = [found[label].made_of["by_hand"] for label in rest[:4]]
    assert hands == [False, True, False, True]
    assert len({str(dict(found[label].made_of)) + str(found[label].cards) for label in rest}) == len(rest)
    assert isinstance(found["reconstruction, from bicubic"].build(), Reconstructing)


def test_weights_of_ones_own_get_a_row_in_table_36_only(places, tmp_path):
    file = write_weights(tmp_path, "mine", "unet", **SINGLE)
    assert by_label(section_entries("3.6", f"my net={file}", **places))["my net"].build
    for table in ("3.4", "3.5"):
        with pytest.raises(InputError, match="no row"):
            section_entries(table, f"my net={file}", **places)


def test_missing_base_leaves_rows_that_say_so(places):
    found = by_label(section_entries("3.4", base="nobody", **places))
    assert found["soft"].needs == found[DEFAULT].needs == "needs nobody"
    assert found["soft" + BICUBIC_START].build


def test_methods_that_are_in_no_table_yet_leave_a_row(places, monkeypatch):
    monkeypatch.setitem(section_rows.CROSSOVERS, "new one", "brand-new")
    assert by_label(section_entries("3.4", **places))["new one"].needs == "needs the crossover 'brand-new'"


def test_other_tables_are_refused():
    with pytest.raises(InputError, match="3.4, 3.5, 3.6"):
        section_entries("3.1")
