"""The page of the subjective test as one HTML file: pictures as data, plain JavaScript, and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

__all__ = ["ANSWERS_FORM", "QUESTIONS", "PageSequence", "survey_html"]

ANSWERS_FORM = "sharpening-survey-answers"
QUESTIONS: dict[str, str] = {
    "quality": "Which picture has the highest quality?",
    "identity": "Which picture matches the identity of the original best?",
}
"""Asked of each sequence, as in the thesis (section 3.6)."""

_SHORT = {"quality": "highest quality", "identity": "best match"}


class PageSequence(TypedDict):
    """What a page shows of one sequence: pictures are data URIs, `pictures` goes by letter."""

    id: str
    input: str
    original: str
    pictures: Mapping[str, str]


def survey_html(page: str, sequences: Sequence[PageSequence]) -> str:
    """The whole page. It asks for no name: an answer file carries a random number.

    Args:
        page: id that the answers must carry.
        sequences: what is asked. The page draws an order of its own for each person, so that no picture is always seen first.
    """
    data = {"page": page, "form": ANSWERS_FORM, "questions": QUESTIONS, "short": _SHORT, "sequences": list(sequences)}
    # "</" would end the script element, whatever stands round it.
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return (
        _HEAD + _BODY + f'<script type="application/json" id="data">{text}</script>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n'
    )


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Which picture is best?</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 0 1rem 6rem; }
h1 { font-size: 1.4rem; }
.pictures, .given { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
.given { grid-template-columns: repeat(2, minmax(0, 12rem)); margin-bottom: 1rem; }
figure { margin: 0; }
img { display: block; width: 100%; aspect-ratio: 1; }
figcaption { font-weight: bold; }
label { display: block; padding: .45rem .2rem; cursor: pointer; }
label:focus-within { outline: 3px solid Highlight; }
input { width: 1.2rem; height: 1.2rem; vertical-align: -.2rem; }
nav { position: fixed; inset: auto 0 0 0; display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; justify-content: center;
  padding: .6rem; background: Canvas; border-top: 1px solid GrayText; }
button { font: inherit; padding: .5rem 1rem; min-height: 2.75rem; }
</style>
</head>
"""

_BODY = """<body>
<h1>Which picture is best?</h1>
<p>Each page shows one face: the poor picture that all methods were given, the original, and what the methods made of the poor one, in
no order. Answer two questions: which of the lettered pictures has the highest quality, and which matches the identity of the original
best? One answer each; if you cannot tell, leave it open. With the keyboard: Tab goes to a question, arrow keys choose, Enter presses a
button.</p>
<p>Nothing is sent anywhere. At the end, save your answers as a file and hand it in. No name is asked for or kept.</p>
<noscript><p><strong>This page needs JavaScript to show the pictures.</strong></p></noscript>
<main id="main" tabindex="-1"></main>
<nav aria-label="Pages">
<button type="button" id="back">Back</button>
<span id="place"></span>
<button type="button" id="next">Next</button>
<button type="button" id="save">Save answers</button>
<button type="button" id="new">New person</button>
<span id="state" role="status"></span>
</nav>
"""

_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
const memory = "survey-" + data.page;

function make(tag, facts, ...inside) {
  const node = Object.assign(document.createElement(tag), facts);
  node.append(...inside);
  return node;
}
function drawn(count) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const respondent = Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("");
  return { respondent: respondent, answers: {}, order: drawn(data.sequences.length) };
}
function recall() {
  // Some browsers keep nothing for a page that was opened from a file.
  let known = null;
  try { known = JSON.parse(localStorage.getItem(memory)); } catch (error) { /* as if nothing were kept */ }
  if (!known) return fresh();
  // Whoever began on an earlier form of this page goes on in its order.
  return Object.assign({ order: data.sequences.map((_, i) => i) }, known);
}
function remember() {
  try { localStorage.setItem(memory, JSON.stringify(state)); } catch (error) { /* the answers last as long as the page */ }
}
let state = recall();
let at = 0;
remember();

function choose(sequence, question, letter) {
  state.saved = -1;
  state.answers[sequence.id] = Object.assign({}, state.answers[sequence.id], { [question]: letter });
  remember();
  tell();
}
function option(sequence, letter, question) {
  const chosen = (state.answers[sequence.id] || {})[question] === letter;
  const input = make("input", { type: "radio", name: question, value: letter, checked: chosen });
  input.setAttribute("aria-label", data.questions[question] + " Picture " + letter);
  input.addEventListener("change", () => choose(sequence, question, letter));
  return make("label", {}, input, " " + data.short[question]);
}
function figure(source, words, ...inside) {
  return make("figure", {}, make("img", { src: source, alt: words }), make("figcaption", { textContent: words }), ...inside);
}
function show(index) {
  at = index;
  const sequence = data.sequences[state.order[at]];
  const given = make("div", { className: "given" }, figure(sequence.input, "Poor picture"), figure(sequence.original, "Original"));
  const lettered = Object.keys(sequence.pictures).sort().map(letter =>
    figure(sequence.pictures[letter], "Picture " + letter, ...Object.keys(data.questions).map(q => option(sequence, letter, q))));
  const asked = make("ol", {}, ...Object.values(data.questions).map(words => make("li", { textContent: words })));
  main.replaceChildren(given, asked, make("div", { className: "pictures" }, ...lettered));
  document.getElementById("place").textContent = (at + 1) + " of " + data.sequences.length;
  document.getElementById("back").disabled = at === 0;
  document.getElementById("next").disabled = at === data.sequences.length - 1;
  window.scrollTo(0, 0);
  tell();
}
function given() {
  return Object.values(state.answers).reduce((sum, each) => sum + Object.keys(each).length, 0);
}
function tell(words) {
  const all = data.sequences.length * Object.keys(data.questions).length;
  document.getElementById("state").textContent = words || given() + " of " + all + " answers";
  document.getElementById("save").disabled = given() === 0;
}
function save() {
  const content = { form: data.form, version: 1, page: data.page, respondent: state.respondent, answers: state.answers };
  const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  const link = make("a", { href: address, download: "answers-" + state.respondent.slice(0, 8) + ".json" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  state.saved = given();
  remember();
  tell("Saved. Hand in one file only: if you save again, the later one.");
}
function another() {
  // Answers that were not saved are never thrown away unasked.
  const question = "These answers are not saved. Throw them away? (Cancel, then Save answers, keeps them.)";
  if (given() > 0 && state.saved !== given() && !confirm(question)) return;
  state = fresh();
  remember();
  show(0);
  main.focus();
}
document.getElementById("back").addEventListener("click", () => { show(at - 1); main.focus(); });
document.getElementById("next").addEventListener("click", () => { show(at + 1); main.focus(); });
document.getElementById("save").addEventListener("click", save);
document.getElementById("new").addEventListener("click", another);
show(0);
"""
