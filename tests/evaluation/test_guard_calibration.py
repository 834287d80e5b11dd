"""The calibration of the identity guard, on people made of numbers whose true answers are known."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sharpening.errors import InputError
from sharpening.evaluation.guard import Findings, analyse, write_table
from sharpening.evaluation.guard_calibration import (
    area_under_roc,
    at_most,
    cross_fitted,
    fit_logistic,
    interval,
    make_pairs,
    probability,
    rates,
)
from sharpening.evaluation.guard_frames import MIDDLE, MOST_FALSE, calibrate, frame_rows, gain_rows, mixtures
from sharpening.evaluation.guard_report import grids, reliability, write_guard
from sharpening.evaluation.guard_sets import POOR_MIDDLE, Described, described_sets
from sharpening.evaluation.sample import Sample
from sharpening.restore.guard import find_strangers
from sharpening.restore.same_person import Apart, load_table, same_person

N_D = 128


def made_up(
    n_people: int = 24, *, sets: tuple[str, ...] = ("stills", "clips"), noise: float = 0.3, seed: int = 0
) -> list[Described]:
    """People who lie 0.6 apart, each frame off by 0.3: about what dlib's net makes of poor frames; the pictures are blots."""
    rng = np.random.default_rng(seed)
    found = []
    for group in (*sets, POOR_MIDDLE):
        for i in range(n_people):
            person = rng.normal(0, 0.6 / np.sqrt(2 * N_D), N_D)
            frames = person + rng.normal(0, noise / np.sqrt(N_D), (7, N_D))
            frames[rng.random(7) < 0.1] = np.nan
            results = {n: person + rng.normal(0, 0.25 / np.sqrt(N_D), N_D) for n in (1, 3, 7)}
            pictures = rng.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
            label = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            sample = Sample(f"{group}{i}", group, f"{group}{i}", pictures, label)
            found.append(Described(group, f"{group}{i}", sample, frames, {} if group == POOR_MIDDLE else results))
    return found


class Mean:
    """A method that enlarges the mean of its frames."""

    trained = SimpleNamespace(card=SimpleNamespace(name="mean", sha256="0" * 64))

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        mean = frames.unflatten(1, (-1, 3)).mean(dim=1)
        return torch.nn.functional.interpolate(mean, scale_factor=4)


@pytest.fixture(scope="module")
def sequences() -> list[Described]:
    return made_up()


@pytest.fixture(scope="module")
def found(sequences) -> Findings:
    return analyse(sequences, Mean(), "dlib_resnet29", split="valid")


def test_pairs_hold_results_against_their_own_frames_and_strangers(sequences) -> None:
    some = [each for each in sequences if each.results]
    pairs = make_pairs(some, 4, np.random.default_rng(0))
    assert (pairs.person[pairs.same] == pairs.other[pairs.same]).all()
    assert (pairs.person[~pairs.same] != pairs.other[~pairs.same]).all()
    assert np.isfinite(pairs.distance).all()
    assert pairs.n.min() >= 1
    first = some[0]
    near = first.frames[np.isfinite(first.frames[:, 0])]
    wanted = np.linalg.norm(near.mean(axis=0) - first.results[7])
    mine = pairs.where(pairs.same & (pairs.name == first.sample.name))
    assert wanted in mine.distance
    assert pairs.weight.sum() == pytest.approx(1)
    for same in (False, True):
        for group in ("stills", "clips"):
            assert pairs.weight[(pairs.same == same) & (pairs.group == group)].sum() == pytest.approx(0.25)


def test_logistic_curve_finds_the_one_that_made_the_data(rng) -> None:
    x = rng.uniform(0, 1, 20_000)
    same = rng.random(20_000) < 1 / (1 + np.exp(-(6 - 12 * x)))
    intercept, slope = fit_logistic(x, same, np.ones_like(x))
    assert intercept == pytest.approx(6, abs=0.25)
    assert slope == pytest.approx(-12, abs=0.5)
    apart = fit_logistic(np.array([0.1, 0.2, 0.7, 0.8]), np.array([True, True, False, False]), np.ones(4))
    assert np.isfinite(apart).all()
    assert probability(apart, np.array([0.1, 0.8])) == pytest.approx([0.99, 0.01], abs=0.05)
    assert fit_logistic(x, ~same, np.ones_like(x))[1] == 0  # never rises with the distance


