"""Fine-tuning on an own folder in at most ten lines, and what `get_learner` refuses."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.mframe_dl import BatchForm, mframe_dls
from sharpening.models.zoo import create_model, load_model
from sharpening.training.export import export
from sharpening.weights.card import load_card
from sharpening.weights.names import true_name


@pytest.fixture
def tiny_default(tmp_path, monkeypatch) -> None:
    """Weights called "default" where they are looked for, as the shipped ones are."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        export(create_model("fusion_net", preset="tiny"), true_name("default"), tmp_path / "pretrained", form=BatchForm(3, 32, 128))
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "pretrained"))


def test_ten_lines(own_sequences, tiny_default, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = own_sequences
    # ten lines: begin
    from sharpening.mframe_dl import mframe_dls
    from sharpening.models.fusion_net import get_learner
    from sharpening.training.export import export

    dls = mframe_dls(folder, n_frames=3, bs=2)
    learn = get_learner(dls, weights="default")
    learn.fine_tune(1)
    learn.show_results(max_n=1)
    path = export(learn, "mine", "my_weights", data="my own sequences")
    # ten lines: end
    tuned, card = load_model(path)
    default, _ = load_model("default")
    assert card.settings == {"preset": "tiny"}
    assert card.metrics["training/psnr"] > 10
    assert card.metrics["training/psnr"] == pytest.approx(learn.validate()[1])  # not that of the pictures shown
    learn.predict(folder / "take_0")
    assert load_card(export(learn, "again", "my_weights")).metrics == card.metrics
    changed = [key for key, value in tuned.state_dict().items() if not torch.equal(value, default.state_dict()[key])]
    assert any(key.startswith("decoder") for key in changed)
    assert any(key.startswith("encoder") for key in changed)


def test_learner_predicts_and_shows(own_sequences, tiny_default) -> None:
    from matplotlib import pyplot as plt

    from sharpening.models.fusion_net import get_learner

    dls = mframe_dls(own_sequences, n_frames=3, bs=2, device="cpu", motion=True)
    learn = get_learner(dls, weights="default", critic="pixel")
    learn.show_results(max_n=1)
    assert plt.gcf().axes[0].images
    plt.close("all")
    picture = learn.predict(own_sequences / "take_0")[0]
    assert picture.shape == (3, 128, 128)
    assert "forward" not in learn.model.__dict__, "nobody listens in on the network any more"


def test_unet_learner_freezes_what_is_pretrained(own_sequences, tmp_path) -> None:
    from sharpening.models.unet import get_learner
    from sharpening.models.unet.encoder import ResNetEncoder
    from sharpening.weights.store import save_state

    save_state(tmp_path / "resnet18.safetensors", ResNetEncoder("resnet18", 3, 8).state_dict())
    dls = mframe_dls(own_sequences, n_frames=3, size_in=128, normalize=True, bs=2, device="cpu")
    settings = {"critic": "pixel", "encoder": "resnet18", "width": 8}
    learn = get_learner(dls, pretrained=tmp_path / "resnet18.safetensors", first_layer="spread", **settings)
    frozen = {name for name, p in learn.model.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(name.startswith("encoder") for name in frozen)
    assert all("bn" in name or "downsample.1" in name for name, p in learn.model.encoder.named_parameters() if p.requires_grad)
    learn = get_learner(dls, **settings)
    assert all(p.requires_grad for p in learn.model.parameters())
    groups = learn.splitter(learn.model)
    assert sum(len(group) for group in groups) == len(list(learn.model.parameters()))


def test_loaders_of_the_wrong_form_are_refused_with_the_right_call(own_sequences, tiny_default) -> None:
    from sharpening.models import fusion_net, unet

    small = mframe_dls(own_sequences, n_frames=3, bs=2, device="cpu")
    large = mframe_dls(own_sequences, n_frames=3, bs=2, size_in=128, normalize=True, device="cpu")
    normalized = mframe_dls(own_sequences, n_frames=3, bs=2, normalize=True, device="cpu")
    with pytest.raises(ShapeError, match="size_in=128"):
        unet.get_learner(small, critic="pixel")
    with pytest.raises(ShapeError, match="size_in=32"):
        fusion_net.get_learner(large, critic="pixel")
    with pytest.raises(RangeError, match="normalize=False"):
        fusion_net.get_learner(normalized, critic="pixel")
    with pytest.raises(WeightsMismatch, match="fusion_net"):
        unet.get_learner(large, critic="pixel", weights="default")


def test_trained_unet_wants_the_form_that_it_was_trained_with(own_sequences, tmp_path) -> None:
    from fastai.callback.training import GradientClip

    from sharpening.models.unet import get_learner

    shared = {"bs": 2, "size_in": 128, "device": "cpu"}
    net = create_model("unet", n_frames=3, encoder="resnet18", width=8)
    weights = export(net, "mine", tmp_path, form=BatchForm(3, 128, 128, "imagenet"))
    learn = get_learner(mframe_dls(own_sequences, n_frames=3, normalize=True, **shared), critic="pixel", weights=weights, clip=0.3)
    assert torch.equal(learn.model.head.weight, net.head.weight)
    assert [cb.max_norm for cb in learn.cbs if isinstance(cb, GradientClip)] == [0.3]
    with pytest.raises(ShapeError, match="n_frames=3"):
        get_learner(mframe_dls(own_sequences, n_frames=5, normalize=True, **shared), critic="pixel", weights=weights)
    with pytest.raises(RangeError, match="normalize=True"):
        get_learner(mframe_dls(own_sequences, n_frames=3, **shared), critic="pixel", weights=weights)
