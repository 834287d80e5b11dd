"""InterFaceGAN as a transfer: the source's face is embedded in StyleGAN, turned to the pose of the base, and laid onto it.

The thesis looked through the turned pictures and took one by hand; here the one whose pose is nearest to the base's is taken.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.forms import align, form_way
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.pose import Pose, head_pose
from sharpening.models.interface_gan import Boundary, edit, load_boundary
from sharpening.models.interface_gan.boundary import find_boundary
from sharpening.models.latent_editor import embed, load_features
from sharpening.models.stylegan import StyleGan, load_stylegan
from sharpening.reconstruct.transfer.angle import Turned, best_angle
from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.points import part_map
from sharpening.reconstruct.transfer.sampling import affine_field, check_transfer, sample
from sharpening.reconstruct.view import Moved, View
from sharpening.weights.store import find

__all__ = ["DISTANCES", "POSE_BOUNDARY", "InterfaceGan", "interface_gan", "load_interface_gan", "pose_boundary"]

POSE_BOUNDARY = "stylegan_ffhq_pose_w_boundary"
"""Name of the published boundary for the pose of FFHQ's faces, which is yaw only."""

DISTANCES = tuple(float(each) for each in np.linspace(-3, 3, 13))
"""How far along the boundary's normal the source is moved, from one side to the other."""

_GENERATORS = ("stylegan-ffhq", "stylegan-ffhq-port", "pulse-synthesis")
_KEPT = 4  # sources whose codes are remembered: the parts of a face ask for the same source one after the other
_STEPS = 500
_LOOK = 512  # px
_ADVICE = (
    "Get karras2019stylegan-ffhq-1024x1024.pkl of NVlabs/stylegan (not for commercial use), then: sharpening weights import FILE "
    "--as stylegan-ffhq. A generator of your own is given as weights=NAME or PATH."
)


def _points_of(picture: Tensor) -> Landmarks | None:
    """Landmarks of a generated picture; large ones are looked at smaller, where a face that fills them is found as well and sooner."""
    factor = max(1.0, picture.shape[-1] / _LOOK)
    side = round(picture.shape[-1] / factor)
    found = find_landmarks(to_uint8(picture if factor == 1 else resize_tensor(picture[None], side)[0].clamp(0, 1)))
    return found if found is None else found.enlarged(picture.shape[-1] / side)


@dataclass(eq=False)
class _Known:
    """What is remembered of a source: its styles, and the landmarks of the pictures that it was turned in."""

    code: Tensor
    points: dict[float, Landmarks | None] = field(default_factory=dict)


@dataclass(eq=False)
class InterfaceGan:
    """What the transfer needs: a generator, a boundary, and how to embed and to look at a face.

    Attributes:
        gan: the generator.
        boundary: along which its faces turn, for W.
        embed: from a picture `[3, R, R]` in the form of FFHQ to its styles `[1, n_layers, n_latent]`; None for the StyleGAN editor's
            optimisation.
        points: finds landmarks in a generated picture `[3, R, R]`, or None; dlib's when left out.
        pose: tells the pose from landmarks and the picture's size.
        name: of the weights.
        licence: their terms.
        pretrained: folder in which the optimisation's VGG-16 is searched first.
    """

    gan: StyleGan
    boundary: Boundary
    embed: Callable[[Tensor], Tensor] | None = None
    points: Callable[[Tensor], Landmarks | None] = _points_of
    pose: Callable[[Landmarks, tuple[int, int]], Pose] = head_pose
    name: str = ""
    licence: str = ""
    pretrained: str | Path | None = None
    _known: dict[str, _Known] = field(default_factory=dict, repr=False)


def load_interface_gan(
    weights: str | Path | None = None, *, pretrained: str | Path | None = None, boundary: str | Path | None = None
) -> InterfaceGan:
    """A generator and the boundary of its pose, ready for `interface_gan`.

    Args:
        weights: name or path of the generator; NVIDIA's for FFHQ is looked for by its names when left out.
        pretrained: folder to search names in first.
        boundary: name or path; see `pose_boundary` when left out.

    Raises:
        WeightsMissing: generator or boundary are nowhere; the message says what to get.
        WeightsMismatch: one of them is not what it should be, or they do not belong together.
    """
    path = _generator(pretrained) if weights is None else find(weights, pretrained)
    gan = load_stylegan(path, pretrained=pretrained)
    normal = load_boundary(boundary or pose_boundary(path, gan, pretrained), pretrained=pretrained)
    n = gan.synthesis.n_latent
    if len(normal.normal) != n or normal.space == "z":
        problem = f"is for {normal.space.upper() or 'any'} codes of {len(normal.normal)} numbers; {gan.name} has W codes of {n}."
        raise WeightsMismatch(normal.name, problem, "Take the boundary that was trained on this generator, for W.")
    return InterfaceGan(gan, normal, name=gan.name, licence=gan.licence, pretrained=pretrained)


def _generator(pretrained: str | Path | None) -> Path:
    searched: tuple[str, ...] = ()
    for name in _GENERATORS:
        try:
            return find(name, pretrained)
        except WeightsMissing as error:
            searched = error.searched
    raise WeightsMissing(" or ".join(_GENERATORS), searched, f"The transfer interface-gan needs StyleGAN. {_ADVICE}")


