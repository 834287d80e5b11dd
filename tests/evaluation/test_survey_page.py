"""What the page of the subjective test does: its own script, run by Node with a page of the least that it needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from sharpening.evaluation.survey_page import QUESTIONS, survey_html

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="the page's script is run by Node, which is not installed")

N_SEQUENCES = 6

# A page of nodes that remember their children and listeners; what is saved and asked is kept for the test.
PAGE = """
const nodes = {}, kept = {}, saved = [], asked = [];
let agreed = true;
function node(tag) {
  return { tag: tag, listeners: {}, children: [], append(...inside) { this.children.push(...inside); },
    replaceChildren(...inside) { this.children = inside; }, setAttribute() {}, focus() {}, remove() {},
    addEventListener(name, call) { this.listeners[name] = call; },
    click() { if (this.tag === "a") saved.push(Object.assign({ file: this.download }, this.href)); else this.listeners.click(); } };
}
globalThis.document = { body: node("body"), createElement: node,
  getElementById(id) { return nodes[id] = nodes[id] || node(id); } };
globalThis.window = { scrollTo() {} };
globalThis.localStorage = { getItem: name => name in kept ? kept[name] : null, setItem(name, text) { kept[name] = text; } };
globalThis.Blob = class { constructor(parts) { this.text = parts[0]; } };
globalThis.URL = { createObjectURL: blob => JSON.parse(blob.text), revokeObjectURL() {} };
globalThis.setTimeout = () => 0;
globalThis.confirm = question => { asked.push(question); return agreed; };
document.getElementById("data").textContent = DATA;
function press(id) { nodes[id].click(); }
function shown() { return nodes.main.children[0].children[0].children[0].src; }
function walk() {
  const seen = [];
  while (!nodes.back.disabled) press("back");
  for (;;) { seen.push(shown()); if (nodes.next.disabled) return seen; press("next"); }
}
function options(part) { return part.tag === "input" ? [part] : (part.children || []).flatMap(options); }
function answer() { options(nodes.main)[0].listeners.change(); }
"""


def ran(script: str, kept: str = "{}") -> dict:
    """The values that `script` puts into `told`, run behind the page's own script; `kept` is the browser's memory from before."""
    sequences = [
        {"id": f"s{i}", "input": f"input {i}", "original": "o", "pictures": {"A": "a", "B": "b"}} for i in range(N_SEQUENCES)
    ]
    html = survey_html("page", sequences)
    data, own = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    code = PAGE.replace("DATA", json.dumps(data)) + f"Object.assign(kept, {kept});\n{own}\nconst told = {{}};\n{script}\n"
    done = subprocess.run(
        [NODE, "-"], input=code + "console.log(JSON.stringify(told));", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_person_is_asked_everything_in_an_order_of_their_own():
    told = ran("told.orders = []; for (let i = 0; i < 20; i++) { told.orders.push(walk()); press('new'); } told.asked = asked;")
    everything = sorted(f"input {i}" for i in range(N_SEQUENCES))
    assert all(sorted(order) == everything for order in told["orders"])
    assert len({tuple(order) for order in told["orders"]}) > 10  # of 720
    assert len({order[0] for order in told["orders"]}) > 1
    assert told["asked"] == []  # nothing was answered, so nothing can be lost


def test_answers_of_one_person_never_reach_the_next():
    told = ran("""
      press("next"); answer(); press("save"); told.first = state.respondent;
      press("new"); told.asked = asked.length; told.begin = at; told.given = given();
      answer(); press("save"); told.saved = saved;""")
    assert told["asked"] == 0  # what was saved may go
    assert (told["begin"], told["given"]) == (0, 0)
    first, second = told["saved"]
    assert first["respondent"] == told["first"] != second["respondent"]
    assert len(first["answers"]) == len(second["answers"]) == 1
    assert set(next(iter(second["answers"].values()))) <= set(QUESTIONS)
    assert first["file"] != second["file"]
    assert set(first) == {"form", "version", "page", "respondent", "answers", "file"}


def test_answers_that_are_not_saved_are_thrown_away_only_when_told_to():
    told = ran("""
      answer(); agreed = false; press("new"); told.kept = given();
      press("save"); answer(); press("new"); told.changed = given();
      agreed = true; press("new"); told.gone = given(); told.asked = asked.length;""")
    assert told == {"kept": 1, "changed": 1, "gone": 0, "asked": 3}


def test_a_page_that_is_loaded_again_goes_on_with_the_same_person():
    first = ran("answer(); told.kept = kept; told.order = walk();")
    again = ran("told.order = walk(); told.given = given();", json.dumps(first["kept"]))
    assert again == {"order": first["order"], "given": 1}
    # So does one that nothing was answered on yet, and what an earlier form of the page has kept.
    untouched = ran("told.kept = kept; told.order = walk();")
    assert ran("told.order = walk();", json.dumps(untouched["kept"]))["order"] == untouched["order"]
    older = json.dumps({"survey-page": json.dumps({"respondent": "f" * 32, "answers": {"s1": {"quality": "A"}}})})
    told = ran("told.order = walk(); told.who = state.respondent;", older)
    assert told == {"order": [f"input {i}" for i in range(N_SEQUENCES)], "who": "f" * 32}


def test_a_browser_that_keeps_nothing_can_be_used_all_the_same():
    told = ran("""
      localStorage.getItem = localStorage.setItem = () => { throw new Error("no storage"); };
      answer(); press("save"); press("new"); told.saved = saved.length; told.given = given();""")
    assert told == {"saved": 1, "given": 0}
