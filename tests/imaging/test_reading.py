"""Reading of pictures of every kind, and of files that are none."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sharpening.errors import InputError, SharpeningError
from sharpening.imaging.reading import MAX_PIXELS, _bare_png, is_still, read_picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    def from_bytes(data: bytes, name: str = "picture.png") -> np.ndarray:
        path = tmp_path / name
        path.write_bytes(data)
        return read_picture(path)

    return from_bytes


def test_rgb_png_is_exact_and_the_name_does_not_matter(read, made_face):
    face = made_face(48)
    got = read(encoded(Image.fromarray(face), "PNG"), "picture.jpg")
    assert got.dtype == np.uint8
    assert np.array_equal(got, face)
    got[0, 0] = 0  # the array is the caller's own


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "RGBA", "RGBX"])
def test_every_mode_becomes_rgb(read, made_face, mode):
    face = Image.fromarray(made_face(32))
    source = face.convert("L").convert("LA") if mode == "LA" else face.convert(mode)
    got = read(encoded(source, "TIFF" if mode in ("CMYK", "YCbCr", "RGBX") else "PNG"))
    assert np.abs(got.astype(int) - np.asarray(source.convert("RGB"))).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_values_are_divided_by_257_and_rounded(read, suffix, channels):
    values = np.array([0, 100, 128, 129, 257, 40000, 65407, 65535] * 2, np.uint16).reshape(4, 4)
    picture = values if channels == 1 else np.stack([values, values // 2, values // 3], -1)
    data = cv2.imencode(suffix, picture if channels == 1 else picture[..., ::-1])[1].tobytes()
    wanted = np.rint(picture / 257).astype(np.uint8)
    assert np.array_equal(read(data), wanted if channels == 3 else wanted[..., None].repeat(3, -1))


def test_16_bit_is_not_stretched_by_content(read):
    dark = np.full((4, 4), 514, np.uint16)
    assert np.array_equal(read(cv2.imencode(".png", dark)[1].tobytes()), np.full((4, 4, 3), 2))


def test_16_bit_pgm(read):
    assert read(b"P5\n2 1\n65535\n" + bytes([255, 255, 0, 128])).tolist() == [[[255] * 3, [0] * 3]]


def test_a_16_bit_png_with_other_chunks_and_false_claims(read):
    wanted = np.full((4, 4, 3), 257 * 9, np.uint16)
    data = cv2.imencode(".png", wanted)[1].tobytes()
    assert data.endswith(b"\0\0\0\0IEND\xaeB`\x82")
    claims_2_gigabytes = data[:-12] + b"\x7f\xff\xff\xf0tEXt" + data[-12:]
    assert _bare_png(claims_2_gigabytes) == data
    text = b"hello\0words"
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    assert np.array_equal(read(data[:33] + chunk + data[33:]), np.full((4, 4, 3), 9))


def test_16_bit_with_alpha(read):
    picture = np.full((4, 4, 4), 65535, np.uint16)
    picture[..., 3] = 0
    assert np.array_equal(read(cv2.imencode(".png", picture)[1].tobytes()), np.full((4, 4, 3), 128))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_without_a_declared_range_are_refused(read, mode):
    with pytest.raises(InputError, match="no declared range"):
        read(encoded(Image.new(mode, (4, 4)), "TIFF"))


def test_transparent_parts_lie_over_mid_grey(read):
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0, 0] = (255, 0, 0, 255)
    picture[1, 1] = (255, 255, 255, 128)
    got = read(encoded(Image.fromarray(picture), "PNG"))
    assert got[0, 0].tolist() == [255, 0, 0]
    assert got[0, 1].tolist() == [128] * 3
    assert got[1, 1].tolist() == pytest.approx([192] * 3, abs=1)


def test_a_transparent_palette_colour(read):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    assert read(encoded(image, "PNG", transparency=1)).tolist() == [[[255, 0, 0], [128, 128, 128]]]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(read, kind, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 200  # bright in the top left quarter, so that every turn and flip shows
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    got = read(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options))
    assert got.shape == upright.shape
    assert np.abs(got.astype(int) - upright).mean() < 3


def test_a_damaged_exif_block_does_not_spoil_the_picture(read, made_face):
    face = Image.fromarray(made_face(32))
    assert read(encoded(face, "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")).shape == (32, 32, 3)


def test_the_first_of_several_pictures(read):
    first, second = Image.new("RGB", (4, 4), (250, 0, 0)), Image.new("RGB", (4, 4), (0, 250, 0))
    got = read(encoded(first, "GIF", save_all=True, append_images=[second]))
    assert got[0, 0].tolist() == [250, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error(read, made_face, kind, share):
    data = encoded(Image.fromarray(made_face(64)), kind)
    with pytest.raises(InputError, match=r"picture\.png: is (truncated|damaged|not a picture)"):
        read(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "zero bytes"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>", "web page"),
        (b"<?xml version='1.0'?><svg/>", "web page or other markup"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(40), "is a film"),
        (b"just some words", "not a picture of a known kind"),
        (b"\x89PNG\r\n\x1a\n", "truncated or damaged|not a picture"),
    ],
)
def test_what_is_no_picture_is_named(read, data, words):
    with pytest.raises(InputError, match=words):
        read(data, "photo.jpg")


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(InputError, match="is a folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("side", [10_000, 14_000, 60_000])
def test_a_file_that_claims_to_be_huge_is_refused_unread(read, side):
    assert side**2 > MAX_PIXELS

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    with pytest.raises(InputError, match="pixels"):
        read(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def test_is_still(tmp_path, made_face):
    face = Image.fromarray(made_face(32))
    for name, data, wanted in (
        ("a.bin", encoded(face, "PNG"), True),
        ("b.gif", encoded(face, "GIF", save_all=True, append_images=[face.rotate(9)]), False),
        ("c.png", b"words", False),
    ):
        (tmp_path / name).write_bytes(data)
        assert is_still(tmp_path / name) is wanted
    assert not is_still(tmp_path / "absent.png")


def small(kind: str, mode: str = "RGB") -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise).convert(mode), kind)


SEEDS = [small("PNG"), small("PNG", "P"), small("JPEG"), small("WEBP"), small("TIFF"), small("GIF", "P"), small("BMP")]
SEEDS.append(cv2.imencode(".png", np.full((6, 6, 3), 999, np.uint16))[1].tobytes())


@pytest.mark.filterwarnings("ignore")  # Pillow and the C libraries grumble at damaged files, as they may
@settings(max_examples=250)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damaged_bytes_give_a_picture_or_our_own_error(tmp_path_factory, seed, changes, keep):
    data = bytearray(seed)
    for place, value in changes:
        data[int(place * len(data))] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed.png"
    path.write_bytes(data[: int(len(data) * keep)])
    got, message = np.zeros((1, 1, 3), np.uint8), str(path)
    try:
        got = read_picture(path)
    except SharpeningError as error:
        message = str(error)
    assert str(path) in message
    assert got.dtype == np.uint8
    assert got.ndim == 3
    assert got.shape[2] == 3


def test_pictures_that_would_start_another_program_are_refused(read, made_face, monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was called"))
    with pytest.raises(InputError, match="picture"):
        read(encoded(Image.fromarray(made_face(48)), "EPS"), "face.png")


def test_several_pictures_of_a_phone_in_one_file_are_read(read, made_face):
    picture = Image.fromarray(made_face(48))
    data = encoded(picture, "MPO", save_all=True, append_images=[picture], quality=95)
    assert np.abs(read(data, "face.jpg").astype(int) - made_face(48)).mean() < 4
