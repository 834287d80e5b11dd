"""The few-shot GAN as a transfer, with a small net: loaded from a folder, drawn on the base, missing files named."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import ShapeError, WeightsMissing
from sharpening.models.face_id import ir_se50
from sharpening.models.few_shot import FewShot, FewShotNet, translate
from sharpening.reconstruct.transfer import few_shot as module
from sharpening.reconstruct.transfer.few_shot import load_few_shot
from sharpening.reconstruct.transfer.method import create_transfer
from sharpening.weights.store import save_state


@pytest.fixture(scope="module")
def face_net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ir_se50.IrSe50(widths=(16, 16, 16, 16), units=(1, 1, 1, 1)).requires_grad_(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("few-shot")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = FewShotNet(width=2, n_style=4, n_hidden=3)
    for part in ("encoder", "decoder"):
        save_state(place / f"few-shot-{part}.safetensors", getattr(net, part).state_dict())
    return place


@pytest.fixture
def small_face_net(monkeypatch, face_net, folder, tmp_path):
    """The real IR-SE-50 has 44 million weights; the file's place counts here."""
    seen = []
    monkeypatch.setattr(module, "load_ir_se50", lambda path: seen.append(path) or face_net)
    return seen


def test_the_source_is_drawn_in_the_bases_pose(folder, face_net, make_pair, small_face_net, tmp_path) -> None:
    (tmp_path / "model_ir_se50.pth").touch()
    made = make_pair()
    transfer = create_transfer("few-shot", weights=folder, pretrained=tmp_path)
    assert small_face_net == [tmp_path / "model_ir_se50.pth"]
    moved = transfer(made.source, made.base, made.mask)
    assert moved.picture.shape == made.base.picture.shape
    assert moved.valid.shape == made.mask.shape
    assert moved.picture.dtype == moved.valid.dtype == torch.float32
    assert float(moved.valid[made.mask > 0.5].min()) == 1
    network = transfer.keywords["network"]
    assert isinstance(network, FewShot)
    base, source = ((view.picture, view.landmarks) for view in (made.base, made.source))
    done = translate(network, base, [source])
    middle = (done.mask[0] > 0.999).expand(3, -1, -1)
    assert torch.allclose(moved.picture[middle], done.picture[middle], atol=2e-3)
    assert torch.equal(transfer(made.source, made.base, made.mask).picture, moved.picture)


def test_the_face_net_is_found_beside_the_files(folder, small_face_net) -> None:
    (folder / "ir_se50.pth").touch()
    try:
        load_few_shot(folder)
        load_few_shot(folder / "few-shot-encoder.safetensors")
    finally:
        (folder / "ir_se50.pth").unlink()
    assert small_face_net == [folder / "ir_se50.pth"] * 2


def test_missing_files_are_named(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SHARPENING_PRETRAINED", raising=False)
    with pytest.raises(WeightsMissing, match=r"model_ir_se50.pth of TreB1eN"):
        load_few_shot(folder, pretrained=tmp_path)
    with pytest.raises(WeightsMissing, match=r"encoder.h5.*sharpening weights import encoder.h5 --as few-shot-encoder"):
        create_transfer("few-shot", pretrained=tmp_path)


def test_a_mask_of_another_size_is_refused(folder, face_net, make_pair) -> None:
    made = make_pair()
    network = FewShot(FewShotNet(width=2, n_style=4, n_hidden=3), face_net, size=64)
    with pytest.raises(ShapeError, match="mask"):
        create_transfer("few-shot", network=network)(made.source, made.base, made.mask[:, :-1])