def test_rates_and_area_equal_counting(sequences, rng) -> None:
    pairs = make_pairs([each for each in sequences if each.group == "stills"], 5, rng).column(2)
    own, strange = pairs.distance[pairs.same], pairs.distance[~pairs.same]
    accept, reject = rates(pairs, np.array([0.5, float(own[3])]))
    assert accept == pytest.approx([(strange <= 0.5).mean(), (strange <= own[3]).mean()])
    assert reject == pytest.approx([(own > 0.5).mean(), (own > own[3]).mean()])
    assert area_under_roc(pairs) == pytest.approx((own[:, None] < strange[None]).mean())
    of_accept, of_reject = interval(pairs, 0.5, rng)
    assert of_accept[0] <= accept[0] <= of_accept[1]
    assert of_reject[0] <= reject[0] <= of_reject[1]


def test_what_was_never_seen_has_an_end_all_the_same(sequences, rng) -> None:
    pairs = make_pairs(sequences, 3, rng)
    n_people = len(set(pairs.person[~pairs.same]))
    (_, most), _ = interval(pairs, float(pairs.distance.min()) / 2, rng)
    assert most == pytest.approx(1 - 0.05 ** (1 / n_people))
    assert at_most(4) == pytest.approx(0.527, abs=1e-3)  # four people say little
    assert at_most(0) == 1


def test_cross_fitted_probabilities_are_true(sequences) -> None:
    many = [each for each in made_up(150, noise=0.5) if each.results]
    pairs = make_pairs(many, 3, np.random.default_rng(0))
    predicted = cross_fitted(pairs, np.random.default_rng(1))
    assert np.isfinite(predicted).all()
    rows = [row for row in reliability(pairs, predicted) if row["pairs"] > 50]
    assert len(rows) > 3
    assert all(row["seen"] == pytest.approx(row["predicted"], abs=0.12) for row in rows)
    assert sum(row["weight"] for row in reliability(pairs, predicted)) == pytest.approx(1)


def test_probability_of_a_pair_does_not_depend_on_its_own_people(sequences) -> None:
    pairs = make_pairs([each for each in sequences if each.results], 3, np.random.default_rng(0))
    before = cross_fitted(pairs, np.random.default_rng(1))
    person = pairs.person[0]
    spoiled = pairs.where(np.ones(len(pairs.same), bool))
    involved = (pairs.person == person) | (pairs.other == person)
    spoiled.distance[involved & (np.arange(len(involved)) > 0)] = 5.0
    assert cross_fitted(spoiled, np.random.default_rng(1))[0] == before[0]


def test_limits_keep_false_alarms_low(sequences) -> None:
    clean = [each for each in mixtures(sequences, np.random.default_rng(0)) if each.kind == "0"]
    apart = calibrate(clean)
    assert apart.noise == pytest.approx(0.09, rel=0.1)
    false = np.mean([bool(find_strangers(each.rows, 3, apart)) for each in clean])
    assert false <= 2 * MOST_FALSE
    stricter = Apart(apart.noise, apart.person - 0.02, apart.person - 0.02)
    assert np.mean([bool(find_strangers(each.rows, 3, stricter)) for each in clean]) >= false


def test_mixtures_replace_the_frames_they_say(sequences) -> None:
    made = mixtures(sequences, np.random.default_rng(0))
    assert {each.kind for each in made} == {"0", "1", "2", "3", MIDDLE}
    for each in made:
        n = int(each.foreign.sum())
        assert n == {"0": 0, MIDDLE: 1}.get(each.kind, int(each.kind) if each.kind.isdigit() else 1)
        assert bool(each.foreign[3]) == (each.kind == MIDDLE)
        assert (each.kind == "0") == (each.own is each.other)
        assert each.own.group == each.other.group
        assert each.own.group != POOR_MIDDLE or each.kind == "0"
        assert np.array_equal(each.pictures[each.foreign], each.other.sample.frames[each.foreign])
        assert np.array_equal(each.pictures[~each.foreign], each.own.sample.frames[~each.foreign])
        np.testing.assert_array_equal(each.rows[each.foreign], each.other.frames[each.foreign])


def test_strangers_that_are_far_are_found() -> None:
    rows = frame_rows(mixtures(made_up(noise=0.15), np.random.default_rng(0)), np.random.default_rng(1))
    # Where the middle has no face, nobody is a stranger.
    assert not any(row["found"] or row["wrong"] for row in rows if not row["middle_face"])
    assert any(not row["middle_face"] for row in rows)
    beside = [row for row in rows if row["kind"] != MIDDLE and row["middle_face"]]
    strangers, found = sum(row["strangers"] for row in beside), sum(row["found"] for row in beside)
    assert found > 0.95 * strangers > 100
    assert sum(row["wrong"] for row in rows if row["middle_face"]) < 0.02 * len(rows)
    assert all(row["told"] for row in rows if row["kind"] == MIDDLE and row["middle_face"] and row["found"])


