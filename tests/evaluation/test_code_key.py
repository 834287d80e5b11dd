"""The key of code changes with what the code does, and with nothing else."""

import importlib
import sys

import pytest

from sharpening.evaluation import code_key as module
from sharpening.evaluation.code_key import code_key, modules_used, reconstruction_key
from sharpening.reconstruct import Settings


@pytest.fixture
def key(tmp_path, monkeypatch):
    """`key(**files)`: of `made_package.first` after the files were written anew."""
    package = tmp_path / "made_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def of(**files: str) -> str:
        for name, text in files.items():
            (package / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.split(".")[0] == "made_package"]:
            del sys.modules[name]  # of another test
        for each in (code_key, module._tree, module._file):
            each.cache_clear()
        return code_key(("made_package.first",), "made_package")

    yield of
    for each in (code_key, module._tree, module._file):
        each.cache_clear()


def test_words_do_not_count_and_code_does(key):
    first = key(first='"""Words."""\n\ndef f(x):\n    """Say."""\n    return x + 1\n')
    assert key(first='"""Other words."""\n# and a comment\ndef f(x):\n    return x + 1\n') == first
    assert key(first="def f(x):\n    return x + 2\n") != first


def test_what_is_imported_counts_and_what_is_not_does_not(key):
    first = key(first="def f():\n    from made_package.second import g\n    return g()\n", second="g = 1\n", third="h = 1\n")
    assert key(third="h = 2\n") == first
    assert key(second="g = 2\n") != first


def test_a_reconstruction_depends_on_its_own_methods_only():
    used = modules_used(("sharpening.reconstruct.pipeline", "sharpening.reconstruct.transfer.dense"))
    assert {"sharpening.reconstruct.quality", "sharpening.models.face_id.judge", "sharpening.imaging.resize"} <= used
    assert not any(name.startswith(("sharpening.models.stylegan", "sharpening.models.psfr_gan")) for name in used)
    keys = {reconstruction_key(Settings(transfer=name)) for name in ("dense", "dlib", "align-blend")}
    assert len(keys) == 3
    assert reconstruction_key(Settings(clearly=1.4)) == reconstruction_key(Settings())
