"""Keras files made by the test, read back: layouts, order, twins, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import InputError, RangeError, SharpeningError, WeightsMismatch, WeightsMissing
from sharpening.models.few_shot import FewShotNet, load_few_shot_net
from sharpening.models.few_shot.h5 import decoder_to_house, encoder_to_house, read_h5
from sharpening.models.few_shot.published import PUBLISHED
from sharpening.weights.store import save_state

h5py = pytest.importorskip("h5py")

TINY = {"width": 2, "n_identity": 5, "n_style": 4, "n_hidden": 3}
NAMES = {"weight": "kernel:0", "bias": "bias:0"}


@pytest.fixture
def net() -> FewShotNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = FewShotNet(**TINY)
        for value in made.parameters():
            torch.nn.init.normal_(value)
    return made.eval().requires_grad_(False)


def keras_layers(module, *, swap=()):
    """Layers in the order of the data with their weights as Keras lays them out; layers without weights stand between."""
    layers = [(name, each) for name, each in module.named_modules() if list(each.parameters(recurse=False))]
    if swap:
        by_name = dict(layers)
        other = {"gain": "offset", "offset": "gain"}
        names = [name for name, _ in layers]
        layers = []
        for name in names:
            stem, _, leaf = name.rpartition(".")
            taken = f"{stem}.{other[leaf]}" if leaf in other and name.split("_")[0] in swap else name
            layers.append((taken, by_name[taken]))
    for number, (_, each) in enumerate(layers):
        weights = []
        is_norm = all(p.numel() == 1 for p in each.parameters())
        for key, value in each.named_parameters(recurse=False):
            name = {"weight": "gamma:0", "bias": "beta:0"}[key] if is_norm else NAMES[key]
            array = value.detach().numpy()
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T if array.ndim == 2 else array
            weights.append((f"layer_{number}/{name}", array))
        yield f"layer_{number}", weights
        yield f"activation_{number}", []


def write_h5(path, module, *, group="", chunked=False, swap=(), change=None):
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        layers = list(keras_layers(module, swap=swap))
        if change:
            layers = change(layers)
        names = np.array([name.encode() for name, _ in layers])
        if chunked:
            for i, piece in enumerate(np.array_split(names, 3)):
                root.attrs[f"layer_names{i}"] = piece
        else:
            root.attrs["layer_names"] = names
        for layer, weights in layers:
            inner = root.create_group(layer)
            inner.attrs["weight_names"] = np.array([name.encode() for name, _ in weights]) if weights else np.array([], "S1")
            for name, array in weights:
                inner.create_dataset(name, data=array)
    return path


@pytest.fixture
def folder(tmp_path, net):
    write_h5(tmp_path / "encoder.h5", net.encoder)
    write_h5(tmp_path / "decoder.h5", net.decoder, group="model_weights")
    return tmp_path


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[key]) for key, value in a.items())


@pytest.mark.parametrize("form", [{}, {"group": "model_weights"}, {"chunked": True}])
def test_both_parts_come_back(tmp_path, net, form):
    for part, convert in ((net.encoder, encoder_to_house), (net.decoder, decoder_to_house)):
        state = read_h5(write_h5(tmp_path / "part.h5", part, **form))
        assert same(convert(state), part.state_dict())


def test_the_folder_gives_the_net(folder, net, generator):
    loaded = load_few_shot_net(folder)
    assert same(loaded.state_dict(), net.state_dict())
    assert not any(p.requires_grad for p in loaded.parameters())
    assert same(load_few_shot_net(folder / "encoder.h5").state_dict(), net.state_dict())
    inputs = [torch.rand((1, 3, 32, 32), generator=generator) for _ in range(3)]
    identity = torch.rand((1, 5), generator=generator)
    assert torch.equal(loaded(*inputs, identity), net(*inputs, identity))


def test_converted_files(tmp_path, net):
    one = save_state(tmp_path / "few-shot.safetensors", net.state_dict())
    assert same(load_few_shot_net(one).state_dict(), net.state_dict())
    assert same(load_few_shot_net("few-shot", pretrained=tmp_path).state_dict(), net.state_dict())
    parts = tmp_path / "parts"
    parts.mkdir()
    for part in ("encoder", "decoder"):
        save_state(parts / f"few-shot-{part}.safetensors", getattr(net, part).state_dict())
    assert same(load_few_shot_net(parts).state_dict(), net.state_dict())
    assert same(load_few_shot_net(pretrained=parts).state_dict(), net.state_dict())
    torch.save({f"module.{key}": value.half() for key, value in net.state_dict().items()}, tmp_path / "half.pth")
    half = load_few_shot_net(tmp_path / "half.pth").state_dict()
    assert all(
        value.dtype == torch.float32 and torch.allclose(value, net.state_dict()[key], atol=0.01) for key, value in half.items()
    )


@pytest.mark.parametrize("kind", ["ada", "spade"])
def test_twins_in_the_other_order(tmp_path, net, kind):
    state = read_h5(write_h5(tmp_path / "decoder.h5", net.decoder, swap=(kind,)))
    assert same(decoder_to_house(state, offset_first=(kind,)), net.decoder.state_dict())
    mistaken = decoder_to_house(state)
    wanted = net.decoder.state_dict()
    wrong = {key for key, value in wanted.items() if not torch.equal(value, mistaken[key])}
    assert wrong
    assert all((".gain." in key or ".offset." in key) and key.startswith(kind) for key in wrong)
    with pytest.raises(RangeError, match="ada, spade"):
        decoder_to_house(state, offset_first=("style",))


def test_a_model_inside_a_model(tmp_path, net):
    def nest(layers):
        return [("model_1", [weight for _, weights in layers for weight in weights])]

    state = read_h5(write_h5(tmp_path / "decoder.h5", net.decoder, change=nest))
    assert same(decoder_to_house(state), net.decoder.state_dict())


def test_other_nets_are_told(tmp_path, net, folder):
    with pytest.raises(WeightsMismatch, match=r"no layer for convs.0|does not know"):
        encoder_to_house(read_h5(folder / "decoder.h5"))
    with pytest.raises(WeightsMismatch, match="no layer for"):
        decoder_to_house(read_h5(folder / "encoder.h5"))

    def wider(layers):
        return [
            (name, [(key, np.zeros((*array.shape, 2))) if array.ndim == 1 else (key, array) for key, array in weights])
            for name, weights in layers
        ]

    with pytest.raises(WeightsMismatch, match=r"no layer for norms.0 with \[1\] and \[1\]"):
        encoder_to_house(read_h5(write_h5(tmp_path / "odd.h5", net.encoder, change=wider)))
    more = [("more", [("more/kernel:0", np.zeros((1, 1, 7, 7)))])]
    with pytest.raises(WeightsMismatch, match="does not know: 1 of"):
        encoder_to_house(read_h5(write_h5(tmp_path / "more.h5", net.encoder, change=lambda layers: layers + more)))
    write_h5(folder / "decoder.h5", net.encoder)
    with pytest.raises(WeightsMismatch, match=r"decoder.h5: has no layer"):
        load_few_shot_net(folder)


def test_files_that_are_none(tmp_path, net):
    page = tmp_path / "encoder.h5"
    page.write_text("<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(WeightsMismatch, match=r"encoder.h5: is a web page"):
        read_h5(page)
    with pytest.raises(InputError, match="no such file"):
        read_h5(tmp_path / "nowhere.h5")
    whole = write_h5(tmp_path / "whole.h5", net.encoder).read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsMismatch, match="half.h5"):
        read_h5(tmp_path / "half.h5")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.attrs["layer_names"] = np.array([], "S1")
    with pytest.raises(WeightsMismatch, match="holds no weights"):
        read_h5(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(3))
    with pytest.raises(WeightsMismatch, match="no layer_names"):
        read_h5(tmp_path / "plain.h5")


def test_links_text_and_nan_are_refused(tmp_path, net):
    def spoiled(value):
        path = write_h5(tmp_path / "spoiled.h5", net.encoder)
        with h5py.File(path, "a") as file:
            del file["layer_0/layer_0/kernel:0"]
            file["layer_0/layer_0/kernel:0"] = value
        return path

    write_h5(tmp_path / "secret.h5", net.encoder)
    with pytest.raises(WeightsMismatch, match="no array|leads out of the file"):
        read_h5(spoiled(h5py.ExternalLink("secret.h5", "/layer_0/layer_0/kernel:0")))
    with pytest.raises(WeightsMismatch, match="no array|leads out of the file"):
        read_h5(spoiled("text"))
    with pytest.raises(WeightsMismatch, match="NaN"):
        read_h5(spoiled(np.full((3, 3, 9, 2), np.nan)))


def test_missing_files_say_where_they_come_from(tmp_path, folder):
    (folder / "decoder.h5").unlink()
    with pytest.raises(WeightsMissing, match=r"decoder.h5.*--as few-shot-decoder"):
        load_few_shot_net(folder)
    with pytest.raises(WeightsMissing, match=r"encoder.h5.*--as few-shot-encoder"):
        load_few_shot_net(pretrained=tmp_path / "nowhere")
    with pytest.raises(WeightsMissing, match="decoder.h5"):
        load_few_shot_net(folder / "encoder.h5")
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsMismatch, match="holds no few-shot net"):
        load_few_shot_net(tmp_path / "other.pth")


def test_without_the_library(tmp_path, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "h5py" else real(name, *more))
    with pytest.raises(SharpeningError, match="few-shot"):
        read_h5(tmp_path / "encoder.h5")


def test_published_entries_build_what_they_say():
    import importlib

    assert [each.name for each in PUBLISHED] == ["few-shot-encoder", "few-shot-decoder"]
    for each in PUBLISHED:
        for target in (each.build, each.convert):
            module, name = target.split(":")
            assert callable(getattr(importlib.import_module(module), name))
        assert not each.free_use
