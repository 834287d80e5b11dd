"""Every published form of a StyleGAN file gives the same pictures; every wrong file is named as what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.models.stylegan import StyleGan, Synthesis, load_stylegan
from sharpening.models.stylegan.convert import to_house, which
from sharpening.models.stylegan.load import read_file, settings_of
from sharpening.models.stylegan.published import PUBLISHED, full_shapes, ported_shapes, pulse_mapping_shapes, pulse_synthesis_shapes
from sharpening.weights.card import WeightCard
from sharpening.weights.store import save_state
from tests.models.stylegan.made_gan import TINY, copy_of, house, interfacegan, lernapparat, pulse, tensorflow, tiny
from tests.models.stylegan.made_pickle import written


def pictures(gan: StyleGan, noise: tuple[Tensor, ...] | None = None) -> Tensor:
    dice = torch.Generator().manual_seed(5)
    w_plus = torch.randn(2, gan.synthesis.n_layers, TINY["n_latent"], generator=dice)
    with torch.no_grad():
        return gan.pictures(w_plus, noise, generator=dice if noise is None else None)


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, path)
    return path


def same(loaded: StyleGan, gan: StyleGan) -> bool:
    z = torch.randn(3, TINY["n_latent"], generator=torch.Generator().manual_seed(1))
    return torch.equal(loaded.w(z), gan.w(z)) and torch.equal(pictures(loaded, gan.noise), pictures(gan, gan.noise))


@pytest.mark.parametrize("resolution", [4, 16, 128])
def test_lernapparats_file(tmp_path: Path, resolution: int) -> None:
    gan = tiny(resolution)
    loaded = load_stylegan(saved(tmp_path / "all.pt", lernapparat(gan)))
    assert same(loaded, gan)
    assert loaded.noise is None
    assert loaded.synthesis.eps == 1e-5


@pytest.mark.parametrize("resolution", [4, 16, 128])
def test_interfacegans_file(tmp_path: Path, resolution: int) -> None:
    gan = tiny(resolution)
    loaded = load_stylegan(saved(tmp_path / "gan.pth", interfacegan(gan)))
    assert same(loaded, copy_of(gan, 1e-8))
    assert loaded.synthesis.eps == pytest.approx(1e-8)
    assert torch.equal(loaded.mean_w, gan.mean_w)
    assert all(torch.equal(a, b) for a, b in zip(loaded.noise, gan.noise, strict=True))


@pytest.mark.parametrize("resolution", [4, 16, 128])
def test_nvidias_pickle(tmp_path: Path, resolution: int) -> None:
    gan = tiny(resolution)
    loaded = load_stylegan(written(tmp_path / "gan.pkl", gan))
    assert same(loaded, copy_of(gan, 1e-8))
    assert torch.equal(loaded.mean_w, gan.mean_w)
    assert all(torch.equal(a, b) for a, b in zip(loaded.noise, gan.noise, strict=True))
    assert torch.equal(pictures(loaded, loaded.noise), pictures(copy_of(gan, 1e-8), gan.noise))


@pytest.mark.parametrize(
    ("synthesis_file", "mapping_file"), [("synthesis.pt", "mapping.pt"), ("pulse-synthesis.pth", "pulse-mapping.pt")]
)
def test_pulses_files_beside_each_other(tmp_path: Path, synthesis_file: str, mapping_file: str) -> None:
    gan = tiny(16)
    synthesis, mapping = pulse(gan)
    path = saved(tmp_path / synthesis_file, synthesis)
    with_none = load_stylegan(path, pretrained=tmp_path)
    assert with_none.mapping is None
    saved(tmp_path / mapping_file, mapping)
    assert same(load_stylegan(path), gan)


def test_pulses_mapping_is_found_by_name(tmp_path: Path) -> None:
    gan = tiny(16)
    synthesis, mapping = pulse(gan)
    (tmp_path / "names").mkdir()
    save_state(tmp_path / "names/pulse-mapping.safetensors", to_house(mapping))
    assert same(load_stylegan(saved(tmp_path / "pulse-synthesis.pt", synthesis), pretrained=tmp_path / "names"), gan)
    assert load_stylegan(saved(tmp_path / "my.pt", synthesis), pretrained=tmp_path / "names").mapping is None


def test_a_file_called_mapping_gives_nothing_but_a_mapping(tmp_path: Path) -> None:
    gan, other = tiny(16), tiny(16)
    with torch.no_grad():
        for each in other.synthesis.parameters():
            each.add_(1)
    saved(tmp_path / "mapping.pt", house(other))
    loaded = load_stylegan(saved(tmp_path / "synthesis.pt", pulse(gan)[0]))
    assert torch.equal(loaded.synthesis.torgb.weight, gan.synthesis.torgb.weight)


def test_narrow_generators_are_read_again(tmp_path: Path) -> None:
    for settings in ({"base_channels": 100}, {"base_channels": 64, "most_channels": 8}):
        synthesis = Synthesis(256, n_latent=4, **settings)
        state = {f"synthesis.{key}": value for key, value in synthesis.state_dict().items()}
        save_state(tmp_path / "narrow.safetensors", state)
        assert load_stylegan(tmp_path / "narrow.safetensors").synthesis.resolution == 256


def test_the_houses_form_with_its_card_and_in_half_precision(tmp_path: Path) -> None:
    gan = tiny(32)
    card = WeightCard(name="demo", model="stylegan", source="test", licence="made here", free_use=True, settings={"eps": 1e-8})
    save_state(tmp_path / "demo.safetensors", house(gan), card)
    loaded = load_stylegan("demo", pretrained=tmp_path)
    assert (loaded.name, loaded.licence) == ("demo", "made here")
    assert loaded.synthesis.eps == pytest.approx(1e-8)
    half = {key: value.half() for key, value in to_house(interfacegan(gan)).items()}
    save_state(tmp_path / "half.safetensors", half)
    loaded = load_stylegan(tmp_path / "half.safetensors")
    assert loaded.synthesis.torgb.weight.dtype == torch.float32
    assert loaded.synthesis.eps == pytest.approx(1e-8)
    torch.testing.assert_close(pictures(loaded, gan.noise), pictures(gan, gan.noise), atol=0.05, rtol=0)


@pytest.mark.parametrize("form", [lernapparat, interfacegan, house, lambda gan: pulse(gan)[0]])
def test_module_in_front_and_half_precision_are_accepted(tmp_path: Path, form: Callable[[StyleGan], dict[str, Tensor]]) -> None:
    gan = tiny(16)
    state = {f"module.{key}": value.half() if value.ndim else value for key, value in form(gan).items()}
    loaded = load_stylegan(saved(tmp_path / "wrapped.pth", {"state_dict": state}))
    torch.testing.assert_close(pictures(loaded, gan.noise), pictures(gan, gan.noise), atol=0.05, rtol=0)


def test_forms_are_told_by_their_names() -> None:
    gan = tiny(8)
    states = {"house": house(gan), "lernapparat": lernapparat(gan), "interfacegan": interfacegan(gan)}
    states |= {"pulse-synthesis": pulse(gan)[0], "pulse-mapping": pulse(gan)[1], "tensorflow": tensorflow(gan)[2]}
    assert {form: which(state) for form, state in states.items()} == {form: form for form in states}


def test_two_forms_in_one_file_and_none_are_refused() -> None:
    gan = tiny(8)
    with pytest.raises(WeightsMismatch, match=r"2 forms at once \(pulse-synthesis by .*; lernapparat by .*\)"):
        which({**pulse(gan)[0], **lernapparat(gan)})
    with pytest.raises(WeightsMismatch, match="no StyleGAN .*conv_first.weight.*PULSE's synthesis"):
        which({"conv_first.weight": torch.zeros(1)}, "file.pth")


@pytest.mark.parametrize("form", [lernapparat, interfacegan, house, lambda gan: pulse(gan)[0]])
def test_missing_extra_and_misshaped_tensors_are_named(tmp_path: Path, form: Callable[[StyleGan], dict[str, Tensor]]) -> None:
    state = form(tiny(16))
    first = next(key for key in state if "const" in key or "first_layer" in key)
    lacking = {key: value for key, value in state.items() if key != first}
    with pytest.raises(WeightsMismatch, match="1 missing: blocks.4x4.const"):
        load_stylegan(saved(tmp_path / "a.pth", lacking))
    with pytest.raises(WeightsMismatch, match=r"misshaped: blocks.4x4.const \(got \[1, 6, 8, 8\], wanted \[1, 6, 4, 4\]\)"):
        load_stylegan(saved(tmp_path / "b.pth", {**state, first: torch.zeros(1, 6, 8, 8)}))
    extra = first.rsplit(".", 1)[0] + ".more"
    with pytest.raises(WeightsMismatch, match=r"more"):
        load_stylegan(saved(tmp_path / "c.pth", {**state, extra: torch.zeros(1)}))


def test_a_resolution_with_gaps_is_refused(tmp_path: Path) -> None:
    state = {key: value for key, value in pulse(tiny(16))[0].items() if "8x8" not in key}
    with pytest.raises(WeightsMismatch, match=r"blocks of \[4, 16\] px"):
        load_stylegan(saved(tmp_path / "a.pth", state))
    state = {key.replace("16x16", "32x32"): value for key, value in pulse(tiny(16))[0].items()}
    with pytest.raises(WeightsMismatch, match=r"blocks of \[4, 8, 32\] px"):
        load_stylegan(saved(tmp_path / "b.pth", state))


def test_widths_of_another_network_take_no_memory(tmp_path: Path) -> None:
    state = house(tiny(8))
    key = "synthesis.blocks.4x4.epi2.noise.weight"
    with pytest.raises(WeightsMismatch, match="misshaped"):
        load_stylegan(saved(tmp_path / "a.pth", {**state, key: torch.zeros(10**6)}))
    with pytest.raises(WeightsMismatch, match=r"has \[2, 3\] as synthesis.blocks.4x4.epi2.noise.weight"):
        load_stylegan(saved(tmp_path / "b.pth", {**state, key: torch.zeros(2, 3)}))


def test_fixed_noise_mean_and_blur_must_fit(tmp_path: Path) -> None:
    state = house(tiny(8))
    with pytest.raises(WeightsMismatch, match=r"fixed noise noise.3 is missing, extra or of another shape"):
        load_stylegan(saved(tmp_path / "a.pth", {**state, "noise.3": torch.zeros(1, 1, 4, 4)}))
    with pytest.raises(WeightsMismatch, match=r"mean style of shape \[9\]"):
        load_stylegan(saved(tmp_path / "b.pth", {**state, "mean_w": torch.zeros(9)}))
    blur = "synthesis.layer2.blur.kernel"
    with pytest.raises(WeightsMismatch, match="no one blur for all channels as synthesis.blocks.8x8.conv0_up.intermediate.kernel"):
        load_stylegan(
            saved(tmp_path / "c.pth", {**interfacegan(tiny(8)), blur: torch.randn(6, 1, 3, 3, generator=torch.Generator())})
        )


def test_a_mapping_alone_and_a_web_page_are_called_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch, match="holds no synthesis network. PULSE has two files"):
        load_stylegan(saved(tmp_path / "mapping.pt", pulse(tiny(8))[1]))
    page = tmp_path / "gan.pth"
    page.write_text("\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>")
    with pytest.raises(WeightsMismatch, match="is a web page, not weights"):
        load_stylegan(page)
    with pytest.raises(WeightsMissing, match="nowhere-to-be-found"):
        load_stylegan("nowhere-to-be-found", pretrained=tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_file(tmp_path / "absent.pth")


def test_a_file_of_torch_under_the_name_of_a_pickle_is_read(tmp_path: Path) -> None:
    gan = tiny(8)
    assert same(load_stylegan(saved(tmp_path / "gan.pkl", lernapparat(gan))), gan)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("file", "shapes"),
    [
        ("pulse_synthesis", pulse_synthesis_shapes),
        ("pulse_mapping", pulse_mapping_shapes),
        ("lernapparat_g_all", ported_shapes),
        ("interfacegan_stylegan", full_shapes),
    ],
)
def test_published_names_and_shapes_become_the_houses(parity, file: str, shapes: Callable[[], dict[str, tuple[int, ...]]]) -> None:
    # On no device at all: the shapes count here, and a full file would be 100 MB.
    state = {
        key: torch.zeros(shape, device="cpu" if key.endswith("kernel") else "meta") for key, shape in parity.keys(file).items()
    }
    made = to_house(state)
    assert {key: tuple(value.shape) for key, value in made.items()} == shapes()
    if file != "pulse_mapping":
        settings = settings_of(made)
        assert (settings["resolution"], settings["n_latent"], settings["most_channels"], settings["base_channels"]) == (
            1024,
            512,
            512,
            8192,
        )


def test_every_published_file_says_where_it_is_from_and_on_what_terms() -> None:
    assert len({each.name for each in PUBLISHED}) == len(PUBLISHED)
    for each in PUBLISHED:
        assert each.source
        assert not each.free_use
        assert "CC BY-NC 4.0" in each.licence


def test_terms_of_a_published_name_come_along(tmp_path: Path) -> None:
    loaded = load_stylegan(saved(tmp_path / "karras2019stylegan-ffhq-1024x1024.for_g_all.pt", lernapparat(tiny(8))))
    assert loaded.name == "stylegan-ffhq-port"
    assert "not for commercial use" in loaded.licence
