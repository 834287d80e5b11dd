"""PSFR-GAN from files: found, read strictly, run on squares and in whole pictures, put back honestly."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import safetensors.torch
import torch

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_tensor, to_uint8
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.psfr_gan import ParseNet, PsfrGan, PsfrGenerator, load_psfr_gan
from sharpening.models.psfr_gan.enhance import truncated
from sharpening.models.psfr_gan.load import load_generator, load_parse_net
from sharpening.models.psfr_gan.published import PUBLISHED
from tests.reconstruct.transfer.conftest import POINTS

TINY = {"width": 4, "n_levels": 3, "side": 8, "n_hidden": 6}  # 64 px


def seeded(build, seed=0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(**settings).eval()


@pytest.fixture
def states():
    generator, parser = seeded(PsfrGenerator, spectral=True, **TINY), seeded(ParseNet, width=4, n_body=1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        generator.train()(torch.rand(1, 3, 64, 64), torch.rand(1, 19, 64, 64))  # settles the vectors of spectral norm
    return generator.state_dict(), parser.state_dict()


@pytest.fixture
def folder(tmp_path, states):
    torch.save(states[0], tmp_path / "psfrgan_epoch15_net_G.pth")
    torch.save(states[1], tmp_path / "parse_multi_iter_90000.pth")
    return tmp_path


@pytest.fixture
def net(folder) -> PsfrGan:
    return load_psfr_gan(folder / "psfrgan_epoch15_net_G.pth")


@pytest.fixture
def landmarks() -> Landmarks:
    return Landmarks(POINTS)


# --- files


def test_published_files_are_found_beside_each_other_and_folded(net, states) -> None:
    assert net.size == 64
    assert net.name == "psfrgan_epoch15_net_G"
    assert "not for commerce" in net.licence
    assert not any("weight_" in key for key in net.generator.state_dict())
    assert not any(p.requires_grad for each in (net.generator, net.parse_net) for p in each.parameters())
    x, parts = torch.rand(1, 3, 64, 64), torch.rand(1, 19, 64, 64)
    original = PsfrGenerator(**TINY, spectral=True)
    original.load_state_dict(states[0])
    wanted = original.eval().requires_grad_(False)(x, parts)
    assert torch.allclose(net.generator(x, parts), wanted, atol=1e-5 * float(wanted.abs().max()))


def test_names_are_searched(tmp_path, states) -> None:
    pretrained = tmp_path / "pretrained"
    pretrained.mkdir()
    safetensors.torch.save_file(states[0], pretrained / "psfrgan-generator.safetensors")
    with pytest.raises(WeightsMissing, match=r"parse_multi_iter_90000.pth.*\n?.*--as psfrgan-parsenet"):
        load_psfr_gan(pretrained=pretrained)
    safetensors.torch.save_file(states[1], pretrained / "psfrgan-parsenet.safetensors")
    assert load_psfr_gan(pretrained=pretrained).size == 64
    torch.save(states[0], tmp_path / "mine.pth")
    assert load_psfr_gan(tmp_path / "mine.pth", pretrained=pretrained).name == "mine"
    with pytest.raises(WeightsMissing, match=r"release v0.1.0.*--as psfrgan-generator"):
        load_psfr_gan(pretrained=tmp_path / "nowhere")


def test_wrapped_and_half_precision_files(tmp_path, states, net) -> None:
    wrapped = {f"module.{key}": value.half() for key, value in states[0].items()}
    torch.save({"state_dict": wrapped}, tmp_path / "wrapped.pth")
    generator = load_generator(tmp_path / "wrapped.pth")
    assert next(generator.parameters()).dtype == torch.float32
    ours, theirs = generator.state_dict(), net.generator.state_dict()
    assert all(torch.allclose(ours[key], theirs[key], atol=2e-3, rtol=1e-2) for key in theirs)


def test_wrong_files_are_told(tmp_path, folder, states) -> None:
    with pytest.raises(WeightsMismatch, match="is no psfrgan_generator.*const_input.*encoder.0"):
        load_generator(folder / "parse_multi_iter_90000.pth")
    with pytest.raises(WeightsMismatch, match="is no psfrgan_parsenet"):
        load_parse_net(folder / "psfrgan_epoch15_net_G.pth")
    for wrong, message in (
        ({"head.0.bias": torch.zeros(7)}, r"misshaped.*head.0.bias"),
        ({"extra": torch.zeros(1)}, "extra"),
        ({"const_input": torch.zeros(1, 32, 5, 8)}, r"const_input \(got"),
        ({"img_out.weight_orig": torch.zeros(3, 0, 3, 3)}, r"wanted \[3\] and \[0\]"),
    ):
        torch.save(states[0] | wrong, tmp_path / "wrong.pth")
        with pytest.raises(WeightsMismatch, match=message):
            load_generator(tmp_path / "wrong.pth")
    torch.save({key: value for key, value in states[1].items() if key != "body.0.conv1.conv2d.weight"}, tmp_path / "less.pth")
    with pytest.raises(WeightsMismatch, match="missing: body.0.conv1.conv2d.weight"):
        load_parse_net(tmp_path / "less.pth")
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(WeightsMismatch, match="page.pth"):
        load_psfr_gan(tmp_path / "page.pth")


def test_a_file_that_would_run_code_does_not(tmp_path, monkeypatch) -> None:
    called = []
    monkeypatch.setattr(builtins, "_told", lambda: called.append(1), raising=False)

    class Evil:
        def __reduce__(self):
            return (eval, ("__import__('builtins')._told()",))

    torch.save({"const_input": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsMismatch):
        load_generator(tmp_path / "evil.pth")
    assert not called


def test_networks_for_other_classes_do_not_go_together() -> None:
    with pytest.raises(RangeError, match="classes of the parser"):
        PsfrGan(PsfrGenerator(**TINY, n_classes=5), ParseNet(width=4, n_body=1))


def test_published_entries_build_what_they_say() -> None:
    import importlib

    assert [each.name for each in PUBLISHED] == ["psfrgan-parsenet", "psfrgan-generator"]
    for each in PUBLISHED:
        for target in (each.build, each.convert):
            module, name = target.split(":")
            assert callable(getattr(importlib.import_module(module), name))
        assert not each.free_use


# --- squares


def test_enhance_is_parse_and_generate(net, generator) -> None:
    pictures = torch.rand((2, 3, 64, 64), generator=generator)
    parts = net.parse(pictures)
    assert parts.shape == (2, 19, 64, 64)
    assert set(parts.unique().tolist()) == {0, 1}
    assert bool((parts.sum(dim=1) >= 1).all())
    made = net.enhance(pictures)
    wanted = ((net.generator(2 * pictures - 1, parts) + 1) / 2).clamp(0, 1)
    assert torch.equal(made, wanted)
    assert torch.equal(net.enhance(pictures, parts), made)
    turned = net.enhance(pictures, parts.roll(1, dims=1))
    assert not torch.equal(turned, made)  # the parts are really used


def test_the_thesis_way_enlarges_first(net, generator) -> None:
    small = torch.rand((1, 3, 20, 20), generator=generator)
    large = torch.nn.functional.interpolate(small, 64, mode="bicubic", align_corners=False).clamp(0, 1)
    assert torch.allclose(net.enhance(small), net.enhance(large), atol=1e-5)
    assert net.enhance(small.double()).dtype == torch.float64
    with pytest.raises(ShapeError, match="squares"):
        net.enhance(torch.rand(1, 3, 64, 60))


def test_saved_as_published_is_cut_off() -> None:
    picture = torch.tensor([0.0, 0.999, 1.0, 100.9 / 255, -0.2, 1.7]).view(1, 1, 6).expand(3, 1, 6)
    assert truncated(picture)[0, :, 0].tolist() == [0, 254, 255, 100, 0, 255]
    assert to_uint8(picture)[0, :, 0].tolist() == [0, 255, 255, 101, 0, 255]


# --- whole pictures


def test_only_the_aligned_place_changes_and_the_mask_says_how_much(net, astronaut_face, landmarks) -> None:
    picture = to_tensor(astronaut_face)
    wide = torch.nn.functional.pad(picture, (60, 60, 60, 60), value=0.5)
    done = net.enhance_whole(wide, Landmarks(POINTS + 60))
    assert done.picture.shape == wide.shape
    assert done.face.shape == (3, 64, 64)
    untouched = (done.mask[0] == 0).expand(3, -1, -1)
    assert 0.1 < float(untouched.float().mean()) < 0.9
    assert torch.equal(done.picture[untouched], wide[untouched])
    full = (done.mask[0] > 0.999).expand(3, -1, -1)
    alone = done.way.back(done.face, torch.zeros_like(wide))
    assert float((done.picture - alone)[full].abs().max()) < 1e-2
    hard = net.enhance_whole(wide, Landmarks(POINTS + 60), fade=0)
    assert float(hard.mask.mean()) > float(done.mask.mean())


def test_black_pixels_of_the_result_are_taken_too(net, astronaut_face, landmarks, monkeypatch) -> None:
    # The published paste-back would keep the original there.
    monkeypatch.setattr(net, "enhance", torch.zeros_like)
    done = net.enhance_whole(to_tensor(astronaut_face), landmarks, fade=0)
    inside = (done.mask[0] > 0).expand(3, -1, -1)
    assert float(done.picture[inside].max()) < 1e-6


def test_without_a_face(net) -> None:
    with pytest.raises(NoFaceFound, match="landmarks"):
        net.enhance_whole(torch.full((3, 100, 100), 0.5))
    with pytest.raises(ShapeError, match="picture"):
        net.enhance_whole(torch.rand(1, 3, 64, 64))


def test_fading_is_a_frame() -> None:
    mask = fading(32, 64)
    assert mask.shape == (1, 32, 64)
    assert float(mask[0, 4:28, 8:56].min()) == 1
    assert np.allclose(mask[0, 16, :8].numpy(), (np.arange(8) + 0.5) / 8)
    assert torch.equal(fading(5, 7, 0), torch.ones(1, 5, 7))
    with pytest.raises(RangeError, match="share"):
        fading(5, 5, 0.6)
