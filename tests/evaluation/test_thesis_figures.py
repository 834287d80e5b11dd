"""What the thesis printed: nothing invented, and what a reader adds is checked."""

import math

import pytest

from sharpening.errors import InputError
from sharpening.evaluation.thesis import COLUMNS, FIGURES, TABLES, Place, read_figures, thesis_figures
from sharpening.evaluation.thesis_rows import row_names

HEAD = "table,row,column,value\n"


def written(tmp_path, text: str):
    file = tmp_path / "figures.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_known_figures_are_the_two_of_the_sources_and_well_formed():
    assert {Place("3.6", "bicubic", "MSE"): 178.38, Place("3.6", "bicubic", "PSNR"): 18.27} == FIGURES
    assert all(place.table in TABLES and place.column in COLUMNS for place in FIGURES)


def test_the_two_known_figures_contradict_each_other_as_the_notes_say():
    mse, psnr = (FIGURES[Place("3.6", "bicubic", column)] for column in ("MSE", "PSNR"))
    assert 10 * math.log10(255**2 / mse) > psnr + 7


def test_figures_of_a_file_come_on_top(tmp_path):
    file = written(tmp_path, "\ufeff" + HEAD + "3.1, BiO-Net ,PSNR,26.42\n3.6,bicubic,PSNR,1.5\n\n")
    found = thesis_figures(file, rows=row_names())
    assert found[Place("3.1", "BiO-Net", "PSNR")] == 26.42
    assert found[Place("3.6", "bicubic", "PSNR")] == 1.5
    assert found[Place("3.6", "bicubic", "MSE")] == 178.38
    assert thesis_figures() is FIGURES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Wanted: table,row,column,value"),
        ("table;row;column;value\n", "Wanted: table,row,column,value"),
        (HEAD + "3.1,BiO-Net,PSNR\n", "line 2 has not four values"),
        (HEAD + "3.1,BiO-Net,PSNR,26.42,7\n", "line 2 has not four values"),
        (HEAD + "3.1,BiO-Net,PSNR,26.42\n3.9,BiO-Net,PSNR,2\n", "line 3 names the table '3.9'"),
        (HEAD + "3.1,BioNet,PSNR,26.42\n", "Known: U-Net, U-Net+"),
        (HEAD + "3.1,BiO-Net,LPIPS,0.2\n", "names the column 'LPIPS'"),
        (HEAD + '3.1,BiO-Net,PSNR,"26,42"\n', "a number with a decimal point"),
        (HEAD + "3.1,BiO-Net,PSNR,nan\n", "a number with a decimal point"),
        (HEAD + "3.1,BiO-Net,PSNR,1\n3.1,BiO-Net,PSNR,1\n", "a second time"),
    ],
)
def test_files_that_are_no_figures_are_refused(tmp_path, text: str, words: str):
    with pytest.raises(InputError) as refused:
        read_figures(written(tmp_path, text), rows=row_names())
    assert words in str(refused.value)


def test_absent_and_binary_files_are_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\xd8")
    for file in ("absent.csv", "binary.csv"):
        with pytest.raises(InputError, match="cannot be read"):
            read_figures(tmp_path / file)
