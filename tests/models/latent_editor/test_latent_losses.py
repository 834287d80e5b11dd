"""The editor's losses: against the official program, and against a slow pixel-by-pixel re-computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import RangeError, WeightsMissing
from sharpening.models.face_id.vgg import VGG_GROUPS, Vgg16Extractor
from sharpening.models.latent_editor.features import editor_maps, halved_to, load_features, shrink_by_halves, shrink_once, usable
from sharpening.models.latent_editor.losses import (
    CrossoverLoss,
    EmbedLoss,
    ExchangeLoss,
    MaskedLoss,
    MaskedStyle,
    masked_gram,
    total,
)
from sharpening.weights.store import save_state
from tests.models.latent_editor.made_editor import tiny_vgg

CUTS = (2, 4, 14, 21)  # of torchvision's features


@pytest.fixture(scope="module")
def official(parity):
    network = Vgg16Extractor(groups=VGG_GROUPS)
    shapes = {key.replace("body", "features"): tuple(value.shape) for key, value in network.state_dict().items()}
    state = parity.seed_state.seeded_state(shapes)
    network.load_state_dict({key.replace("features", "body"): value for key, value in state.items()})
    pictures = [parity.seed_state.smooth_image(name, (3, 1024, 1024))[None] for name in ("eda", "edb", "edc")]
    return network.requires_grad_(False), *pictures, parity.npz("latent_editor_losses")


@pytest.mark.parity
class TestParity:
    """Formulas 1e-5; statistics of network maps 1e-5 of their size too, since everything is in float32 on one path."""

    def test_embedding_crossover_and_exchange(self, official, record_property) -> None:
        network, a, b, c, wanted = official
        mask = torch.sigmoid((torch.arange(1024.0) - 512) / 40).expand(1, 1, 1024, 1024)
        embedding, exchange = EmbedLoss(network, b)(a), ExchangeLoss(network, b, b)(a)
        cross = CrossoverLoss(network, base=c, source=b, mask=mask)(a)
        got = {
            "encode.mse": embedding["pixels"],
            "encode.percep": embedding["features"],
            "cross.l0": cross["source pixels"] + cross["source features"],
            "cross.l1": cross["base pixels"] + cross["base features"],
            "exch.content": exchange["content"],
            "exch.style": exchange["style"],
        }
        differences = {name: abs(float(each) / float(wanted[name]) - 1) for name, each in got.items()}
        record_property("difference", max(differences.values()))
        assert max(differences.values()) < 1e-5, f"relative differences {differences}, allowed 1e-5"

    def test_maps_and_both_ways_of_shrinking(self, official, parity, record_property) -> None:
        network, _, b, _, wanted = official
        maps = editor_maps(network, shrink_once(b))
        differences = [
            *np.abs([float(each.mean()) for each in maps] - wanted["feat.means"]),
            *np.abs([float(each.std(correction=0)) for each in maps] - wanted["feat.stds"]),
        ]
        up = parity.seed_state.tensor_input("up", (1, 1, 16, 16))
        differences.append(np.abs(shrink_once(up, 4).numpy() - wanted["down.single"]).max())
        differences.append(np.abs(shrink_by_halves(up, 4).numpy() - wanted["down.twice"]).max())
        record_property("difference", float(max(differences)))
        assert max(differences) < 1e-5, f"differences {differences}, allowed 1e-5"


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3×3, border of zeros, ReLU: float64 `[c, h, w]`."""
    wide, (height, width) = np.pad(x, ((0, 0), (1, 1), (1, 1))), x.shape[1:]
    taps = (
        np.einsum("oi,ihw->ohw", weight[:, :, i, j], wide[:, i : i + height, j : j + width]) for i in range(3) for j in range(3)
    )
    return np.maximum(sum(taps) + bias[:, None, None], 0)


def slow_maps(network: Vgg16Extractor, picture: np.ndarray) -> list[np.ndarray]:
    """The outputs at torchvision's cuts, by numpy alone."""
    x, found = picture.astype(np.float64), []
    for place, module in enumerate(network.body):
        if isinstance(module, torch.nn.Conv2d):
            x = convolved(x, module.weight.double().numpy(), module.bias.double().numpy())
        elif isinstance(module, torch.nn.MaxPool2d):
            x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
        if place + 1 in CUTS:
            found.append(x)
    return found


def blocks(x: np.ndarray, side: int) -> np.ndarray:
    """Means of whole blocks of `[c, S, S]`."""
    n = x.shape[-1] // side
    return x.reshape(len(x), side, n, side, n).mean(axis=(2, 4))


def central(x: np.ndarray, side: int) -> np.ndarray:
    """Means of the central 2×2 of every block, which is of 4×4 or more."""
    n = x.shape[-1] // side
    low = n // 2 - 1
    return x.reshape(len(x), side, n, side, n)[:, :, low : low + 2, :, low : low + 2].mean(axis=(2, 4))


@pytest.fixture(scope="module")
def vgg() -> Vgg16Extractor:
    return tiny_vgg()


def made(n: int, side: int) -> list[Tensor]:
    return list(torch.rand(n, 1, 3, side, side, generator=torch.Generator().manual_seed(3)))


