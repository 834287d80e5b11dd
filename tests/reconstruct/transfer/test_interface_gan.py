"""InterFaceGAN as a transfer: a generator that draws known faces shows whether the right one is chosen and laid where it belongs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.models.face_align.forms import form_way
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.pose import Pose, head_pose
from sharpening.models.interface_gan import Boundary
from sharpening.models.stylegan import StyleGan, Synthesis
from sharpening.reconstruct.transfer import interface_gan as module
from sharpening.reconstruct.transfer.angle import Turned, best_angle
from sharpening.reconstruct.transfer.interface_gan import (
    POSE_BOUNDARY,
    InterfaceGan,
    interface_gan,
    load_interface_gan,
)
from sharpening.reconstruct.view import View
from sharpening.weights.store import save_state
from tests.models.face_seg.made_points import made_landmarks
from tests.models.stylegan.made_gan import TINY, house, tiny

SIDE = 64
PER_STEP = 10.0  # degrees that the drawn face turns for each unit along the boundary


def aligned_face(yaw: float) -> Landmarks:
    face = made_landmarks(SIDE, yaw=yaw)
    return form_way(face, (SIDE, SIDE), "ffhq", SIDE).points(face)


class Drawer(StyleGan):
    """In place of a trained generator: draws the nose of a face whose turn is written in its styles, and in a corner the turn itself."""

    def pictures(self, w_plus: Tensor, noise=None, *, generator=None) -> Tensor:
        yaw = PER_STEP * float(w_plus[0, :, 0].mean())
        x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
        nose = aligned_face(yaw).points[30]
        blob = np.exp(-((x - nose[0]) ** 2 + (y - nose[1]) ** 2) / (2 * 3.0**2))
        picture = torch.from_numpy(np.stack([blob, 0 * blob, 0 * blob])).float()
        picture[2, 0, 0] = (yaw + 90) / 180
        return picture[None]


def network(start: float = 0.0, **changes) -> InterfaceGan:
    """The source's face is found to be turned by `start` degrees; landmarks are read from the corner."""
    gan = Drawer(Synthesis(SIDE, **TINY))
    code = torch.zeros(1, gan.synthesis.n_layers, TINY["n_latent"])
    code[..., 0] = start / PER_STEP
    made = InterfaceGan(
        gan,
        Boundary(torch.eye(TINY["n_latent"], dtype=torch.float64)[0], "w"),
        embed=lambda picture: code.clone(),
        points=lambda picture: aligned_face(180 * float(picture[2, 0, 0]) - 90),
    )
    return replace(made, **changes)


def view(yaw: float, size: int = 96, scale: float = 20.0) -> View:
    return View(torch.full((3, size, size), 0.5), made_landmarks(size, yaw=yaw, scale=scale))


def mask_of(base: View) -> Tensor:
    return torch.ones(1, *base.picture.shape[1:])


