"""The subjective test from kept pictures to counted answers; all answers here are made by the test."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sharpening.cli.survey import survey_app
from sharpening.errors import InputError
from sharpening.evaluation.kept import INPUT, Kept
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.survey import key_path, make_survey
from sharpening.evaluation.survey_count import NONE_YET, Votes, count_survey, read_votes, shown_votes, votes_grid, write_votes
from sharpening.evaluation.survey_page import QUESTIONS

SYSTEMS = ("bicubic", "reconstruction, from bicubic", "our secret net")
NAMES = [f"{i:010x}@{i}" for i in range(5)]


def grey(label: str, name: str) -> int:
    """Each picture has a grey of its own, by which the test knows it again."""
    return 20 + 40 * ((INPUT, TRUTH, *SYSTEMS).index(label)) + NAMES.index(name)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    kept = Kept(tmp_path_factory.mktemp("results"))
    for label in (INPUT, TRUTH, *SYSTEMS):
        side = 8 if label == INPUT else 16
        for name in NAMES:
            kept.add(label, name, np.full((side, side, 3), grey(label, name), np.uint8))
        kept.done(label, "key", NAMES)
    return kept.folder


@pytest.fixture(scope="module")
def made(results, tmp_path_factory):
    return make_survey(results, tmp_path_factory.mktemp("page") / "survey.html", n_sequences=4, seed=7)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.data, self.inside = [], "", False
        self.feed(text)
        self.content = json.loads(self.data)

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        self.tags.append((tag, facts))
        self.inside = facts.get("id") == "data"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.data += data if self.inside else ""


def shade(uri: str) -> int:
    head, code = uri.split(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(code))) as picture:
        return int(np.asarray(picture)[0, 0, 0])


def answers_of(made, pick, respondent: str = "0" * 32, **changes) -> dict:
    """What the page would save for somebody who picks `pick(systems by letter)` for each question of each sequence."""
    key = json.loads(made[1].read_text())
    chosen = {
        number: {question: pick(each["letters"], question) for question in QUESTIONS} for number, each in key["sequences"].items()
    }
    return {
        "form": "sharpening-survey-answers",
        "version": 1,
        "page": key["page"],
        "respondent": respondent,
        "answers": chosen,
        **changes,
    }


def letter_of(system: str):
    return lambda letters, question: next(letter for letter, each in letters.items() if each == system)


def saved(folder, name: str, content) -> object:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_the_page_shows_each_system_once_under_a_letter(made):
    page, key = Page(made[0].read_text()), json.loads(made[1].read_text())
    assert page.content["page"] == key["page"]
    assert len(page.content["sequences"]) == 4
    for each in page.content["sequences"]:
        told = key["sequences"][each["id"]]
        assert sorted(told["letters"].values()) == sorted(SYSTEMS)
        assert shade(each["input"]) == grey(INPUT, told["sample"])
        assert shade(each["original"]) == grey(TRUTH, told["sample"])
        assert {letter: shade(uri) for letter, uri in each["pictures"].items()} == {
            letter: grey(system, told["sample"]) for letter, system in told["letters"].items()
        }


def test_nothing_in_the_page_tells_who_made_what(made):
    text = made[0].read_text()
    key = json.loads(made[1].read_text())
    for word in (*SYSTEMS, *NAMES, "bicubic", "reconstruction", "key.json"):
        assert word not in text
    assert '"seed"' not in text
    orders = {tuple(each["letters"].items()) for each in key["sequences"].values()}
    assert len(orders) > 1  # a letter is not the same system everywhere


def test_the_page_needs_nothing_from_elsewhere(made):
    text = made[0].read_text()
    page = Page(text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp|sendBeacon", text)
    assert not [facts for _, facts in page.tags if "src" in facts]
    policy = next(facts["content"] for tag, facts in page.tags if tag == "meta" and facts.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:")
    assert any(tag == "meta" and facts.get("name") == "viewport" for tag, facts in page.tags)
    assert any(tag == "html" and facts.get("lang") for tag, facts in page.tags)
    assert all(facts.get("type") == "button" for tag, facts in page.tags if tag == "button")


def test_a_seed_makes_the_same_page_again_and_none_a_secret_one(results, tmp_path, made):
    again = make_survey(results, tmp_path / "a.html", n_sequences=4, seed=7)
    assert again[0].read_bytes() == made[0].read_bytes()
    pages = {json.loads(make_survey(results, tmp_path / f"{name}.html")[1].read_text())["page"] for name in "bd"}
    assert len(pages) == 2
    some = make_survey(results, tmp_path / "c.html", systems=SYSTEMS[:2], seed=7)
    assert json.loads(some[1].read_text())["systems"] == list(SYSTEMS[:2])
    assert len(json.loads(some[1].read_text())["sequences"]) == 5


def test_answers_are_counted_by_system(made, tmp_path):
    files = [
        saved(tmp_path, "a.json", answers_of(made, letter_of(SYSTEMS[0]), "a" * 32)),
        saved(tmp_path, "b.json", answers_of(made, letter_of(SYSTEMS[2]), "b" * 32)),
    ]
    half = answers_of(made, letter_of(SYSTEMS[2]), "c" * 32)
    half["answers"] = {number: {"quality": each["quality"]} for number, each in list(half["answers"].items())[:2]}
    files.append(saved(tmp_path, "c.json", half))
    votes = count_survey(key_path(made[0]), files)
    assert (votes.n_people, votes.totals) == (3, {"quality": 10, "identity": 8})
    assert [votes.counts[system] for system in SYSTEMS] == [
        {"quality": 4, "identity": 4},
        {"quality": 0, "identity": 0},
        {"quality": 6, "identity": 4},
    ]
    cells = {row[0]: row[1] for row in votes_grid(votes).rows}
    assert cells[SYSTEMS[2]].startswith("60.0 (")
    assert cells[SYSTEMS[1]].startswith("0.0 (0.0–")
    write_votes(votes, tmp_path)
    assert read_votes(tmp_path) == votes


def test_interval_is_wilson_s():
    votes = Votes("p", 1, {"a": {"quality": 6, "identity": 0}, "b": {"quality": 4, "identity": 0}})
    n, p, z = 10, 0.6, 1.959964
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert votes.interval("a", "quality") == pytest.approx((60, 100 * (middle - half), 100 * (middle + half)), rel=1e-4)
    assert shown_votes(votes, "a")[1] == NONE_YET


def test_without_answers_the_table_says_so(tmp_path):
    assert read_votes(tmp_path) is None
    assert shown_votes(None, "bicubic") == (NONE_YET, NONE_YET)
    assert shown_votes(Votes("p", 0, {"bicubic": {"quality": 0, "identity": 0}}), "bicubic") == (NONE_YET, NONE_YET)
    assert shown_votes(Votes("p", 1, {"bicubic": {"quality": 1, "identity": 1}}), "other") == ("–", "–")


def test_two_files_of_one_person_are_refused_by_name(made, tmp_path):
    first = saved(tmp_path, "first.json", answers_of(made, letter_of(SYSTEMS[0])))
    second = saved(tmp_path, "second.json", answers_of(made, letter_of(SYSTEMS[1])))
    with pytest.raises(InputError, match=r"second\.json.*first\.json"):
        count_survey(made[1], [first, second])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: "",
        lambda a: "[]",
        lambda a: json.dumps(a)[:-20],
        lambda a: json.dumps(a).replace('"quality"', '"identity"', 1),  # a question twice
        lambda a: a | {"form": "else"},
        lambda a: a | {"version": 2},
        lambda a: a | {"page": "another"},
        lambda a: a | {"respondent": "Jane Doe"},
        lambda a: a | {"answers": {}},
        lambda a: a | {"answers": {"nowhere": {"quality": "A"}}},
        lambda a: a | {"answers": {next(iter(a["answers"])): {"quality": "Z"}}},
        lambda a: a | {"answers": {next(iter(a["answers"])): {"quality": ["A"]}}},
        lambda a: a | {"answers": {next(iter(a["answers"])): {"beauty": "A"}}},
        lambda a: a | {"answers": {next(iter(a["answers"])): "A"}},
        lambda a: a | {"more": "x" * 2_000_000},
    ],
)
def test_damaged_and_strange_files_are_refused_by_name(made, tmp_path, spoil):
    fine = saved(tmp_path, "fine.json", answers_of(made, letter_of(SYSTEMS[0]), "f" * 32))
    count_survey(made[1], [fine])
    file = saved(tmp_path, "spoiled.json", spoil(answers_of(made, letter_of(SYSTEMS[0]))))
    with pytest.raises(InputError, match=r"spoiled\.json"):
        count_survey(made[1], [fine, file])


def test_keys_and_counts_that_are_damaged_are_refused(made, tmp_path):
    fine = saved(tmp_path, "fine.json", answers_of(made, letter_of(SYSTEMS[0])))
    key = json.loads(made[1].read_text())
    key["systems"][0] = "somebody else"
    for spoiled in ("", "{}", key):
        with pytest.raises(InputError, match=r"key\.json"):
            count_survey(saved(tmp_path, "key.json", spoiled), [fine])
    with pytest.raises(InputError, match="form"):
        count_survey(fine, [fine])
    for spoiled in ("", {"form": "sharpening-survey-votes", "version": 1, "counts": {"a": {"quality": -1, "identity": 0}}}):
        saved(tmp_path, "survey.json", spoiled)
        with pytest.raises(InputError, match=r"survey\.json"):
            read_votes(tmp_path)


def test_what_cannot_be_asked_is_refused(results, tmp_path):
    def refused(words: str, folder=results, out="x.html", **options):
        with pytest.raises(InputError, match=words):
            make_survey(folder, tmp_path / out, **options)
        assert not (tmp_path / out).exists()

    refused("holds no pictures", folder=tmp_path / "empty")
    refused("nobody", systems=["bicubic", "nobody"])
    refused("1 systems", systems=["bicubic"])
    refused("page", out="x.json")


def test_pictures_of_another_size_would_tell(results, tmp_path):
    kept = Kept(tmp_path / "kept")
    for label, side in ((INPUT, 8), (TRUTH, 16), ("a", 16), ("b", 18)):
        kept.add(label, "one", np.zeros((side, side, 3), np.uint8))
        kept.done(label, "key", ["one"])
    with pytest.raises(InputError, match="18×18"):
        make_survey(kept.folder, tmp_path / "x.html")
    next(kept.folder.glob("b-*/one.png")).unlink()
    with pytest.raises(InputError, match="not there"):
        make_survey(kept.folder, tmp_path / "x.html")


def test_commands(results, tmp_path):
    run = CliRunner().invoke
    made = run(
        survey_app,
        ["make", "--results", str(results), "-o", str(tmp_path / "s.html"), "--system", "bicubic", "--system", SYSTEMS[1]],
    )
    assert made.exit_code == 0, made.output
    both = (tmp_path / "s.html", tmp_path / "s.key.json")
    file = saved(tmp_path, "a.json", answers_of(both, letter_of("bicubic")))
    counted = run(survey_app, ["count", str(both[1]), str(file), "-o", str(tmp_path)])
    assert counted.exit_code == 0, counted.output
    assert "100.0 (" in counted.output
    assert read_votes(tmp_path).n_people == 1


def test_the_key_of_another_page_is_never_lost(results, tmp_path):
    page, key = make_survey(results, tmp_path / "a.html", seed=1)
    before = page.read_bytes(), key.read_bytes()
    assert make_survey(results, page, seed=1) == (page, key)  # the same page may be written again
    with pytest.raises(InputError, match="key of another page"):
        make_survey(results, page, seed=2)
    assert (page.read_bytes(), key.read_bytes()) == before
    key.write_text("not ours")
    with pytest.raises(InputError, match="key of another page"):
        make_survey(results, page, seed=1)


def test_the_page_begins_anew_for_another_person(made):
    page = made[0].read_text()
    assert 'id="new">New person' in page
    assert "state = fresh()" in page
