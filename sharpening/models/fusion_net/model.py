"""FusionNet: every frame is aligned to the middle one, and each place of the picture is made of the frames that show it best.

The thesis's nets stacked seven unaligned frames into one convolution and learned to ignore six of them (section 3.3.7). Here the use of the
other frames is built in: registration on pixels, warp of features at twice the frames' size (where the sub-pixel phase survives),
attention over any number of frames with the right to reject, and a decoder that adds to the bicubic middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.basic_blocks import (
    ResStack,
    affine_grid,
    back_project,
    conv,
    estimate_affine,
    frame_agreement,
    softened,
    upshuffle,
    warp,
)
from sharpening.models.fusion_net.extras import (
    EXTRAS,
    Correction,
    DeepLevel,
    FineFlow,
    FrameGate,
    SpreadHead,
    pixel_phase,
    seen_grid,
)

__all__ = ["PRESETS", "FusionNet", "FusionParts", "FusionSizes"]


@dataclass(frozen=True)
class FusionSizes:
    """Widths of the parts: of the encoder, of one frame's features, and of the decoder's three levels (2×, 1×, ½ of the frame's size).

    `deep` is width and depth of a fourth level (¼ of it), for the extra of that name.
    """

    encoder: int
    encoder_depth: int
    features: int
    fuse: int
    levels: tuple[int, int, int]
    depths: tuple[int, int, int]
    tail: int
    deep: tuple[int, int]


PRESETS: dict[str, FusionSizes] = {
    "tiny": FusionSizes(encoder=8, encoder_depth=1, features=4, fuse=8, levels=(8, 8, 16), depths=(1, 1, 1), tail=4, deep=(16, 1)),
    "small": FusionSizes(
        encoder=32, encoder_depth=3, features=16, fuse=16, levels=(32, 64, 128), depths=(2, 2, 3), tail=16, deep=(192, 4)
    ),
    "base": FusionSizes(
        encoder=64, encoder_depth=5, features=32, fuse=32, levels=(64, 128, 256), depths=(2, 3, 3), tail=32, deep=(384, 4)
    ),
}


class FusionParts(NamedTuple):
    """What the net knows beside its picture.

    Attributes:
        pred: `[bs, 3, scale·h, scale·w]`.
        flow: `[bs, n, 2h, 2w, 2]`: where each frame was sampled, −1 … 1.
        weights: `[bs, n + 1, 2h, 2w]`: share of each frame at each place, mean over the features; the last is "none of them".
        spread: `[bs, 1, scale·h, scale·w]`: scale b of a Laplace distribution of the error, mean over the colours, as the net expects it,
            in the units of the picture; None without the extra "spread".
    """

    pred: Tensor
    flow: Tensor
    weights: Tensor
    spread: Tensor | None = None


class FusionNet(nn.Module):
    """n frames in, one picture of the middle one out, four times the size.

    Args:
        preset: "tiny" (tests), "small" (trains on two CPU cores) or "base" (GPU); sizes in `PRESETS`.
        n_frames: Number of frames it is usually given; any number is accepted.
        extras: What it has beside its first design, names of `extras.EXTRAS`.

    Shape:
        frames `[bs, 3·n, h, w]` in 0 … 1, RGB, h and w even and ≥ 16 → `[bs, 3, 4h, 4w]`, about 0 … 1 (not clamped).
    """

    scale = 4

    def __init__(self, preset: str = "small", n_frames: int = 7, extras: Sequence[str] = ()) -> None:
        super().__init__()
        if preset not in PRESETS:
            raise RangeError("FusionNet preset", preset, f"one of {', '.join(PRESETS)}")
        if unknown := set(extras) - set(EXTRAS):
            raise RangeError("FusionNet extras", sorted(unknown), f"names of {', '.join(EXTRAS)}")
        sizes = PRESETS[preset]
        self.preset, self.n_frames = preset, n_frames
        self.encoder = _Encoder(sizes)
        self.refine = _ResidualFlow(24 if preset != "tiny" else 8)
        self.fuse = _Fuse(sizes.features + 3, sizes.fuse, phase="phase" in extras, gate="gate" in extras)
        # Beside the features the decoder sees the back-projection, folded to the features' size.
        self.decoder = _Decoder(2 * (sizes.features + 3) + 1 + 12, sizes, deep="deep" in extras)
        self.trust = nn.Parameter(torch.tensor(0.2))
        fine = sizes.levels[0]
        self.fine_flow = FineFlow(16 if preset != "tiny" else 4) if "fine-flow" in extras else None
        self.correction = Correction(fine, sizes.tail) if "correction" in extras else None
        self.second_correction = Correction(fine, sizes.tail) if "second-correction" in extras else None
        self.spread = SpreadHead(fine, quality="quality" in extras) if "spread" in extras else None

    def forward(self, frames: Tensor) -> Tensor:
        """The restored middle frame, `[bs, 3, 4h, 4w]`."""
        return self.parts(frames).pred

    def parts(self, frames: Tensor) -> FusionParts:
        """The picture, where each frame was sampled, and what each gave."""
        bs, n, height, width = _check(frames)
        stack = frames.reshape(bs, n, 3, height, width)
        middle = stack[:, n // 2]
        affine = self._register(stack, middle)
        moving, reference = stack.flatten(0, 1), middle.unsqueeze(1).expand_as(stack).flatten(0, 1)
        aligned = warp(moving, affine_grid(affine, height, width))
        belief = frame_agreement(aligned, reference)
        flow = self._remainder(aligned, reference, moving, affine, n)
        grid = _grids(affine, flow, 2 * height, 2 * width)
        bicubic = F.interpolate(middle, scale_factor=self.scale, mode="bicubic", align_corners=False)
        projected = back_project(stack, affine, belief, scale=self.scale) - bicubic
        # Raw colours travel beside the learned features: from the first step on the decoder sees the registered mean.
        up = F.interpolate(frames, scale_factor=2, mode="bicubic", align_corners=False).reshape(bs * n, 3, 2 * height, 2 * width)
        features = torch.cat([up, self.encoder(stack.reshape(bs * n, 3, height, width))], dim=1)
        warped = warp(features, grid).reshape(bs, n, -1, 2 * height, 2 * width)
        own = features.reshape(bs, n, -1, 2 * height, 2 * width)[:, n // 2]
        phase = None if self.fuse.from_phase is None else pixel_phase(grid, height, width)
        fused, weights = self.fuse(own, warped, belief, phase)
        fine = self.decoder(torch.cat([fused, own, weights[:, -1:], F.pixel_unshuffle(projected, 2)], dim=1))
        pred = bicubic + self.trust * projected + self.decoder.paint(fine)
        if self.correction is not None or self.second_correction is not None:
            back = seen_grid(affine, flow, 2 * height, 2 * width)
        if self.correction is not None:
            addition, fine = self.correction(pred, fine, stack, grid, back, weights[:, :-1])
            pred = pred + addition
        if self.second_correction is not None:
            # Its features stay its own: the expected error, learned before it was there, goes on with those that it knows.
            pred = pred + self.second_correction(pred, fine, stack, grid, back, weights[:, :-1])[0]
        others = 1 - weights[:, n // 2, None] - weights[:, -1:]
        spread = None
        if self.spread is not None:
            believed = _believed(belief).unflatten(0, (bs, n)).flatten(1)
            spread = self.spread(fine, weights[:, -1:], others, stack, aligned.unflatten(0, (bs, n)), believed)
        return FusionParts(pred, grid.reshape(bs, n, 2 * height, 2 * width, 2), weights, spread)

    def _register(self, stack: Tensor, middle: Tensor) -> Tensor:
        """Affine motion `[bs·n, 2, 3]` of each frame; that of the middle is the identity, whatever an estimate would say."""
        bs, n = stack.shape[:2]
        affine = estimate_affine(middle.unsqueeze(1).expand_as(stack).flatten(0, 1), stack.flatten(0, 1), iterations=3)
        affine = affine.unflatten(0, (bs, n))
        still = torch.eye(2, 3, dtype=affine.dtype, device=affine.device).expand(bs, 1, 2, 3)
        return torch.cat([affine[:, : n // 2], still, affine[:, n // 2 + 1 :]], dim=1).flatten(0, 1)

    def _remainder(self, aligned: Tensor, reference: Tensor, moving: Tensor, affine: Tensor, n: int) -> Tensor:
        """What is left after the affine motion: a learned smooth flow `[bs·n, h, w, 2]` in −1 … 1, 0 for the middle."""
        height, width = aligned.shape[-2:]
        flow = self.refine(torch.cat([reference, aligned, aligned - reference], dim=1))
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
        if self.fine_flow is not None:
            nearer = warp(moving, affine_grid(affine, height, width) + flow.permute(0, 2, 3, 1))
            flow = flow + self.fine_flow(torch.cat([reference, nearer, nearer - reference], dim=1))
        # The middle frame is where it is: its own grid is exact, whatever the estimates say.
        moves = (torch.arange(len(flow), device=flow.device) % n != n // 2).to(affine)
        return flow.permute(0, 2, 3, 1).to(affine) * moves[:, None, None, None]


def _believed(belief: Tensor) -> Tensor:
    """Which frames are believed anywhere: belief `[b, 1, h, w]` → `[b, 1, 1, 1]`."""
    return belief.amax(dim=(2, 3), keepdim=True) > 0


def _grids(affine: Tensor, flow: Tensor, height: int, width: int) -> Tensor:
    """Sampling grids `[b, height, width, 2]`: the affine motion and the flow, enlarged."""
    large = F.interpolate(flow.permute(0, 3, 1, 2), size=(height, width), mode="bilinear", align_corners=False)
    return affine_grid(affine, height, width) + large.permute(0, 2, 3, 1)


def _check(frames: Tensor) -> tuple[int, int, int, int]:
    if frames.ndim != 4 or frames.shape[1] % 3 or frames.shape[1] == 0:
        raise ShapeError("frames", tuple(frames.shape), "[bs, 3·n, h, w]", "Stack the n RGB frames along the channels.")
    bs, channels, height, width = frames.shape
    if min(height, width) < 16 or height % 2 or width % 2:
        raise ShapeError("frames", tuple(frames.shape), "h and w even and at least 16", "The shipped weights want 32×32.")
    return bs, channels // 3, height, width


class _Encoder(nn.Sequential):
    """One frame `[b, 3, h, w]` → features `[b, c, 2h, 2w]`; the same weights for every frame."""

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__(
            conv(3, sizes.encoder),
            nn.LeakyReLU(0.1),
            ResStack(sizes.encoder, sizes.encoder_depth),
            upshuffle(sizes.encoder, sizes.features),
        )


class _ResidualFlow(nn.Sequential):
    """What is left after the affine motion (expression, turning head): a smooth flow, at most a quarter of the picture."""

    limit = 0.25

    def __init__(self, width: int) -> None:
        super().__init__(
            conv(9, width),
            nn.LeakyReLU(0.1),
            conv(width, 2 * width, stride=2),
            nn.LeakyReLU(0.1),
            conv(2 * width, 2 * width, dilation=2),
            nn.LeakyReLU(0.1),
            conv(2 * width, 2 * width, dilation=4),
            nn.LeakyReLU(0.1),
            softened(conv(2 * width, 2)),
        )

    def forward(self, pair: Tensor) -> Tensor:
        return torch.tanh(super().forward(pair)) * self.limit


class _Fuse(nn.Module):
    """Attention over the frames, for each place and feature; one more logit stands for "none of the frames".

    The first three features are the raw colours; how far a frame's colours lie from the middle's tells a wrong frame from a right one.
    """

    def __init__(self, n_features: int, width: int, *, phase: bool, gate: bool) -> None:
        super().__init__()
        self.from_phase = softened(nn.Conv2d(4, 2 * width, 1)) if phase else None
        self.gate = FrameGate(width) if gate else None
        self.from_own = nn.Conv2d(n_features, 2 * width, 1)
        self.from_frame = nn.Conv2d(n_features + 3, 2 * width, 1)
        self.score = conv(2 * width, width)
        self.logits = softened(nn.Conv2d(width, n_features, 1))
        self.reject = nn.Parameter(torch.full((n_features,), -4.0))
        self.act = nn.LeakyReLU(0.1)

    def forward(self, own: Tensor, warped: Tensor, belief: Tensor, phase: Tensor | None) -> tuple[Tensor, Tensor]:
        """Fuse.

        Args:
            own: `[bs, c, H, W]`, features of the middle frame.
            warped: `[bs, n, c, H, W]`, features of all frames, aligned.
            belief: `[bs·n, 1, ·, ·]`, 0 … 1: a prior on the attention that no training can unlearn. Garbage is rare in training, so the
                learned part alone lets it in, and a small prior too: a frame that is believed nowhere gets no share at all.
            phase: `[bs·n, 4, H, W]`, see `pixel_phase`; None without that extra.

        Returns:
            Fused features `[bs, c, H, W]`, and weights `[bs, n + 1, H, W]`.
        """
        bs, n, c, height, width = warped.shape
        distance = (warped[:, :, :3] - own[:, None, :3]).abs()
        seen = self.from_frame(torch.cat([warped, distance], dim=2).flatten(0, 1))
        if self.from_phase is not None and phase is not None:
            seen = seen + self.from_phase(phase)
        # What the middle says is computed once and added for each frame.
        seen = (seen.unflatten(0, (bs, n)) + self.from_own(own).unsqueeze(1)).flatten(0, 1)
        scores = self.act(self.score(self.act(seen)))
        logits = self.logits(scores) if self.gate is None else self.logits(scores) + self.gate(scores)
        logits = logits.unflatten(0, (bs, n))
        prior = F.interpolate(belief, size=(height, width), mode="bilinear", align_corners=False)
        prior = prior.clamp(min=1e-6).log().masked_fill(~_believed(belief), -torch.inf)
        logits = logits + prior.unflatten(0, (bs, n))
        reject = self.reject[:, None, None].expand(bs, 1, c, height, width)
        weights = torch.cat([logits, reject], dim=1).softmax(dim=1)
        return (weights[:, :n] * warped).sum(dim=1), weights.mean(dim=2)


class _Decoder(nn.Module):
    """A U of three levels around the frames' own size, or four; the coarsest one knows what a face is, at little cost."""

    def __init__(self, n_in: int, sizes: FusionSizes, *, deep: bool) -> None:
        super().__init__()
        (fine, mid, coarse), (n_fine, n_mid, n_coarse) = sizes.levels, sizes.depths
        self.head = conv(n_in, fine)
        self.fine_in = ResStack(fine, 1)
        self.down1 = conv(fine, mid, stride=2)
        self.mid_in = ResStack(mid, 1)
        self.down2 = conv(mid, coarse, stride=2)
        self.coarse = ResStack(coarse, n_coarse)
        self.deep = DeepLevel(coarse, *sizes.deep) if deep else None
        self.up2 = upshuffle(coarse, mid)
        self.mid_out = ResStack(mid, n_mid)
        self.up1 = upshuffle(mid, fine)
        self.fine_out = ResStack(fine, n_fine)
        self.tail = upshuffle(fine, sizes.tail)
        self.finish = nn.Sequential(
            nn.LeakyReLU(0.1), conv(sizes.tail, sizes.tail), nn.LeakyReLU(0.1), softened(conv(sizes.tail, 3), 0.1)
        )
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """What the picture is painted from, `[bs, c, 2h, 2w]`."""
        fine = self.fine_in(self.act(self.head(x)))
        mid = self.mid_in(self.act(self.down1(fine)))
        coarse = self.coarse(self.act(self.down2(mid)))
        if self.deep is not None:
            coarse = self.deep(coarse)
        # Odd sizes are cropped back to the level they came from.
        mid = self.mid_out(mid + self.up2(coarse)[..., : mid.shape[-2], : mid.shape[-1]])
        return self.fine_out(fine + self.up1(mid)[..., : fine.shape[-2], : fine.shape[-1]])

    def paint(self, fine: Tensor) -> Tensor:
        """Features `[bs, c, 2h, 2w]` → what is added to the picture, `[bs, 3, 4h, 4w]`."""
        return self.finish(self.tail(fine))
