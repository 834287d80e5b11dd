"""What FusionNet learned after its first design: each piece can be left out, and starts as nothing, so that trained weights go on with it.

docs/results/ablations.md and knock-out.md have what they bought.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.models.basic_blocks import ResStack, affine_grid, conv, in_full_precision, inverse_affine, softened, upshuffle, warp

__all__ = ["EXTRAS", "Correction", "DeepLevel", "FineFlow", "FrameGate", "FrameQuality", "SpreadHead", "pixel_phase", "seen_grid"]

EXTRAS: dict[str, str] = {
    "fine-flow": "a second, local step of the residual flow, on frames that the first one has warped already",
    "phase": "the fusion is told where in its pixel each frame was sampled",
    "gate": "a frame can be turned away as a whole",
    "correction": "an unrolled back-projection: the picture is looked at as each frame saw it, and what is missing is brought back",
    "second-correction": "a second such step, on the picture that the first one gave",
    "deep": "a fourth level of the decoder, a quarter of the frames' size, that knows the face as a whole and where its parts lie",
    "spread": "the expected error of each pixel (a Laplace distribution); does not touch the picture",
    "quality": "the expected error is told how good the frames are as a whole: strong film coding leaves smooth places that look certain",
}


class FineFlow(nn.Sequential):
    """What the first flow leaves of the motion."""

    limit = 0.1

    def __init__(self, width: int) -> None:
        super().__init__(
            conv(9, width),
            nn.LeakyReLU(0.1),
            conv(width, width, dilation=2),
            nn.LeakyReLU(0.1),
            conv(width, width),
            nn.LeakyReLU(0.1),
            softened(conv(width, 2)),
        )

    def forward(self, pair: Tensor) -> Tensor:
        """Reference, warped frame and their difference `[b, 9, h, w]` → flow `[b, 2, h, w]` in −1 … 1."""
        return torch.tanh(super().forward(pair)) * self.limit


class FrameGate(nn.Module):
    """One logit for each frame as a whole, of the mean and the largest of its scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.judge = nn.Linear(2 * width, 1)
        nn.init.zeros_(self.judge.weight)
        nn.init.zeros_(self.judge.bias)

    def forward(self, scores: Tensor) -> Tensor:
        """`[bs·n, c, h, w]` → `[bs·n, 1, 1, 1]`."""
        seen = torch.cat([scores.mean(dim=(2, 3)), scores.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.judge(seen)
        return logits[:, :, None, None]


@in_full_precision
def pixel_phase(grid: Tensor, height: int, width: int) -> Tensor:
    """Where inside its pixel a frame is sampled, as sine and cosine: `[b, H, W, 2]` → `[b, 4, H, W]`.

    Two samples of the same colour are worth more the farther apart they lie inside the frames' pixels: that is what makes the picture
    finer than any of the frames (the sub-pixel offset that burst super-resolution feeds to its fusion; Bhat et al. 2021, arXiv 2101.10997).

    Args:
        grid: Sampling places, −1 … 1.
        height: Of the frames [px].
        width: Of the frames [px].
    """
    turns = grid * (torch.pi * grid.new_tensor([width, height]))
    return torch.cat([turns.sin(), turns.cos()], dim=-1).permute(0, 3, 1, 2)


@in_full_precision
def seen_grid(affine: Tensor, flow: Tensor, height: int, width: int) -> Tensor:
    """Where each frame's points lie in the middle frame, `[b, height, width, 2]`: the way back of affine motion plus flow.

    The flow is taken off at the place where the affine motion alone would lead; it is smooth, so one step is near enough.

    Args:
        affine: `[b, 2, 3]`, from the middle to each frame.
        flow: `[b, h, w, 2]`, the remainder at the middle's points, −1 … 1.
        height: Of the grid.
        width: Of the grid.
    """
    back = inverse_affine(affine)
    points = affine_grid(back, height, width)
    off = warp(flow.permute(0, 3, 1, 2), points).permute(0, 2, 3, 1)
    return points - torch.einsum("bhwc,bdc->bhwd", off, back[:, :, :2])


class DeepLevel(nn.Module):
    """What a face is, seen as a whole: a level below the decoder's coarsest one, where much knowledge costs little work.

    Args:
        coarse: Channels of the coarsest level.
        width: Channels of this one.
        depth: Residual blocks.
        side: Of the map of places; a crop is always of a face, so eyes and mouth have theirs.
    """

    def __init__(self, coarse: int, width: int, depth: int, *, side: int = 8) -> None:
        super().__init__()
        self.down = conv(coarse, width, stride=2)
        self.places = nn.Parameter(torch.zeros(1, width, side, side))
        self.blocks = ResStack(width, depth)
        self.up = nn.Sequential(softened(conv(width, 4 * coarse, 1)), nn.PixelShuffle(2))
        self.act = nn.LeakyReLU(0.1)

    def forward(self, coarse: Tensor) -> Tensor:
        """`[bs, c, h, w]` → the same, with what is added."""
        deep = self.act(self.down(coarse))
        deep = deep + F.interpolate(self.places, size=deep.shape[-2:], mode="bilinear", align_corners=False)
        # Odd sizes are cropped back to the level they came from.
        return coarse + self.up(self.blocks(deep))[..., : coarse.shape[-2], : coarse.shape[-1]]


class Correction(nn.Module):
    """One unrolled step of back-projection with learned ways there and back (Irani and Peleg 1991, learned).

    The picture is looked at as each frame saw it. What the frame shows and the picture lacks is encoded, brought to its place, joined by
    the shares of the frames, and turned into an addition to the picture.
    """

    n_missing = 8

    def __init__(self, fine: int, tail: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(conv(6, 16), nn.LeakyReLU(0.1), upshuffle(16, self.n_missing))
        self.join = nn.Sequential(conv(fine + self.n_missing, fine), nn.LeakyReLU(0.1), ResStack(fine, 1))
        self.paint = nn.Sequential(upshuffle(fine, tail), nn.LeakyReLU(0.1), softened(conv(tail, 3)))

    def forward(
        self, pred: Tensor, fine: Tensor, stack: Tensor, grid: Tensor, back: Tensor, shares: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Find what is missing.

        Args:
            pred: `[bs, 3, 4h, 4w]`, the picture so far. No gradient flows through the look at it.
            fine: `[bs, c, 2h, 2w]`, features of the decoder.
            stack: `[bs, n, 3, h, w]`, the frames.
            grid: `[bs·n, 2h, 2w, 2]`: where each frame is sampled.
            back: `[bs·n, 2h, 2w, 2]`: where each frame's points lie in the picture.
            shares: `[bs, n, 2h, 2w]`.

        Returns:
            The addition `[bs, 3, 4h, 4w]` and the joined features `[bs, c, 2h, 2w]`.
        """
        bs, n = stack.shape[:2]
        # Bilinear samples at twice the frames' size, each reaching over 2×2 of the picture's pixels: their means over 2×2 are area means.
        seen = F.avg_pool2d(warp(pred.detach().repeat_interleave(n, dim=0), back), 2)
        light = (stack[:, n // 2, None] - stack).mean(dim=(3, 4), keepdim=True)
        missing = (stack + light).flatten(0, 1) - seen
        found = warp(self.encode(torch.cat([missing, seen], dim=1)), grid).unflatten(0, (bs, n))
        joined = self.join(torch.cat([fine, (found * shares.unsqueeze(2)).sum(dim=1)], dim=1))
        return self.paint(joined), joined


class FrameQuality(nn.Module):
    """How good the frames are as a whole, from traces of the coding and from how they differ: one judgement for the picture, order-free.

    Args:
        width: Features of one frame.
        out: Features that the judgement scales and shifts.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.look = nn.Sequential(
            conv(9, width),
            nn.LeakyReLU(0.1),
            conv(width, width, dilation=2),
            nn.LeakyReLU(0.1),
            conv(width, width),
            nn.LeakyReLU(0.1),
        )
        self.judge = nn.Sequential(nn.Linear(4 * width, 2 * width), nn.LeakyReLU(0.1), nn.Linear(2 * width, 2 * out))
        last: nn.Module = self.judge[-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, stack: Tensor, aligned: Tensor, believed: Tensor) -> tuple[Tensor, Tensor]:
        """Two of `[bs, out, 1, 1]`, 0 at first: scale and offset.

        Args:
            stack: `[bs, n, 3, h, w]`, the frames.
            aligned: Likewise, brought to the middle one.
            believed: bool `[bs, n]`: the frames that count.
        """
        bs, n = stack.shape[:2]
        fine = stack - F.avg_pool2d(stack.flatten(0, 1), 3, stride=1, padding=1, count_include_pad=False).unflatten(0, (bs, n))
        missed = aligned - stack[:, n // 2, None]
        seen = self.look(torch.cat([stack, 8 * fine, 4 * missed], dim=2).detach().flatten(0, 1))
        each = torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1).unflatten(0, (bs, n))
        counts = believed.to(each)[:, :, None]
        together = (each * counts).sum(dim=1) / counts.sum(dim=1)  # the middle always counts
        judged = self.judge(torch.cat([each[:, n // 2], together], dim=1))
        scale, offset = judged[:, :, None, None].chunk(2, dim=1)
        return scale, offset


class SpreadHead(nn.Module):
    """The scale b of a Laplace distribution of each pixel's error, learned beside the picture (Kendall and Gal 2017, arXiv 1703.04977).

    Args:
        fine: Channels of the features.
        quality: Whether it looks at the frames as a whole as well.
    """

    least = 1e-3  # a quarter of a grey level
    usual = -3.5  # e^-3.5 is 8 grey levels

    def __init__(self, fine: int, *, quality: bool = False) -> None:
        super().__init__()
        self.look = nn.Sequential(conv(fine + 2, 16), nn.LeakyReLU(0.1), conv(16, 16), nn.LeakyReLU(0.1), upshuffle(16, 1))
        self.quality = FrameQuality(24, 16) if quality else None

    def forward(self, fine: Tensor, none: Tensor, other: Tensor, stack: Tensor, aligned: Tensor, believed: Tensor) -> Tensor:
        """`[bs, 1, 4h, 4w]`, more than 0.

        Args:
            fine: `[bs, c, 2h, 2w]`, features that the picture is painted from. No gradient flows back to them: the picture must not
                become worse so that its errors can be foretold better.
            none: `[bs, 1, 2h, 2w]`, share of "none of the frames".
            other: `[bs, 1, 2h, 2w]`, share of the frames other than the middle.
            stack: `[bs, n, 3, h, w]`, the frames.
            aligned: `[bs, n, 3, h, w]`, the frames brought to the middle by the affine motion.
            believed: bool `[bs, n]`: the frames that show the same scene anywhere.
        """
        first, *rest = self.look
        seen = first(torch.cat([fine, none, other], dim=1).detach())
        if self.quality is not None:
            scale, offset = self.quality(stack, aligned, believed)
            seen = seen * (1 + scale) + offset
        for layer in rest:
            seen = layer(seen)
        log = seen + self.usual
        return log.clamp(-6.0, 0.5).exp() + self.least
