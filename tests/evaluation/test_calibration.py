"""Calibrated errors: the fit on distributions that are known, the page, the card, and a whole run of a tiny network."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from sharpening.cli import app
from sharpening.errors import InputError, RangeError, WeightsMismatch
from sharpening.evaluation.calibration import calibrate, calibrated, collect, write_error_table
from sharpening.evaluation.calibration_fit import Pixels, coverage, fit, halves, joined, reliability, rising, weighted_quantile
from sharpening.evaluation.calibration_page import grids, write_calibration
from sharpening.evaluation.protocols import samples
from sharpening.imaging.files import sha256_of
from sharpening.restore import Restorer
from sharpening.restore.error_table import ErrorTable
from sharpening.restore.network import load_network
from sharpening.weights.card import load_card, markdown_table
from tests.restore_helpers import crops, write_weights

WITHIN = math.log(1 / 0.32)  # a Laplace distribution of scale 1 has 68 % of its values within this


def laplace(rng: np.random.Generator, m: int = 60_000, *, n_people: int = 40, factor: float = 1.0, groups: int = 2) -> Pixels:
    """Errors with the scale that the network says, times `factor`; scales from 2 to 40 grey levels."""
    scale = np.exp(rng.uniform(math.log(2), math.log(40), m))
    error = np.abs(rng.laplace(scale=factor * scale))
    person = rng.integers(0, n_people, m).astype(np.int32)
    return Pixels((scale / 255).astype(np.float32), error.astype(np.float32), (person % groups).astype(np.int32), person)


@pytest.mark.parametrize("factor", [1.0, 1.7])
def test_known_quantiles_are_found(rng, factor) -> None:
    table = fit(laplace(rng, 300_000, factor=factor))
    scale = np.array([3.0, 5.0, 10.0, 20.0, 35.0])
    np.testing.assert_allclose(table.bound(scale / 255), scale * factor * WITHIN, rtol=0.05)
    assert (np.diff(table.levels) >= 0).all()
    assert 10 <= len(table.raw) <= 17


def test_word_that_means_nothing_gives_a_flat_map(rng) -> None:
    pixels = laplace(rng)
    shuffled = Pixels(rng.permutation(pixels.spread), pixels.error, pixels.group, pixels.person)
    table = fit(shuffled)
    wanted = np.quantile(pixels.error, 0.68)
    np.testing.assert_allclose(table.bound(np.quantile(pixels.spread, [0.1, 0.5, 0.9])), wanted, rtol=0.1)


def test_each_set_counts_alike(rng) -> None:
    small, large = laplace(rng, 20_000, factor=3.0, groups=1), laplace(rng, 80_000, groups=1)
    other = Pixels(large.spread, large.error, large.group + 1, large.person)
    weight = joined([small, other]).weight
    assert weight[:20_000].sum() == pytest.approx(0.5)
    assert weight.sum() == pytest.approx(1)
    # Half of the weight has threefold errors: 68 % of the mixture is the root of F(x)/2 + F(x/3)/2.
    x = np.linspace(0.1, 10, 100_000)
    wanted = x[np.searchsorted(1 - np.exp(-x) / 2 - np.exp(-x / 3) / 2, 0.68)]
    assert fit(joined([small, other])).bound(np.array([10 / 255]))[0] == pytest.approx(10 * wanted, rel=0.08)


def test_too_few_pixels_or_one_answer_are_refused(rng) -> None:
    with pytest.raises(RangeError, match="at least 100"):
        fit(laplace(rng, 99))
    pixels = laplace(rng, 1000)
    with pytest.raises(RangeError, match="same error everywhere"):
        fit(Pixels(np.full(1000, 0.1, np.float32), pixels.error, pixels.group, pixels.person))


def test_rising_is_the_nearest_rising_sequence() -> None:
    np.testing.assert_allclose(rising(np.array([1.0, 3, 2, 4]), np.ones(4)), [1, 2.5, 2.5, 4])
    np.testing.assert_allclose(rising(np.array([3.0, 1, 2]), np.array([1.0, 3, 1])), [1.5, 1.5, 2])
    np.testing.assert_allclose(rising(np.array([5.0, 4, 3]), np.ones(3)), [4, 4, 4])


def test_rising_agrees_with_sklearn(rng) -> None:
    from sklearn.isotonic import IsotonicRegression

    values, weight = np.arange(50) * 0.1 + rng.normal(size=50), rng.uniform(0.1, 2, 50)
    wanted = IsotonicRegression().fit_transform(np.arange(50), values, sample_weight=weight)
    np.testing.assert_allclose(rising(values, weight), wanted, atol=1e-9)


def test_weighted_quantile_is_that_of_repeated_values(rng) -> None:
    values, weight = rng.random(500), rng.integers(1, 6, 500)
    assert weighted_quantile(values, weight, 0.68) == pytest.approx(np.quantile(np.repeat(values, weight), 0.68), abs=0.01)


def test_halves_part_people_not_pixels(rng) -> None:
    people = rng.integers(0, 11, 1000).astype(np.int32)
    first = halves(people, people * 0, rng)
    assert not set(people[first]) & set(people[~first])
    assert len(set(people[first])) == 6
    # A set of two people is in both halves, whatever the dice say.
    few = (people >= 9).astype(np.int32)
    for _ in range(20):
        assert len(set(people[halves(people, few, rng)]) & {9, 10}) == 1


def test_reliability_sees_right_and_wrong_bounds(rng) -> None:
    pixels = laplace(rng, 200_000)
    right = pixels.spread * 255 * WITHIN
    for row in reliability(pixels, right):
        assert row.coverage == pytest.approx(0.68, abs=0.04)
        assert row.seen == pytest.approx(row.predicted, rel=0.08)
    assert all(row.coverage < 0.5 for row in reliability(pixels, right / 2))
    assert sum(row.weight for row in reliability(pixels, right)) == pytest.approx(1)


def test_coverage_has_an_interval_over_people(rng) -> None:
    pixels = laplace(rng, 20_000)
    share, low, high = coverage(pixels, np.ones(20_000, bool), pixels.spread * 255 * WITHIN)
    assert low < share < high
    assert share == pytest.approx(0.68, abs=0.02)
    # People whose errors are all alike differ from each other more than chance would have it.
    same = Pixels(pixels.spread, (pixels.person % 2 * 100).astype(np.float32), pixels.group * 0, pixels.person)
    _, low, high = coverage(same, np.ones(20_000, bool), 50.0)
    assert high - low > 0.2
    assert math.isnan(coverage(pixels, np.zeros(20_000, bool), 1.0)[0])


def test_few_people_make_a_wide_interval(rng) -> None:
    # Four people of whom one differs: resampling them could not say how little is known; of one person nothing is.
    few = laplace(rng, 8000, n_people=4, groups=1)
    odd = Pixels(few.spread, (few.person == 0) * np.float32(100), few.group, few.person)
    share, low, high = coverage(odd, np.ones(8000, bool), 50.0)
    assert share == pytest.approx(0.75, abs=0.02)
    assert (low, high) == (0.0, 1.0)
    assert math.isnan(coverage(few, few.person == 0, 50.0)[1])


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    return calibrated(
        laplace(rng, 120_000, factor=1.5), ("stills", "h264"), rng, {"weights": "made", "sha256": "ab" * 32, "limit": None}
    )


def test_of_the_pixels_called_good_68_percent_are(found) -> None:
    assert set(found.curves) == {"all", "stills", "h264"}
    for good in found.good[1:3]:  # 5 and 10 grey levels, of which there are enough
        assert good.near[0] == pytest.approx(0.68, abs=0.03)
        assert good.under[0] > 0.68
        assert good.own[0] == pytest.approx(0.68, abs=0.03)
    assert math.isnan(found.good[0].near[0])  # no bound is as small as 2.5 here
    assert found.expected_error() < 0.02
    assert found.expected_error_raw > 0.1
    for share, low, high in found.covered.values():
        assert low < share < high
    assert found.facts["n_people"] == 40


def test_one_person_cannot_be_halved(rng) -> None:
    with pytest.raises(RangeError, match="at least 2"):
        calibrated(laplace(rng, 1000, n_people=1), ("stills",), rng, {})


def test_files_of_a_calibration(found, tmp_path) -> None:
    files = write_calibration(found, tmp_path / "out")
    assert sorted(file.name for file in files) == ["calibration.csv", "calibration.json", "calibration.md", "calibration.png"]
    facts = json.loads((tmp_path / "out/calibration.json").read_text())
    assert facts["table"] == found.table.pairs()
    assert facts["good"][0]["near"] == [None, None, None]
    page = (tmp_path / "out/calibration.md").read_text()
    assert page.count("\n## ") == 3
    assert "40 people, 120,000 pixels" in page
    rows = list(csv.DictReader((tmp_path / "out/calibration.csv").open()))
    assert {row["set"] for row in rows} == {"all", "stills", "h264", "all, before calibration"}
    assert (tmp_path / "out/calibration.png").read_bytes()[:4] == b"\x89PNG"
    assert all(len(row) == len(grid.heads) for grid in grids(found) for row in grid.rows)


def test_table_goes_into_the_card_and_out_again(tmp_path) -> None:
    path = write_weights(tmp_path, "mine", metrics={"stills PSNR": 27.5})
    before = sha256_of(path)
    table = ErrorTable((0.01, 0.06), (3.0, 12.0), {"stills": 0.7, "h264": 0.6})
    assert write_error_table(path, ErrorTable((0.01, 0.05), (3.0, 10.0))) == path.with_suffix(".json")
    write_error_table(path, table)
    card = load_card(path)
    assert card.metrics == {"stills PSNR": 27.5, "error_68": [[0.01, 0.06], [3.0, 12.0]], "error_68_held": table.held}
    assert sha256_of(path) == before
    with pytest.raises(InputError, match="replaced meanwhile"):
        write_error_table(path, table, sha256="0" * 64)
    assert load_card(path) == card
    write_error_table(path, table, sha256=before)
    assert Restorer.from_weights(path, device="cpu", judge=False).errors == table
    assert "error_68" not in markdown_table([card])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.json", "mine.safetensors"]


@pytest.fixture(scope="module")
def guessing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder, nudge=0.02, settings={"preset": "tiny", "extras": ["spread"]})
    return folder


def test_pixels_are_those_of_the_pictures(guessing, small_data) -> None:
    trained = load_network("default", pretrained=guessing)
    tests = [*samples("stills", small_data, limit=3), *samples("clips", small_data, limit=2)]
    done = list[int]()
    pixels, names = collect(trained, tests, done.append)
    assert names == ("stills", "clips")
    assert done == [5]
    assert len(pixels.spread) == 5 * 32 * 32
    assert len(set(pixels.person.tolist())) == len({test.cluster for test in tests})
    assert np.bincount(pixels.group)[0] == 3 * 1024
    first = Restorer(trained)(tests[1].frames)
    error = np.abs(first.picture * 255 - tests[1].label).mean(axis=-1)[0::4, 1::4]
    np.testing.assert_allclose(pixels.error[1024:2048], error.ravel(), atol=1e-2)


def test_networks_without_an_estimate_are_refused(tmp_path, small_data) -> None:
    write_weights(tmp_path)
    with pytest.raises(WeightsMismatch, match="does not estimate its own error"):
        calibrate(small_data, pretrained=tmp_path, protocols=("stills",), limit=1)


def test_command_writes_page_and_card(guessing, small_data, tmp_path) -> None:
    options = ["--data", str(small_data), "--pretrained", str(guessing), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, ["calibrate", *options, "--write-card"])
    assert done.exit_code == 0, done.output
    assert "Pixels called good" in done.output
    assert (tmp_path / "calibration.md").is_file()
    restored = Restorer.from_weights(pretrained=guessing, device="cpu", judge=False)(crops())
    assert restored.evidence.error is not None
    refused = CliRunner().invoke(app, ["calibrate", *options, "--write-card", "--limit", "1"])
    assert refused.exit_code == 2
