"""The cross-over in latent space: what is painted comes into the mask, in any size, and what loads it says what it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import RangeError, WeightsMissing
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_id.vgg import Vgg16Extractor
from sharpening.models.latent_editor import crossover
from sharpening.reconstruct.crossover import create_crossover
from sharpening.reconstruct.crossover.soft import soft_mask
from sharpening.reconstruct.crossover.stylegan import StyleGanCrossover, load_stylegan_crossover, stylegan
from sharpening.weights.store import save_state
from tests.models.latent_editor.made_editor import picture_of, tiny_gan, tiny_vgg

GAN = tiny_gan()
NETWORK = StyleGanCrossover(GAN, tiny_vgg())


def disc(side: int, radius: float) -> Tensor:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    return torch.from_numpy((rows**2 + columns**2 <= radius**2).astype(np.float32))[None]


def enlarged(seed: int, side: int) -> Tensor:
    return resize_tensor(picture_of(GAN, seed)[None], side)[0].clamp(0, 1)


@pytest.mark.parametrize("side", [32, 80])
def test_the_source_comes_into_the_mask(side: int) -> None:
    base, source = enlarged(1, side), enlarged(2, side)
    made = stylegan(base, source, disc(side, 0.22 * side), network=NETWORK, steps=80, lr=0.05, start="mean")
    deep, far = disc(side, 0.16 * side), 1 - disc(side, 0.42 * side)
    assert float(((made - source) * deep).square().sum()) < 0.3 * float(((base - source) * deep).square().sum())
    assert torch.equal((made * far), base * far)
    assert made.shape == base.shape


def test_it_is_the_editors_picture_under_the_softened_mask() -> None:
    base, source, mask = enlarged(1, 32), enlarged(2, 32), disc(32, 9)
    made = stylegan(base, source, mask, network=NETWORK, steps=3, seed=6)
    soft = soft_mask(mask)
    dice = torch.Generator().manual_seed(6)
    painted = crossover(GAN, base, source, soft, features=NETWORK.features, steps=3, generator=dice).picture
    assert torch.allclose(made, soft * painted + (1 - soft) * base, atol=1e-6)


def test_the_same_seed_gives_the_same() -> None:
    base, source, mask = enlarged(1, 32), enlarged(2, 32), disc(32, 9)
    a, b, c = (stylegan(base, source, mask, network=NETWORK, steps=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_settings_are_checked() -> None:
    base, mask = enlarged(1, 32), disc(32, 9)
    with pytest.raises(RangeError, match="0 or more"):
        stylegan(base, base, mask, network=NETWORK, softness=-1.0)
    with pytest.raises(RangeError, match="steps, lr"):
        stylegan(base, base, mask, network=NETWORK, steps=-1)
    with pytest.raises(RangeError, match="feather"):
        create_crossover("stylegan", network=NETWORK, feather=1)


class TestLoading:
    """From files of others."""

    @pytest.fixture(autouse=True)
    def _nothing_elsewhere(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "none"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))

    @staticmethod
    def save(folder, name: str):
        return save_state(folder / f"{name}.safetensors", {f"synthesis.{k}": v for k, v in GAN.synthesis.state_dict().items()})

    @staticmethod
    def save_vgg(folder) -> None:
        with torch.device("meta"):
            layout = Vgg16Extractor().state_dict()
        state = {key.replace("body", "features"): torch.zeros(value.shape) for key, value in layout.items()}
        save_state(folder / "vgg16.safetensors", state)

    def test_by_its_name_and_with_vgg16(self, tmp_path) -> None:
        self.save(tmp_path, "stylegan-ffhq")
        self.save_vgg(tmp_path)
        network = load_stylegan_crossover(None, pretrained=tmp_path)
        assert network.gan.synthesis.resolution == 32
        assert isinstance(network.features, Vgg16Extractor)
        cross = create_crossover("stylegan", pretrained=tmp_path, steps=1)
        made = cross(enlarged(1, 40), enlarged(2, 40), disc(40, 10))
        assert not torch.equal(made, enlarged(1, 40))

    def test_without_a_generator(self, tmp_path) -> None:
        with pytest.raises(WeightsMissing, match=r"karras2019stylegan-ffhq-1024x1024\.pkl.*\n?.*--as stylegan-ffhq"):
            create_crossover("stylegan", pretrained=tmp_path)
        with pytest.raises(WeightsMissing, match="mine"):
            create_crossover("stylegan", weights="mine", pretrained=tmp_path)

    def test_without_vgg16(self, tmp_path) -> None:
        path = self.save(tmp_path, "mine")
        with pytest.raises(WeightsMissing, match=r"vgg16-397923af\.pth.*--as vgg16"):
            create_crossover("stylegan", weights=path, pretrained=tmp_path)