def test_gain_of_leaving_out_is_measured_on_the_pictures(sequences) -> None:
    made = [each for each in mixtures(sequences, np.random.default_rng(0)) if each.own.group == "stills"][:12]
    rows = gain_rows(made, Mean(), Apart(0.09, 0.1, 0.1), 2)
    assert {row["kind"] for row in rows} == {"1", "2", "3"}
    first = next(each for each in made if each.kind == "1")
    left = first.pictures[~first.foreign].astype(float).mean(axis=0) / 255
    large = np.repeat(np.repeat(left, 4, axis=0), 4, axis=1)
    wanted = -10 * np.log10(np.square(large - first.own.sample.label / 255).mean())
    assert rows[0]["truth"] == pytest.approx(wanted, abs=1e-3)


def test_report_is_whole_and_the_table_can_be_read(found, tmp_path) -> None:
    paths = write_guard(found, tmp_path)
    assert sorted(path.name for path in paths) == [
        "identity-guard.csv",
        "identity-guard.frames.csv",
        "identity-guard.json",
        "identity-guard.md",
        "identity-guard.png",
    ]
    page = (tmp_path / "identity-guard.md").read_text()
    assert all(grid.title in page for grid in grids(found))
    assert "nan" not in page
    facts = json.loads((tmp_path / "identity-guard.json").read_text())
    assert facts["table"] == found.table
    n_rows = len((tmp_path / "identity-guard.csv").read_text().splitlines()) - 1
    assert n_rows == len(found.pairs.distance)
    path = write_table(found, tmp_path / "table.json")
    assert [file.name for file in tmp_path.glob("table*")] == ["table.json"]
    table = load_table(path)
    assert table.read(0.3, 7).probability > 0.95 > 0.05 > table.read(0.8, 7).probability
    assert table.apart == found.apart


def test_table_that_cannot_be_read_replaces_nothing(found, tmp_path) -> None:
    path = tmp_path / "table.json"
    path.write_text("from before")
    from dataclasses import replace

    with pytest.raises(InputError):
        write_table(replace(found, table={**found.table, "version": 99}), path)
    assert path.read_text() == "from before"
    assert [file.name for file in tmp_path.iterdir()] == ["table.json"]


class BlindJudge:
    """Describes every picture by its mean colours; the middle of every third picture has no face."""

    network = SimpleNamespace(name="colours")

    def descriptors(self, pictures: torch.Tensor, landmarks: object = None) -> torch.Tensor:
        return pictures.mean(dim=(2, 3))


def test_sets_come_from_the_protocols(small_data) -> None:
    told = []
    found = described_sets(small_data, Mean(), BlindJudge(), limit=2, progress=told.append)
    groups = [each.group for each in found]
    assert groups == ["stills"] * 2 + ["h264"] * 2 + ["clips"] * 2 + [POOR_MIDDLE]
    assert told == list(range(1, 8))
    assert sorted(found[0].results) == [1, 3, 7]
    assert found[-1].results == {}
    assert found[0].person == found[2].person
    middle = found[0].sample.frames[3].mean(axis=(0, 1)) / 255
    np.testing.assert_allclose(found[0].results[1], middle, atol=1e-5)
    np.testing.assert_allclose(found[0].results[7], (found[0].sample.frames / 255).mean(axis=(0, 1, 2)), atol=1e-5)


def test_command_writes_only_what_it_is_told_to(found, tmp_path, monkeypatch) -> None:
    import sharpening.evaluation.guard as room
    import sharpening.evaluation.guard_report as report
    from sharpening.cli import app

    seen = []
    monkeypatch.setattr(room, "guard", lambda data, **options: seen.append((data, options)) or found)
    monkeypatch.setattr(room, "write_table", lambda findings: tmp_path / "written")
    monkeypatch.setattr(report, "write_guard", lambda findings, out: [out])
    result = CliRunner().invoke(app, ["guard", "--data", str(tmp_path), "--limit", "3"])
    assert result.exit_code == 0
    assert "The calibrated table" in result.output
    assert "written" not in result.output
    assert seen[0][1]["limit"] == 3
    refused = CliRunner().invoke(app, ["guard", "--data", str(tmp_path), "--limit", "3", "--write"])
    assert refused.exit_code == 2
    assert "trial" in refused.output
    result = CliRunner().invoke(app, ["guard", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--write"])
    assert result.output.splitlines()[-2:] == [str(tmp_path / "out"), str(tmp_path / "written")]


def test_package_holds_the_written_table() -> None:
    table = same_person()
    assert table.judge == "dlib_resnet29"
    assert [column.n_from for column in table.columns] == [1, 2, 4]
