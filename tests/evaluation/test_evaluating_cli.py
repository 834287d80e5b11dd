"""`sharpening tables` and `sharpening probe` as the shell calls them."""

import sys

import pytest

from sharpening import cli
from tests.restore_helpers import write_weights


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(write_weights(tmp_path / "pretrained").parent))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpening", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_tables(run, small_data, tmp_path):
    code, out, _ = run("tables", "3.1", "--data", small_data, "--limit", 1, "-o", tmp_path / "results")
    assert code == 0
    assert "needs runs/thesis-unet/thesis-unet.safetensors" in out
    assert "the thesis beside ours" in out
    assert (tmp_path / "results" / "table-3.1.tex").is_file()


def test_tables_refuses_what_it_cannot_make(run, small_data, tmp_path):
    (tmp_path / "figures.csv").write_text("a,b\n1,2\n")
    for arguments, word in (
        (("3.9",), "3.1, 3.2, 3.3"),
        (("3.1", "--thesis", tmp_path / "figures.csv"), "table,row,column,value"),
        (("3.1", "--methods", "U-Net="), "row=weights"),
    ):
        code, _, err = run("tables", *arguments, "--data", small_data)
        assert code == 2
        assert err.startswith("error: ")
        assert word in err


def test_probe(run, small_data, tmp_path):
    code, out, _ = run("probe", "bicubic", "--data", small_data, "--limit", 2, "-o", tmp_path / "results")
    assert code == 0
    assert "none to share" in out
    assert (tmp_path / "results" / "probe-bicubic.png").is_file()


def test_probe_of_weights_with_their_twin(run, small_data, tmp_path):
    twin = write_weights(tmp_path / "twin", "twin")
    code, out, _ = run("probe", "default", "--one-frame", twin, "--data", small_data, "--limit", 2)
    assert code == 0
    assert "one-frame model" in out


def test_probe_of_absent_weights(run, small_data):
    code, _, err = run("probe", "nobody", "--data", small_data)
    assert code == 2
    assert "nobody" in err