def pose_boundary(path: Path, gan: StyleGan, pretrained: str | Path | None = None) -> Path:
    """The boundary of a generator's pose: `…_pose_w_boundary` by the generator's own name, beside it or where weights are.

    Args:
        path: of the generator's file.
        gan: the generator.
        pretrained: folder to search names in first.

    Raises:
        WeightsMissing: there is none; a boundary of another generator turns nothing.
    """
    stems = [path.stem.replace("-", "_"), path.stem, gan.name.replace("-", "_")]
    names = [f"{stem}_pose_w_boundary" for stem in dict.fromkeys(stems) if stem]
    names += [POSE_BOUNDARY] if gan.name in _GENERATORS else []
    near = [path.with_name(f"{name}{suffix}") for name in names for suffix in (".safetensors", ".npy")]
    found = next((each for each in near if each.is_file()), None)
    if found is not None:
        return found
    for name in names:
        try:
            return find_boundary(name, pretrained)
        except WeightsMissing as error:
            missing = error
    raise WeightsMissing(
        " or ".join(dict.fromkeys(names)), missing.searched, "Train one (interface_gan.train_boundary), or name another."
    )


def interface_gan(
    source: View,
    base: View,
    mask: Tensor,
    *,
    network: InterfaceGan,
    distances: Sequence[float] = DISTANCES,
    steps: int = _STEPS,
    seed: int = 0,
    facts: dict[str, Any] | None = None,
) -> Moved:
    """Turn the source's face to the pose of the base, and lay it onto the base by its landmarks.

    What comes is painted by a generator: it looks like the source, and no pixel of it is the source's. At 1024 px one CPU core paints a
    picture in about 4 s, and a step of the embedding takes several times that, so a GPU is wanted there.

    Args:
        source: the picture that has the part.
        base: the picture that wants it, of any other size.
        mask: `[1, H, W]` in [0, 1]: the part, in the base's pixels.
        network: from `load_interface_gan`.
        distances: along the boundary's normal, to choose from.
        steps: of the embedding, where the network has no `embed` of its own.
        seed: of its dice.
        facts: is filled with `distance` (the chosen one), `how` ("pose" or "landmarks": what the pictures were compared by), `gap` (how far
            the chosen picture is from the base: degrees, or eye distances), `gaps` (of all in which a face was found), `unseen` (distances
            at which no landmarks were found in the picture), and what `measure` finds.

    Raises:
        ShapeError, RangeError: the mask does not fit the base, no distances, or an embedding of another shape.
        NoFaceFound: in none of the generated pictures landmarks were found.

    Source: thesis sections 2.3 and 3.5; Shen et al. 2020, arXiv:1907.10786.
    """
    check_transfer(source, base, mask)
    if not distances:
        raise RangeError("distances", "none", "at least one")
    side = network.gan.synthesis.resolution
    known = _known(source, network, steps, seed)
    for each in distances:
        if each not in known.points:
            known.points[each] = network.points(_picture(network, known.code, each))
    turned = [Turned(each, known.points[each]) for each in distances]
    wanted = form_way(base.landmarks, (int(base.picture.shape[1]), int(base.picture.shape[2])), "ffhq", side).points(base.landmarks)
    chosen, told = best_angle(turned, wanted, side, pose=network.pose)
    landmarks = chosen.landmarks
    if landmarks is None:  # best_angle takes none without
        raise NoFaceFound("generated pictures")
    found = part_map(landmarks, base.landmarks, mask)
    moved = sample(_picture(network, known.code, chosen.distance), affine_field(found, *base.picture.shape[-2:]))
    if facts is not None:
        facts.update({**told, **measure(base, moved, mask)})
    return moved


@torch.no_grad()
def _picture(network: InterfaceGan, code: Tensor, distance: float) -> Tensor:
    moved = edit(code, network.boundary, [distance])[:, 0]
    # The same noise every time: only the turn may differ.
    dice = None if network.gan.noise is not None else torch.Generator(device=moved.device).manual_seed(0)
    return network.gan.pictures(moved, generator=dice)[0].float().cpu()


def _known(source: View, network: InterfaceGan, steps: int, seed: int) -> _Known:
    """Styles of the source's face; remembered, since they take the most of the time by far."""
    synthesis = network.gan.synthesis
    face = align(source.picture.float().cpu(), source.landmarks, "ffhq", synthesis.resolution).picture
    key = hashlib.sha256(np.ascontiguousarray(face.numpy()).tobytes() + f"{steps} {seed}".encode()).hexdigest()
    if key not in network._known:
        embed = network.embed or functools.partial(_embedded, network, steps=steps, seed=seed)
        code = embed(face.to(synthesis.torgb.weight.device)).detach()
        code = code[None] if code.ndim == 2 else code
        wanted = (1, synthesis.n_layers, synthesis.n_latent)
        if tuple(code.shape) != wanted:
            raise ShapeError("styles of the embedding", list(code.shape), str(list(wanted)))
        while len(network._known) >= _KEPT:
            del network._known[next(iter(network._known))]
        network._known[key] = _Known(code)
    return network._known[key]


def _embedded(network: InterfaceGan, picture: Tensor, *, steps: int, seed: int) -> Tensor:
    features = load_features(pretrained=network.pretrained)
    return embed(network.gan, picture, features=features, steps=steps, generator=torch.Generator().manual_seed(seed)).w_plus