@pytest.mark.parametrize(("source", "base"), [(0, 20), (15, -15), (-20, -10), (10, 10), (-5, 0)])
def test_the_angle_of_the_base_is_chosen_and_the_face_lies_on_it(source: float, base: float) -> None:
    goal, facts = view(base), {}
    moved = interface_gan(view(source), goal, mask_of(goal), network=network(source), facts=facts)
    assert facts["distance"] == pytest.approx((base - source) / PER_STEP)
    assert facts["how"] == "pose"
    assert facts["gap"] < 1.5
    assert len(facts["gaps"]) == 13
    assert facts["unseen"] == []
    assert {"mismatch", "believed"} <= facts.keys()
    # The drawn nose comes to where the base has its own.
    flat = int(moved.picture[0].argmax())
    assert np.hypot(*(np.array([flat % 96, flat // 96]) - goal.landmarks.points[30])) < 2
    assert moved.picture.shape == goal.picture.shape
    assert moved.valid.shape == (1, 96, 96)
    assert bool(moved.valid[0, 48, 48])


def test_a_base_beyond_the_range_gets_the_outermost() -> None:
    facts = {}
    interface_gan(view(0), view(40), mask_of(view(40)), network=network(), distances=[-1, 0, 1, 2], facts=facts)
    assert facts["distance"] == 2
    assert facts["gap"] == pytest.approx(20, abs=3)


def test_pictures_without_a_face_are_passed_over_and_named() -> None:
    def seen(picture: Tensor) -> Landmarks | None:
        yaw = 180 * float(picture[2, 0, 0]) - 90
        return None if yaw > 12 else aligned_face(yaw)

    facts = {}
    interface_gan(view(0), view(20), mask_of(view(20)), network=network(points=seen), distances=[0, 1, 2, 3], facts=facts)
    assert facts["distance"] == 1
    assert facts["unseen"] == [2, 3]


def test_a_generator_that_draws_no_face_says_so() -> None:
    with pytest.raises(NoFaceFound, match="any of the 13 generated pictures.*embedding did not become a face"):
        interface_gan(view(0), view(5), mask_of(view(5)), network=network(points=lambda picture: None))


def test_without_a_pose_landmarks_decide() -> None:
    def unsure(landmarks: Landmarks, size: tuple[int, int]) -> Pose:
        return replace(head_pose(landmarks, size), error=0.5)

    facts = {}
    interface_gan(view(0), view(-20), mask_of(view(-20)), network=network(pose=unsure), facts=facts)
    assert facts["how"] == "landmarks"
    assert facts["distance"] == -2
    assert facts["gap"] < 1e-3


def test_of_equals_the_least_moved_is_taken() -> None:
    face = aligned_face(0)
    turned = [Turned(-2.0, face), Turned(0.5, face), Turned(1.0, face), Turned(0.0, None)]
    chosen, facts = best_angle(turned, face, SIDE)
    assert chosen.distance == 0.5
    assert facts["unseen"] == [0.0]


def test_faces_without_a_pose_are_left_out_where_others_have_one() -> None:
    nonsense = Landmarks(np.random.default_rng(0).uniform(0, SIDE, (68, 2)))
    chosen, facts = best_angle([Turned(0.0, nonsense), Turned(3.0, aligned_face(30))], aligned_face(0), SIDE)
    assert chosen.distance == 3.0
    assert list(facts["gaps"]) == [3.0]


def test_a_source_is_embedded_once_for_all_its_parts() -> None:
    asked = []

    def embed(picture: Tensor) -> Tensor:
        asked.append(tuple(picture.shape))
        return torch.zeros(Synthesis(SIDE, **TINY).n_layers, TINY["n_latent"])

    net, base = network(embed=embed), view(10)
    for _ in range(2):
        interface_gan(view(0), base, mask_of(base), network=net, distances=[0, 1])
    assert asked == [(3, SIDE, SIDE)]
    for i in range(5):
        other = View(torch.full((3, 96, 96), i / 10), view(0).landmarks)
        interface_gan(other, base, mask_of(base), network=net, distances=[0])
    assert len(net._known) == 4


def test_a_real_generator_keeps_its_noise_while_the_face_turns() -> None:
    pictures: list[Tensor] = []

    def points(picture: Tensor) -> Landmarks:
        pictures.append(picture)
        return aligned_face(0)

    gan = tiny(16, extras=False)
    net = InterfaceGan(gan, Boundary(torch.eye(TINY["n_latent"], dtype=torch.float64)[0], "w"), points=points)
    net = replace(net, embed=lambda picture: torch.zeros(1, 6, TINY["n_latent"]))
    moved = interface_gan(view(0), view(0), mask_of(view(0)), network=net, distances=[0, 2])
    interface_gan(view(0), view(0), mask_of(view(0)), network=replace(net, _known={}), distances=[0])
    assert len(pictures) == 3
    assert torch.equal(pictures[0], pictures[2])
    assert not torch.equal(pictures[0], pictures[1])
    assert bool(torch.isfinite(moved.picture).all())


def test_landmarks_of_a_large_picture_are_found_in_a_smaller_one(astronaut_face) -> None:
    face = torch.from_numpy(astronaut_face.copy()).permute(2, 0, 1).float() / 255
    small, large = (torch.nn.functional.interpolate(face[None], size=size, mode="bicubic")[0].clamp(0, 1) for size in (320, 640))
    found = [network_points(each).points for each in (small, large)]
    np.testing.assert_allclose((found[1] + 0.5) / 2 - 0.5, found[0], atol=4)


def network_points(picture: Tensor) -> Landmarks:
    found = InterfaceGan(tiny(8), Boundary(torch.zeros(TINY["n_latent"]))).points(picture)
    assert found is not None
    return found


def test_wrong_arguments_are_refused() -> None:
    base = view(0)
    with pytest.raises(ShapeError, match="lies on the base"):
        interface_gan(view(0), base, mask_of(base)[:, :10], network=network())
    with pytest.raises(RangeError, match="distances"):
        interface_gan(view(0), base, mask_of(base), network=network(), distances=[])
    with pytest.raises(ShapeError, match="styles of the embedding"):
        interface_gan(view(0), base, mask_of(base), network=network(embed=lambda picture: torch.zeros(1, 2, 3)))


class TestLoading:
    def save(self, folder: Path, n: int = TINY["n_latent"], boundary: str = POSE_BOUNDARY) -> Path:
        np.save(folder / f"{boundary}.npy", np.eye(n)[:1])
        return save_state(folder / "stylegan-ffhq.safetensors", house(tiny(8)))

    @pytest.mark.parametrize("boundary", [POSE_BOUNDARY, "stylegan-ffhq_pose_w_boundary"])
    def test_generator_and_boundary_beside_it(self, tmp_path: Path, boundary: str) -> None:
        made = load_interface_gan(self.save(tmp_path, boundary=boundary))
        assert made.boundary.name == boundary
        assert made.gan.synthesis.resolution == 8
        assert made.name == "stylegan-ffhq"

    def test_by_names_and_with_a_boundary_of_ones_own(self, tmp_path: Path) -> None:
        self.save(tmp_path)
        np.save(tmp_path / "mine.npy", np.eye(TINY["n_latent"])[1:2])
        assert load_interface_gan("stylegan-ffhq", pretrained=tmp_path).boundary.name == POSE_BOUNDARY
        assert load_interface_gan("stylegan-ffhq", pretrained=tmp_path, boundary="mine").boundary.normal.tolist()[1] == 1
        (tmp_path / "stylegan-ffhq.safetensors").rename(tmp_path / "stylegan-ffhq-port.safetensors")
        assert load_interface_gan(pretrained=tmp_path).name == "stylegan-ffhq-port"

    def test_what_is_missing_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with pytest.raises(
            WeightsMissing, match=r"karras2019stylegan-ffhq-1024x1024.pkl .*sharpening weights import FILE --as stylegan-ffhq"
        ):
            load_interface_gan(pretrained=tmp_path)
        path = save_state(tmp_path / "stylegan-ffhq.safetensors", house(tiny(8)))
        with pytest.raises(WeightsMissing, match="stylegan_ffhq_pose_w_boundary"):
            load_interface_gan(path, pretrained=tmp_path)

    def test_a_boundary_of_another_generator_or_space_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsMismatch, match="is for W codes of 5 numbers; stylegan-ffhq has W codes of 8"):
            load_interface_gan(self.save(tmp_path, n=5))
        path = self.save(tmp_path)
        np.save(tmp_path / "a_pose_boundary.npy", np.eye(TINY["n_latent"])[:1])
        with pytest.raises(WeightsMismatch, match="is for Z codes of 8 numbers"):
            load_interface_gan(path, boundary=tmp_path / "a_pose_boundary.npy")

    def test_the_boundary_of_another_generator_turns_nothing(self, tmp_path: Path) -> None:
        """FFHQ's lies beside it, and its own under the published name."""
        self.save(tmp_path)
        path = save_state(tmp_path / "stylegan-celebahq.safetensors", house(tiny(8)))
        with pytest.raises(WeightsMissing, match="stylegan_celebahq_pose_w_boundary"):
            load_interface_gan(path, pretrained=tmp_path)
        np.save(tmp_path / "stylegan_celebahq_pose_w_boundary.npy", np.eye(TINY["n_latent"])[2:3])
        assert load_interface_gan(path).boundary.normal.tolist()[2] == 1


def test_without_an_embedding_of_its_own_the_editors_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def embed(gan: StyleGan, picture: Tensor, *, features: object, steps: int, generator: torch.Generator) -> SimpleNamespace:
        asked.update(shape=tuple(picture.shape), features=features, steps=steps, seed=generator.initial_seed())
        return SimpleNamespace(w_plus=torch.zeros(1, gan.synthesis.n_layers, gan.synthesis.n_latent))

    monkeypatch.setattr(module, "embed", embed)
    monkeypatch.setattr(module, "load_features", lambda *, pretrained: f"vgg16 of {pretrained}")
    net = network(embed=None, pretrained="mine")
    interface_gan(view(0), view(0), mask_of(view(0)), network=net, distances=[0], steps=7, seed=3)
    assert asked == {"shape": (3, SIDE, SIDE), "features": "vgg16 of mine", "steps": 7, "seed": 3}


def test_the_editor_really_embeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_features", lambda *, pretrained: "pixels")
    base = view(0)
    moved = interface_gan(view(0), base, mask_of(base), network=network(embed=None), distances=[0], steps=2)
    assert moved.picture.shape == base.picture.shape
