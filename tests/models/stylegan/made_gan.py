"""Tiny StyleGANs, in the house's form and as others would have written them, and a slow painter to compare with."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sharpening.models.stylegan import Mapping, StyleGan, Synthesis, draw_noise
from sharpening.models.stylegan.load import build_stylegan

TINY = {"n_latent": 8, "most_channels": 6, "base_channels": 64}


def tiny(resolution: int = 16, *, seed: int = 0, eps: float = 1e-5, extras: bool = True) -> StyleGan:
    """A generator with no weight left at its start; with `extras` also a mean style and fixed noise."""
    dice = torch.Generator().manual_seed(seed)
    synthesis, mapping = Synthesis(resolution, **TINY, eps=eps), Mapping(TINY["n_latent"], 2)
    for name, value in [*synthesis.named_parameters(), *mapping.named_parameters()]:
        large = 100 if name.startswith("dense") else 1  # the mapping's are multiplied by 0.01 where they are used
        value.data = torch.randn(value.shape, generator=dice) * (0.3 if name.endswith("bias") else large)
    noise = tuple(draw_noise(synthesis, generator=dice))
    gan = StyleGan(synthesis.eval(), mapping.eval(), torch.randn(TINY["n_latent"], generator=dice), noise)
    return gan if extras else StyleGan(gan.synthesis, gan.mapping)


def house(gan: StyleGan) -> dict[str, Tensor]:
    state = {f"synthesis.{k}": v.clone() for k, v in gan.synthesis.state_dict().items()}
    state |= {f"mapping.{k}": v.clone() for k, v in gan.mapping.state_dict().items()} if gan.mapping else {}
    state |= {"mean_w": gan.mean_w.clone()} if gan.mean_w is not None else {}
    return state | {f"noise.{i}": each.clone() for i, each in enumerate(gan.noise or ())}


def pulse(gan: StyleGan) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """PULSE's two files."""
    return dict(gan.synthesis.state_dict()), dict(gan.mapping.state_dict())


def lernapparat(gan: StyleGan) -> dict[str, Tensor]:
    state = {f"g_mapping.{k}": v for k, v in gan.mapping.state_dict().items()}
    for key, value in gan.synthesis.state_dict().items():
        for i in (1, 2):
            key = key.replace(f"epi{i}.noise", f"epi{i}.top_epi.noise")
        state[f"g_synthesis.{key}"] = value
    return state


def interfacegan(gan: StyleGan) -> dict[str, Tensor]:
    """What InterFaceGAN's tool makes: layers in a row, fused weights in TensorFlow's order, ToRGB of all sizes."""
    state = {"truncation.w_avg": gan.mean_w, "truncation.truncation": torch.ones(1, 18, 1), "synthesis.lod": torch.tensor(0.0)}
    for key, value in gan.mapping.state_dict().items():
        dense, leaf = key.split(".")
        state[f"mapping.{dense}.{'linear' if leaf == 'weight' else 'wscale'}.{leaf}"] = value
    for n, (name, block) in enumerate(gan.synthesis.blocks.items()):
        side = int(name.split("x")[0])
        for i, epilogue in ((2 * n, block.epi1), (2 * n + 1, block.epi2)):
            front = f"synthesis.layer{i}.epilogue"
            state[f"{front}.apply_noise.weight"], state[f"{front}.apply_noise.noise"] = epilogue.noise.weight, gan.noise[i]
            state[f"{front}.style_mod.dense.linear.weight"] = epilogue.style_mod.lin.weight
            state[f"{front}.style_mod.dense.wscale.bias"] = epilogue.style_mod.lin.bias
        first, second = f"synthesis.layer{2 * n}", f"synthesis.layer{2 * n + 1}"
        conv = block.conv if side == 4 else block.conv1
        state[f"{second}.conv.weight"], state[f"{second}.epilogue.bias"] = conv.weight, conv.bias
        if side == 4:
            state[f"{first}.first_layer"], state[f"{first}.epilogue.bias"] = block.const, block.bias
        else:
            up = block.conv0_up
            state[f"{first}.epilogue.bias"] = up.bias
            state[f"{first}.blur.kernel"] = up.intermediate.kernel.repeat(len(up.bias), 1, 1, 1)
            fused = {f"{first}.weight": up.weight.permute(2, 3, 1, 0)}
            state |= fused if side >= 128 else {f"{first}.conv.weight": up.weight}
        last = side == gan.synthesis.resolution
        state[f"synthesis.output{n}.conv.weight"] = gan.synthesis.torgb.weight if last else torch.zeros(3, len(conv.bias), 1, 1)
        state[f"synthesis.output{n}.bias"] = gan.synthesis.torgb.bias if last else torch.zeros(3)
    return {key: value.detach() for key, value in state.items()}


