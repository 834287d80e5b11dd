"""LPIPS: a second form of the formula over random backbones, the published heads where they are, and what is missing."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.metrics.lpips import lpips_metric, perceptual_distance
from sharpening.models.face_id.vgg import Vgg16Extractor
from sharpening.models.lpips import LpipsNet, load_lpips
from sharpening.models.lpips.alexnet import AlexNetExtractor, alexnet_extractor

PRED, TARGET = torch.rand((2, 3, 3, 48, 40), generator=torch.Generator().manual_seed(0))
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
# In torchvision's numbering: the convolutions, and those behind which a map is taken.
TAPS = {"alex": (0, 3, 6, 8, 10), "vgg": (2, 7, 14, 21, 28)}


def random_state(kind):
    """A backbone under torchvision's names, with a classifier's key that must be left out."""
    generator = torch.Generator().manual_seed(1)
    made = {}
    for key, value in (AlexNetExtractor() if kind == "alex" else Vgg16Extractor()).state_dict().items():
        bound = (6 / value[0].numel()) ** 0.5 if value.ndim == 4 else 0.1
        made[key.replace("body", "features", 1)] = torch.empty(value.shape).uniform_(-bound, bound, generator=generator)
    return made | {"classifier.6.weight": torch.zeros(10, 16)}


def random_heads(kind):
    generator = torch.Generator().manual_seed(2)
    return {f"lin{i}.model.1.weight": torch.rand((1, n, 1, 1), generator=generator) for i, n in enumerate(WIDTHS[kind])}


@pytest.fixture(scope="module", params=["alex", "vgg"])
def files(request, tmp_path_factory):
    """Kind, backbone file and heads file."""
    folder = tmp_path_factory.mktemp(request.param)
    save_file(random_state(request.param), folder / "backbone.safetensors")
    torch.save(random_heads(request.param), folder / "heads.pth")
    return request.param, folder / "backbone.safetensors", folder / "heads.pth"


def by_hand(kind, state, heads, pred, target):
    """The distance with the published constants, on -1 to 1, place by place."""
    shift, scale = (torch.tensor(v).view(3, 1, 1) for v in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    a, b = ((2 * x - 1 - shift) / scale for x in (pred, target))
    total = torch.zeros(len(pred))
    places = sorted(int(key.split(".")[1]) for key in state if key.startswith("features.") and key.endswith("weight"))
    assert len(places) == (5 if kind == "alex" else 13)
    for place in places:
        settings = {0: (4, 2), 3: (1, 2)}.get(place, (1, 1)) if kind == "alex" else (1, 1)
        pool = place in (3, 6) if kind == "alex" else place in (5, 10, 17, 24)
        for_each = []
        for x in (a, b):
            x = F.max_pool2d(x, *((3, 2) if kind == "alex" else (2, 2))) if pool else x
            x = F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], *settings)
            for_each.append(F.relu(x))
        a, b = for_each
        if place in TAPS[kind]:
            level = TAPS[kind].index(place)
            units = [x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10) for x in (a, b)]
            total += F.conv2d((units[0] - units[1]) ** 2, heads[f"lin{level}.model.1.weight"]).mean(dim=(1, 2, 3))
    return total


def test_equal_to_the_written_formula(files):
    kind, backbone, heads = files
    network = load_lpips(heads, backbone)
    assert network.backbone == kind
    wanted = by_hand(kind, random_state(kind), random_heads(kind), PRED, TARGET)
    assert torch.allclose(network(PRED, TARGET), wanted, rtol=1e-4)
    assert float(wanted.min()) > 0


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["alex", "vgg"])
def test_published_heads_fit(shared, tmp_path, kind):
    heads = shared / f"weights/lpips_lin_v0.1_{kind}.pth"
    if not heads.is_file():
        pytest.skip(f"needs {heads}")
    save_file(random_state(kind), tmp_path / "backbone.safetensors")
    network = load_lpips(f"lpips_lin_v0.1_{kind}", tmp_path / "backbone.safetensors", pretrained=heads.parent)
    assert [head.shape[1] for head in network.heads] == list(WIDTHS[kind])
    assert all(float(head.min()) >= 0 for head in network.heads)
    noise = torch.randn(PRED.shape, generator=torch.Generator().manual_seed(3))
    near, far = (network((TARGET + s * noise).clamp(0, 1), TARGET) for s in (0.02, 0.2))
    assert bool((far > near).all())


def test_metric_and_gradient(files):
    kind, backbone, heads = files
    network = load_lpips(heads, backbone)
    metric = lpips_metric(network, kind)
    assert metric.heading == f"LPIPS ({kind}) ↓"
    assert metric(TARGET, TARGET).tolist() == [0, 0, 0]
    one_by_one = [float(metric(PRED[i : i + 1], TARGET[i : i + 1])) for i in range(3)]
    leaf = PRED.clone().requires_grad_()
    values = metric(leaf, TARGET)
    assert not values.requires_grad
    assert values.tolist() == pytest.approx(one_by_one, rel=1e-4)
    assert metric(PRED.double(), TARGET.double()).dtype == torch.float64
    (gradient,) = torch.autograd.grad(network(leaf, TARGET).sum(), leaf)
    assert float(gradient.abs().sum()) > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_absent_weights_say_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"download\.pytorch\.org") as missing:
        load_lpips("lpips_lin_v0.1_none", pretrained=tmp_path)
    assert missing.value.name == "lpips_lin_v0.1_none"
    torch.save(random_heads("alex"), tmp_path / "heads.pth")
    with pytest.raises(WeightsMissing, match="alexnet-owt"):
        load_lpips("heads", pretrained=tmp_path)


def test_what_does_not_fit_is_refused(tmp_path):
    torch.save({"lin0.model.1.weight": torch.ones(1, 5, 1, 1)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsMismatch, match=r"\[5\] channels"):
        load_lpips(tmp_path / "odd.pth")
    torch.save(random_heads("alex") | {"lin0.model.2.bias": torch.ones(3)}, tmp_path / "more.pth")
    save_file(random_state("alex"), tmp_path / "alex.safetensors")
    with pytest.raises(WeightsMismatch, match="extra"):
        load_lpips(tmp_path / "more.pth", tmp_path / "alex.safetensors")
    torch.save(random_heads("alex"), tmp_path / "heads.pth")
    save_file({"features.0.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match="missing"):
        load_lpips(tmp_path / "heads.pth", tmp_path / "other.safetensors")
    with pytest.raises(RangeError, match="relu5"):
        alexnet_extractor(tmp_path / "alex.safetensors").features(PRED, ("relu6",))
    with pytest.raises(ShapeError, match="each channel"):
        perceptual_distance([torch.ones(1, 4, 2, 2)], [torch.ones(1, 4, 2, 2)], [torch.ones(3)])
    with pytest.raises(ShapeError, match="equal shapes"):
        LpipsNet(AlexNetExtractor(), "alex")(PRED, TARGET[:2])
