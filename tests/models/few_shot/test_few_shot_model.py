"""The few-shot net against a second writing in plain numpy loops, block by block, and its numbers of weights by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.few_shot.model import FewShotDecoder, FewShotEncoder, FewShotNet, ScalarNorm

TINY = {"width": 2, "n_identity": 5, "n_style": 4, "n_hidden": 3}


def randomised(network, seed=0):
    dice = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in network.state_dict().items():
        if value.ndim > 1:
            state[key] = torch.randn(value.shape, generator=dice) * (2 / value[0].numel()) ** 0.5
        else:
            state[key] = torch.rand(value.shape, generator=dice) + 0.5
    network.load_state_dict(state)
    return network.eval().requires_grad_(False).double()


class ByHand:
    """One sample [c, h, w], each output pixel by itself."""

    def __init__(self, network):
        self.state = {key: value.numpy() for key, value in network.state_dict().items()}

    def conv(self, key, x, *, pad=None, stride=1, mode="constant"):
        weight, bias = self.state[f"{key}.weight"], self.state.get(f"{key}.bias")
        n, _, k, _ = weight.shape
        before, after = pad if pad is not None else (0, 0)
        x = np.pad(x, ((0, 0), (before, after), (before, after)), mode=mode)
        h, w = (x.shape[1] - k) // stride + 1, (x.shape[2] - k) // stride + 1
        out = np.zeros((n, h, w))
        for i in range(h):
            for j in range(w):
                window = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
                out[:, i, j] = (weight * window).sum(axis=(1, 2, 3))
        return out if bias is None else out + bias[:, None, None]

    def norm(self, key, x):
        mean = x.sum() / x.size
        spread = (((x - mean) ** 2).sum() / x.size) ** 0.5
        return (x - mean) / (spread + 1e-3) * self.state[f"{key}.weight"][0] + self.state[f"{key}.bias"][0]

    def dense(self, key, x):
        return self.state[f"{key}.weight"] @ x + self.state[f"{key}.bias"]

    def style(self, x):
        for i in range(3):
            x = relu(self.norm(f"style.norms.{i}", self.dense(f"style.dense.{i}", x)))
        return x

    def adain(self, key, x, style):
        gain, offset = (
            self.state[f"{key}.{part}.weight"][:, :, 0, 0] @ style + self.state[f"{key}.{part}.bias"] for part in ("gain", "offset")
        )
        out = np.empty_like(x)
        for c, values in enumerate(x):
            out[c] = (values - values.mean()) * gain[c] / (values.var() + 1e-5) ** 0.5 + offset[c]
        return out

    def ada_block(self, key, x, style):
        y = relu(self.adain(key, self.conv(f"{key}.conv_0", x, pad=(1, 1), mode="reflect"), style))
        y = self.adain(key, self.conv(f"{key}.conv_1", y, pad=(1, 1), mode="reflect"), style)
        return relu(x + y)

    def up(self, key, x):
        y = self.norm(f"{key}.norm", self.conv(f"{key}.conv", x.repeat(2, axis=1).repeat(2, axis=2), pad=(1, 2)))
        return np.where(y > 0, y, 0.2 * y)

    def spade(self, key, x, segmentation):
        hidden = relu(self.conv(f"{key}.hidden", segmentation, pad=(1, 1)))
        gain, offset = (self.conv(f"{key}.{part}", hidden, pad=(1, 1)) for part in ("gain", "offset"))
        return self.norm(f"{key}.norm", x) * (1 + gain) + offset

    def spade_block(self, key, x, segmentation):
        y = self.conv(f"{key}.conv_0", relu(self.spade(f"{key}.spade_0", x, segmentation)), pad=(1, 1))
        y = self.conv(f"{key}.conv_1", relu(self.spade(f"{key}.spade_1", y, segmentation)), pad=(1, 1))
        return relu(x + y)


def relu(x):
    return np.maximum(x, 0)


def draw(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def close(ours, wanted):
    assert ours.shape == wanted.shape
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-9, atol=1e-10)


def test_published_numbers_of_weights():
    with torch.device("meta"):
        net = FewShotNet()
    assert sum(p.numel() for p in net.encoder.parameters()) == 1_553_480
    assert sum(p.numel() for p in net.decoder.parameters()) == 30_836_953


def test_scalar_norm_is_over_everything(generator):
    norm = randomised(ScalarNorm())
    for shape in ((2, 3, 4, 5), (2, 7)):
        x = 3 * draw(generator, *shape) + 1
        for made, sample in zip(norm(x), x, strict=True):
            close(made, (sample - sample.mean()).numpy() / (sample.numpy().std() + 1e-3) * norm.weight.item() + norm.bias.item())


def test_encoder_by_hand(generator):
    network = randomised(FewShotEncoder(2))
    hand, x = ByHand(network), draw(generator, 2, 9, 32, 48)
    made = network(x)
    for sample, wanted in zip(x.numpy(), made, strict=True):
        for i in range(4):
            sample = relu(hand.norm(f"norms.{i}", hand.conv(f"convs.{i}", sample, pad=(1, 1), stride=2, mode="reflect")))
        close(wanted, sample)


def test_style_and_adain_block_by_hand(generator):
    network = randomised(FewShotDecoder(**TINY))
    hand, x, identity = ByHand(network), draw(generator, 2, 16, 4, 3), draw(generator, 2, 5)
    styles = network.style(identity)
    made = network.ada_0(x, styles)
    for i in range(2):
        style = hand.style(identity[i].numpy())
        close(styles[i], style)
        close(made[i], hand.ada_block("ada_0", x[i].numpy(), style))


def test_up_and_spade_block_by_hand(generator):
    network = randomised(FewShotDecoder(**TINY))
    hand, x, segmentation = ByHand(network), draw(generator, 1, 16, 3, 4), draw(generator, 1, 3, 3, 4)
    close(network.up_1(x)[0], hand.up("up_1", x[0].numpy()))
    close(network.spade_0.spade_0(x, segmentation)[0], hand.spade("spade_0.spade_0", x[0].numpy(), segmentation[0].numpy()))
    close(network.spade_0(x, segmentation)[0], hand.spade_block("spade_0", x[0].numpy(), segmentation[0].numpy()))


def test_the_whole_net_by_hand(generator):
    network = randomised(FewShotNet(**TINY))
    base, face, segmentation = (draw(generator, 1, 3, 32, 32) for _ in range(3))
    identity = draw(generator, 1, 5)
    made = network(base, face, segmentation, identity)
    encoder, hand = ByHand(network.encoder), ByHand(network.decoder)
    x = np.concatenate([each[0].numpy() for each in (base, face, segmentation)])
    for i in range(4):
        x = relu(encoder.norm(f"norms.{i}", encoder.conv(f"convs.{i}", x, pad=(1, 1), stride=2, mode="reflect")))
    assert x.shape == (16, 2, 2)
    vector, b, s = identity[0].numpy(), base[0].numpy(), segmentation[0].numpy()
    style = hand.style(vector)
    x = hand.ada_block("ada_1", hand.ada_block("ada_0", x, style), style)
    x = np.concatenate([x, np.broadcast_to(vector[:, None, None], (5, 2, 2))])
    x = hand.spade_block("spade_0", hand.up("up_0", x), s[:, ::8, ::8])
    x = hand.spade_block("spade_1", hand.up("up_1", x), s[:, ::4, ::4])
    x = hand.up("up_2", np.concatenate([x, b[:, ::4, ::4]]))
    x = hand.up("up_3", np.concatenate([x, b[:, ::2, ::2]]))
    close(made[0], np.tanh(hand.conv("last", x, pad=(1, 2))))


def test_samples_of_a_batch_do_not_mix(generator):
    network = randomised(FewShotNet(**TINY))
    inputs = [draw(generator, 2, 3, 32, 32) for _ in range(3)]
    identity = draw(generator, 2, 5)
    both = network(*inputs, identity)
    for i in range(2):
        one = network(*(each[i : i + 1] for each in inputs), identity[i : i + 1])
        assert torch.allclose(one, both[i : i + 1], rtol=1e-9)


def test_what_it_does_not_take():
    network = FewShotNet(**TINY)
    good, identity = torch.zeros(1, 3, 32, 32), torch.zeros(1, 5)
    for wrong in (torch.zeros(1, 3, 40, 32), torch.zeros(1, 3, 16, 16), torch.zeros(3, 32, 32)):
        with pytest.raises(ShapeError, match="base"):
            network(wrong, wrong, wrong, identity)
    with pytest.raises(ShapeError, match="segmentation"):
        network(good, good, torch.zeros(1, 1, 32, 32), identity)
    with pytest.raises(ShapeError, match="identity"):
        network(good, good, good, torch.zeros(1, 512))
    with pytest.raises(RangeError, match="sizes"):
        FewShotNet(width=0)