def error(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return sum(float(np.square(x - y).mean()) for x, y in zip(a, b, strict=True))


def test_embedding_as_a_slow_computation_has_it(vgg) -> None:
    a, b = made(2, 1024)
    terms = EmbedLoss(vgg, b)(a)
    x, y = a[0].numpy(), b[0].numpy()
    assert float(terms["pixels"]) == pytest.approx(np.square(x.astype(np.float64) - y).mean(), rel=1e-5)
    wanted = error(slow_maps(vgg, central(x, 256)), slow_maps(vgg, central(y, 256)))
    assert float(terms["features"]) == pytest.approx(wanted, rel=1e-4)
    assert float(total(terms)) == pytest.approx(float(terms["pixels"] + terms["features"]))


@pytest.mark.parametrize("side", [32, 512])
def test_crossover_as_a_slow_computation_has_it(vgg, side: int) -> None:
    painted, base, source = made(3, side)
    mask = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(1))
    terms = CrossoverLoss(vgg, base, source, mask)(painted)
    small = min(side, 256)
    maps = [slow_maps(vgg, blocks(each[0].numpy(), small)) for each in (painted, base, source)]
    for name, m, target, found in (("source", mask, source, maps[2]), ("base", 1 - mask, base, maps[1])):
        m = m[0].double().numpy()
        pixels = np.square(painted[0].numpy() * m - target[0].numpy() * m).mean()
        assert float(terms[f"{name} pixels"]) == pytest.approx(pixels, rel=1e-5)
        masks = [blocks(m, each.shape[-1]) for each in found]
        wanted = error([x * w for x, w in zip(maps[0], masks, strict=True)], [x * w for x, w in zip(found, masks, strict=True)])
        assert float(terms[f"{name} features"]) == pytest.approx(wanted, rel=1e-4)


def test_exchange_as_a_slow_computation_has_it(vgg) -> None:
    painted, content, style = made(3, 64)
    terms = ExchangeLoss(vgg, content, style)(painted)
    mine, of_content, of_style = (slow_maps(vgg, each[0].numpy()) for each in (painted, content, style))
    assert float(terms["content"]) == pytest.approx(error(mine, of_content), rel=1e-4)
    grams = [np.einsum("ahw,bhw->ab", x[-1], x[-1]) / x[-1].size for x in (mine, of_style)]
    assert float(terms["style"]) == pytest.approx(np.square(grams[0] - grams[1]).mean(), rel=1e-3)


def test_style_is_per_pixel_of_the_mask(vgg) -> None:
    """The same texture in a small and in a large area has the same style."""
    maps = torch.rand(1, 5, 1, 1).expand(1, 5, 8, 8)
    half, spot = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    half[..., :4], spot[..., 2, 3] = 1, 1
    assert torch.allclose(masked_gram(maps, half), masked_gram(maps))
    assert torch.allclose(masked_gram(maps, spot), masked_gram(maps))
    assert not masked_gram(maps, torch.zeros(1, 1, 8, 8)).any()
    (picture,) = made(1, 32)
    ones = torch.ones(1, 1, 32, 32)
    assert float(MaskedStyle(vgg, picture, ones, ones)(picture)["style"]) == 0


def test_no_normalisation_and_gradients_that_flow(vgg) -> None:
    (picture,) = made(1, 32)
    first = editor_maps(vgg, picture)[0]
    assert torch.allclose(first, torch.relu(vgg.body[0](picture)))
    assert [each.shape[-1] for each in editor_maps(vgg, picture)] == [32, 32, 8, 4]
    moving = picture.clone().requires_grad_()
    total(MaskedLoss(vgg, made(2, 32)[1], torch.ones(1, 1, 32, 32))(moving)).backward()
    assert float(moving.grad.abs().sum()) > 0


def test_small_pictures_are_not_shrunk_and_odd_ones_are_refused() -> None:
    (picture,) = made(1, 32)
    assert shrink_once(picture) is picture
    assert shrink_by_halves(picture) is picture
    with pytest.raises(RangeError, match="a quarter"):
        halved_to(torch.rand(1, 1, 12, 12), 8)
    with pytest.raises(RangeError, match="at least 8 px"):
        editor_maps(tiny_vgg(), picture[..., :4, :4])


class TestWhichFeatures:
    """Nothing is left out unless somebody says so."""

    def test_none_is_vgg16_and_its_absence_an_error(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        for attempt in (lambda: usable(None, torch.zeros(1)), lambda: load_features(pretrained=tmp_path)):
            with pytest.raises(WeightsMissing, match=r"vgg16-397923af\.pth.*--as vgg16"):
                attempt()

    def test_it_is_found_by_its_name(self, tmp_path) -> None:
        with torch.device("meta"):
            layout = Vgg16Extractor().state_dict()
        state = {key.replace("body", "features"): torch.zeros(value.shape) for key, value in layout.items()}
        save_state(tmp_path / "vgg16.safetensors", state)
        network = load_features(pretrained=tmp_path)
        assert not any(each.requires_grad for each in network.parameters())

    def test_only_what_can_serve(self, vgg) -> None:
        assert usable(vgg, torch.zeros(1)) is vgg
        assert usable("pixels", torch.zeros(1)) is None
        with pytest.raises(RangeError, match="'nothing'"):
            usable("nothing", torch.zeros(1))
        with pytest.raises(RangeError, match="without relu3_2, relu4_2"):
            usable(Vgg16Extractor(groups=((4, 4), (4, 4))), torch.zeros(1))
