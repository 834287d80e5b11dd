"""The notebook of the main job runs from top to bottom, and is stored without outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.restore_helpers import write_weights

NOTEBOOK = Path(__file__).parents[1] / "examples" / "main_job.ipynb"


def test_notebook_is_valid_and_stored_without_outputs() -> None:
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
def test_notebook_runs_and_shows_pictures(tmp_path, monkeypatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    write_weights(tmp_path / "pretrained")
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "pretrained"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel draws into the notebook
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    text = "".join(output.get("text", "") for output in outputs)
    assert len(pictures) >= 5
    assert "PSNR" in text
    assert "warnings:" in text
