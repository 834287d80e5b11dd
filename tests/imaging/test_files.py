"""Writing whole or not at all; hashing."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.imaging import files
from sharpening.imaging.files import WriteError, atomic_write, read_picture, sha256_of, write_picture, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def full_disk(monkeypatch):
    """From now on every flush to disk fails as on a full disk."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_a_written_picture_comes_back(tmp_path, made_face, suffix):
    face = made_face(64)
    back = read_picture(write_picture(tmp_path / f"face{suffix}", face))
    worst = np.abs(back.astype(int) - face).mean()
    assert back.shape == face.shape
    assert worst == 0 if suffix == ".png" else worst < 4


def test_float_pictures_are_rounded_and_equal_the_uint8_ones(tmp_path, made_face):
    face = made_face(32)
    assert np.array_equal(read_picture(write_picture(tmp_path / "a.png", face / 255)), face)


def test_jpeg_keeps_full_colour_resolution(tmp_path):
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (200, 40, 40), (40, 40, 200)
    back = read_picture(write_picture(tmp_path / "a.jpg", stripes, quality=100))
    assert np.abs(back.astype(int) - stripes).max() < 12


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (np.zeros((4, 4), np.uint8), ShapeError),
        (np.zeros((3, 4, 4), np.uint8), ShapeError),
        (np.zeros((0, 4, 3), np.uint8), ShapeError),
        (np.zeros((4, 4, 3), np.int64), RangeError),
        (np.full((4, 4, 3), 200.0), RangeError),
        (np.full((4, 4, 3), np.nan), RangeError),
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_is_written(tmp_path, picture, error):
    with pytest.raises(error):
        write_picture(tmp_path / "a.png", picture)
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix_and_quality_are_refused(tmp_path, made_face):
    with pytest.raises(InputError, match=r"\.png, \.jpg"):
        write_picture(tmp_path / "a.xyz", made_face(32))
    with pytest.raises(RangeError, match="1 to 100"):
        write_picture(tmp_path / "a.jpg", made_face(32), quality=0)


def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path, made_face, full_disk):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=r"disk is full.*Free some space") as caught:
        write_picture(path, made_face(32))
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value, OSError)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failing_rename_or_write_is_clear_and_leaves_nothing(tmp_path, monkeypatch, number):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    for owner, name in ((Path, "write_bytes"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            with pytest.raises(WriteError, match="Nothing was changed") as caught:
                write_text(tmp_path / "a.txt", "new")
        assert caught.value.errno == number
        assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_the_system_itself_says_that_the_disk_is_full(tmp_path):
    def write() -> None:
        with atomic_write(tmp_path / "a.txt") as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"x" * 100)

    with pytest.raises(WriteError, match="disk is full"):
        write()
    assert names(tmp_path) == []


def test_an_error_of_the_block_passes_and_leaves_nothing(tmp_path):
    def write() -> None:
        with atomic_write(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(WriteError), atomic_write(tmp_path / "a.txt"):
        pass


def test_the_temporary_lies_beside_the_file_hidden_with_its_suffix(tmp_path):
    with atomic_write(tmp_path / "deep" / "film.mp4") as temporary:
        assert temporary.parent == tmp_path / "deep"
        assert temporary.suffix == ".mp4"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"x")
    assert (tmp_path / "deep" / "film.mp4").read_bytes() == b"x"


def test_a_link_is_followed_and_rights_are_kept(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_folders_and_devices_are_no_place_to_write(tmp_path):
    with pytest.raises(WriteError, match="is a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(WriteError, match="not a plain file"):
        write_text(os.devnull, "x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="could not be written"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_text_is_utf8_with_plain_line_feeds(tmp_path):
    assert write_text(tmp_path / "a.txt", "ä\n→").read_bytes() == "ä\n→".encode()


def test_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"sharp" * 1000)
    assert sha256_of(path) == hashlib.sha256(b"sharp" * 1000).hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        sha256_of(tmp_path / "absent")


def test_public_names_resolve():
    assert all(hasattr(files, name) for name in files.__all__)