def tensorflow(gan: StyleGan) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Variables of the whole, of the mapping and of the synthesis, as in NVIDIA's pickle."""
    own = {"lod": torch.tensor(0.0), "dlatent_avg": gan.mean_w}
    mapping = {
        k.replace("dense", "Dense").replace(".", "/"): v.T if v.ndim == 2 else v for k, v in gan.mapping.state_dict().items()
    }
    state = {"lod": torch.tensor(0.0), "ToRGB_lod0/bias": gan.synthesis.torgb.bias, "ToRGB_lod1/bias": torch.zeros(3)}
    state["ToRGB_lod0/weight"] = gan.synthesis.torgb.weight.permute(2, 3, 1, 0)
    state |= {f"noise{i}": each for i, each in enumerate(gan.noise)}
    for name, block in gan.synthesis.blocks.items():
        layers = ("Const", "Conv") if name == "4x4" else ("Conv0_up", "Conv1")
        for layer, epilogue in zip(layers, (block.epi1, block.epi2), strict=True):
            front = f"{name}/{layer}"
            state[f"{front}/Noise/weight"] = epilogue.noise.weight
            state[f"{front}/StyleMod/weight"] = epilogue.style_mod.lin.weight.T
            state[f"{front}/StyleMod/bias"] = epilogue.style_mod.lin.bias
            if layer == "Const":
                state[f"{front}/const"], state[f"{front}/bias"] = block.const, block.bias
            else:
                conv = getattr(block, layer.lower())
                state[f"{front}/weight"], state[f"{front}/bias"] = conv.weight.permute(2, 3, 1, 0), conv.bias
    return own, mapping, {key: value.detach() for key, value in state.items()}


def copy_of(gan: StyleGan, eps: float = 1e-5) -> StyleGan:
    """The same generator with another eps."""
    return build_stylegan({**house(gan), "eps": torch.tensor(eps)}, "copy")


# The slow painter: SPECS in float64 numpy, tap by tap, without one layer of torch.


def convolved(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    k, (height, width) = weight.shape[-1], x.shape[-2:]
    wide = np.pad(x, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    taps = ((a, b) for a in range(k) for b in range(k))
    return sum(np.einsum("oi,nihw->nohw", weight[:, :, a, b], wide[:, :, a : a + height, b : b + width]) for a, b in taps)


def enlarged(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Under 128 px nearest and a convolution; from there on every pixel throws a 4×4 stamp, two pixels apart."""
    side = 2 * x.shape[-1]
    if side < 128:
        return convolved(x.repeat(2, axis=2).repeat(2, axis=3), weight)
    canvas = np.zeros((x.shape[0], weight.shape[0], side + 2, side + 2))
    for a in range(4):
        for b in range(4):
            inside = [(a - i, b - j) for i in (0, 1) for j in (0, 1) if 0 <= a - i < 3 and 0 <= b - j < 3]
            stamp = sum(weight[:, :, i, j] for i, j in inside)
            canvas[:, :, a : a + side : 2, b : b + side : 2] += np.einsum("oi,nihw->nohw", stamp, x)
    return canvas[:, :, 1:-1, 1:-1]


def blurred(x: np.ndarray) -> np.ndarray:
    wide, (height, width) = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), x.shape[-2:]
    line = (1, 2, 1)
    return sum(line[a] * line[b] / 16 * wide[:, :, a : a + height, b : b + width] for a in range(3) for b in range(3))


def styled(
    x: np.ndarray, state: dict[str, np.ndarray], front: str, latent: np.ndarray, noise: np.ndarray, eps: float
) -> np.ndarray:
    x = x + state[f"{front}.noise.weight"][None, :, None, None] * noise
    x = np.where(x > 0, x, 0.2 * x)
    x = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + eps)
    style = latent @ state[f"{front}.style_mod.lin.weight"].T / math.sqrt(latent.shape[1]) + state[f"{front}.style_mod.lin.bias"]
    gain, offset = np.split(style, 2, axis=1)
    return x * (gain + 1)[:, :, None, None] + offset[:, :, None, None]


def painted(gan: StyleGan, w_plus: Tensor, noise: list[Tensor]) -> np.ndarray:
    """What `Synthesis` should give."""
    state = {key: value.double().numpy() for key, value in gan.synthesis.state_dict().items()}
    w, maps = w_plus.double().numpy(), [each.double().numpy() for each in noise]
    x = np.zeros(0)
    for n in range(gan.synthesis.n_layers // 2):
        front = f"blocks.{2 ** (n + 2)}x{2 ** (n + 2)}"
        if n == 0:
            x = (state[f"{front}.const"] + state[f"{front}.bias"][None, :, None, None]).repeat(len(w), axis=0)
        else:
            weight = state[f"{front}.conv0_up.weight"]
            x = blurred(enlarged(x, weight * math.sqrt(2 / weight[0].size))) + state[f"{front}.conv0_up.bias"][None, :, None, None]
        x = styled(x, state, f"{front}.epi1", w[:, 2 * n], maps[2 * n], gan.synthesis.eps)
        conv = f"{front}.conv" if n == 0 else f"{front}.conv1"
        weight = state[f"{conv}.weight"]
        x = convolved(x, weight * math.sqrt(2 / weight[0].size)) + state[f"{conv}.bias"][None, :, None, None]
        x = styled(x, state, f"{front}.epi2", w[:, 2 * n + 1], maps[2 * n + 1], gan.synthesis.eps)
    weight = state["torgb.weight"]
    return convolved(x, weight / math.sqrt(weight.shape[1])) + state["torgb.bias"][None, :, None, None]
