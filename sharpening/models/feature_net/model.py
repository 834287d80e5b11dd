"""The thesis's Feature-Merge U-Net: a U-Net for the middle frame, and the other frames' maps merged into its encoder's.

The thesis stopped fastai's network with hooks to get at the maps; here they are passed on as plain values. It merged at the deepest
level alone, 4×4 maps of a 128 px frame, where no fine detail can pass; so the levels are a setting.

Source: the thesis, section 3.3 (Feature-Merge U-Net).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.models.unet.encoder import ResNetEncoder
from sharpening.models.unet.model import UNet
from sharpening.weights.store import load_into

__all__ = ["LEVELS", "FeatureNet", "FrozenEncoder"]

# From the finest maps to the coarsest; a name is the size of the maps as a share of the frame's, 1/32 for the last.
LEVELS = ("half", "quarter", "eighth", "sixteenth", "deepest")


class FrozenEncoder(nn.Module):
    """A copy of an encoder that cannot learn.

    Its weights are buffers, not parameters: no optimiser gets hold of them and `requires_grad_` does not reach them. They are saved
    and loaded under the encoder's own names. Its batch norms stay in eval mode, whatever `.train()` says. Gradients still flow
    through it to the frames, so that their influence can be measured.

    Args:
        encoder: To be copied; it stays as it is.
    """

    def __init__(self, encoder: ResNetEncoder) -> None:
        super().__init__()
        self.body = copy.deepcopy(encoder)
        for module in self.body.modules():
            for name, weight in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, weight.detach().clone())
        self.train(False)

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Stay in eval mode: running means that followed the batches would be a way of learning."""
        super().train(False)
        return self

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Maps of all levels, finest first.

        Args:
            frames: `[bs, n, 3, H, W]`, ImageNet-normalised.

        Returns:
            For each of `LEVELS` `[bs, n·c, h, w]`, the maps of one frame after those of the other.
        """
        deepest, skips = self.body(frames.flatten(0, 1))
        return [x.unflatten(0, frames.shape[:2]).flatten(1, 2) for x in (*skips, deepest)]


class _Unit(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        super().__init__(conv, nn.BatchNorm2d(n_out), nn.ReLU())


class _Merge(nn.Module):
    """What the other frames' maps change in the middle's."""

    def __init__(self, width: int, n_frames: int) -> None:
        super().__init__()
        self.units = nn.Sequential(_Unit(width * n_frames, width), _Unit(width, width))
        # A ReLU at the end of the branch could not be set to nothing and still learn; this convolution can.
        self.out = nn.Conv2d(width, width, 1)

    def reset(self) -> None:
        """Change nothing, for now."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, middle: Tensor, others: Tensor) -> Tensor:
        return middle + self.out(self.units(torch.cat([middle, others], dim=1)))


class FeatureNet(UNet):
    """A U-Net for the middle frame, with the others' maps merged in.

    The others go through a frozen copy of the middle's encoder. At each chosen level their maps and the middle's are joined and go
    through two units of convolution, batch norm and ReLU; at "deepest" the result is what the decoder starts from, at the other
    levels it is the decoder's skip. The encoder of the middle reads its own maps, unmerged.

    The thesis fixes the frozen copy, the two units and the place. Ours are the other levels, and that the units' result goes through
    a 1×1 convolution that starts at zero and is added to the middle's map: so the network starts as the very single-frame U-Net that
    it was made from (see `start_from`), and the others can only be learned to help.

    Args:
        n_frames: Frames in a stack; with 1 there is nothing to merge, and it is a `UNet`.
        encoder: "resnet34" (the thesis's) or "resnet18".
        merge: Where to merge, some of `LEVELS`; the thesis has "deepest" alone.
        blur: See `UNet`.
        width: See `UNet`.
        pretrained: State file of torchvision's ResNet for both encoders, or None for fresh weights. For trained weights of a
            single-frame U-Net see `start_from`.

    Raises:
        RangeError: for an unknown level, none, or one named twice; and as `UNet`.

    >>> net = FeatureNet(n_frames=3, encoder="resnet18", merge=("quarter", "deepest"), width=8)
    >>> net(torch.zeros(2, 9, 64, 64)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(
        self,
        n_frames: int = 7,
        encoder: str = "resnet34",
        *,
        merge: Sequence[str] = ("deepest",),
        blur: bool = True,
        width: int = 64,
        pretrained: str | Path | None = None,
    ) -> None:
        super().__init__(1, encoder, pretrained=pretrained, blur=blur, width=width)
        if n_frames < 1:
            raise RangeError("n_frames", n_frames, "at least 1")
        if isinstance(merge, str) or not merge or len(set(merge)) != len(merge) or not set(merge) <= set(LEVELS):
            raise RangeError("merge", merge, f"a list of some of {', '.join(LEVELS)}, each once")
        self.n_frames, self.n_in = n_frames, 3 * n_frames
        self.others = FrozenEncoder(self.encoder) if n_frames > 1 else None
        widths = dict(zip(LEVELS, (self.encoder.widths[0], *self.encoder.widths), strict=True))
        self.levels = tuple(level for level in LEVELS if level in merge and n_frames > 1)
        self.merge = nn.ModuleList(_Merge(widths[level], n_frames) for level in self.levels)

    @property
    def n_frozen(self) -> int:
        """Number of weights that cannot learn: those of the other frames' encoder, beside `parameters()`."""
        return 0 if self.others is None else sum(p.numel() for p in self.encoder.parameters())

    def start_from(self, single: UNet) -> FeatureNet:
        """Become a single-frame U-Net: its weights in the net and in the frozen encoder, and a merge that changes nothing yet.

        Afterwards the result for a stack is what `single` gives for its middle frame.

        Args:
            single: Trained, of the same encoder, width and blur.

        Returns:
            This network.

        Raises:
            RangeError: if it reads more than one frame, enlarges it, or differs in `blur`.
            WeightsMismatch: if it is of another encoder or width.
        """
        if single.n_in != 3 or single.scale != 1:
            got = f"n_in = {single.n_in}, enlarge = {single.scale}"
            raise RangeError("single", got, "n_in = 3, enlarge = 1", "Train a UNet(n_frames=1) first.")
        mine, its = (net.blocks[0].enlarge.blur for net in (self, single))  # type: ignore[union-attr]
        if mine != its:
            raise RangeError("blur", mine, f"{its}, as the single-frame network has it")
        kept = {key: value for key, value in self.state_dict().items() if key.startswith(("others.", "merge."))}
        load_into(self, {**kept, **single.state_dict()}, source="single-frame U-Net")
        if self.others is not None:
            self.others.body.load_state_dict(self.encoder.state_dict())
        for merge in self.merge:
            merge.reset()  # type: ignore[operator]
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB, ImageNet-normalised, already enlarged (bicubic) to the output's size;
                sides of at least 32 px.

        Returns:
            `[bs, 3, H, W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        self._check(frames)
        stack, m = frames.unflatten(1, (self.n_frames, 3)), self.n_frames // 2
        middle = stack[:, m]
        deepest, skips = self.encoder(middle)
        maps = dict(zip(LEVELS, (*skips, deepest), strict=True))
        if self.others is not None:
            others = dict(zip(LEVELS, self.others(torch.cat([stack[:, :m], stack[:, m + 1 :]], dim=1)), strict=True))
            pairs = zip(self.levels, self.merge, strict=True)
            maps |= {level: merge(maps[level], others[level]) for level, merge in pairs}
        *skips, deepest = maps.values()
        return self._paint(self._decode(deepest, skips)[-1], middle)
