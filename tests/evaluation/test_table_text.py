"""Tables as text, Markdown, LaTeX and CSV."""

import csv
import io
import string

import pytest

from sharpening.evaluation.table_text import Grid, latex, markdown, tex_escape, text, values

GRID = Grid("A title: 50 %", ("method", "PSNR ↑ [dB]"), (("U-Net_2 | small", "26.1 ± 0.2"), ("b", "–")), ("first note", "R&D #1"))


def test_text_is_aligned():
    lines = text(GRID).splitlines()
    assert lines[0] == "A title: 50 %"
    assert lines[2].index("PSNR") == len("U-Net_2 | small  ")
    assert lines[4].endswith("26.1 ± 0.2")
    assert len(lines[5]) == len(lines[4])  # numbers end below each other
    assert lines[-1] == "* R&D #1"


def test_wide_tables_go_on_below_and_short_rows_reach_over_the_rest():
    heads = ("method", *(f"a long head of column {i}" for i in range(12)))
    made = text(Grid("t", heads, (("a", *"0123456789xy"), ("b", "needs the file of a net"))))
    lines = made.splitlines()
    assert max(map(len, lines)) <= 150
    assert sum(line.startswith("method") for line in lines) == 3
    assert sum(line.startswith("a ") for line in lines) == 3
    assert made.count("needs the file of a net") == 1
    short = Grid("t", ("method", "x", "y"), (("b", "needs it"),))
    assert "| b | needs it |  |" in markdown(short)
    assert r"b & \multicolumn{2}{l}{needs it} \\" in latex(short, "l")


def test_markdown_keeps_bars_inside_their_cell():
    lines = markdown(GRID, 2).splitlines()
    assert lines[0] == "## A title: 50 %"
    assert lines[3] == "|---|---:|"
    assert lines[4] == r"| U-Net_2 \| small | 26.1 ± 0.2 |"


def test_latex_is_balanced_and_escaped():
    made = latex(GRID, "tab:one")
    for word in ("table", "tabular"):
        assert made.count(rf"\begin{{{word}}}") == made.count(rf"\end{{{word}}}") == 1
    assert r"\caption{A title: 50 \%}" in made
    assert r"U-Net\_2 | small & 26.1 $\pm$ 0.2 \\" in made
    assert r"R\&D \#1" in made
    assert made.isascii()


@pytest.mark.parametrize("sign", "&%$#_{}~^\\<>")
def test_no_special_sign_of_latex_gets_through(sign: str):
    escaped = tex_escape(f"a{sign}b")
    assert escaped.startswith("a\\")
    assert escaped.endswith("b")
    # Taken out once, nothing special is left: an escape is never escaped again.
    assert tex_escape("a" + string.ascii_letters) == "a" + string.ascii_letters
    assert escaped.count("\\") == 1


def test_values_are_read_back_as_they_were():
    rows = [("a", "b"), ('with "quotes", and a comma', 1.5)]
    assert list(csv.reader(io.StringIO(values(rows)))) == [["a", "b"], ['with "quotes", and a comma', "1.5"]]
