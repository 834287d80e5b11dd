"""PULSE: among the faces that a generator can paint, search one that looks like the picture when it is shrunk.

The published program gives nothing back when the small picture is not met, and else the picture of the last step beside the small picture
of the best one. Here the best is kept for each picture, large and small belong together, and whether it converged is said beside it: what
did not converge is a result as well (the thesis shows such ones).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.ranges import from_signed
from sharpening.models.pulse.downscale import downscale
from sharpening.models.pulse.gaussian import GaussianFit
from sharpening.models.pulse.losses import Measured, PulseLoss
from sharpening.models.pulse.painter import Painter
from sharpening.models.pulse.schedules import schedule
from sharpening.models.pulse.settings import PulseSettings
from sharpening.models.pulse.sphere import SphericalOptimizer
from sharpening.models.stylegan import StyleGan

__all__ = ["Pulse", "PulseResult", "PulseSearch", "PulseState"]


class PulseResult(NamedTuple):
    """What a search found, whether it converged or not.

    Attributes:
        hr: `[bs, 3, R, R]` in [0, 1], the face.
        lr: `[bs, 3, s, s]` in [0, 1], the same face shrunk.
        converged: bool `[bs]`: the mean squared error of the small picture went down to `eps` at some step.
        log: `[steps, bs]` of each loss, without its weight, and of "total".
        step: number of steps done.
        w_plus: `[bs, n_layers, n_latent]`, the styles that paint `hr`.
    """

    hr: Tensor
    lr: Tensor
    converged: Tensor
    log: Mapping[str, Tensor]
    step: int
    w_plus: Tensor


@dataclass(frozen=True, eq=False)
class PulseState:
    """Where a search stands after a step.

    Attributes:
        step: number of steps done, 1 for the first.
        losses: each loss of this step without its weight, `[bs]`.
        total: their weighted sum, `[bs]`.
        best: lowest total so far, `[bs]`.
        error: lowest mean squared error of the small picture so far, `[bs]`.
        converged: bool `[bs]`: whether that went down to `eps`.
    """

    step: int
    losses: Mapping[str, Tensor]
    total: Tensor
    best: Tensor
    error: Tensor
    converged: Tensor
    _painted: Tensor = field(repr=False)

    def preview(self) -> Tensor:
        """The picture that would be given back now, `[bs, 3, R, R]` in [0, 1]."""
        return from_signed(self._painted).clamp(0, 1)


class PulseSearch:
    """One search, which can be stopped after any step, stored, and gone on with; made by `Pulse.begin`."""

    def __init__(self, pulse: Pulse, picture: Tensor, generator: torch.Generator | None, factor: int) -> None:
        self._pulse, self._factor, self.step = pulse, factor, 0
        self.settings, synthesis = pulse.settings, pulse.gan.synthesis
        like = synthesis.torgb.weight
        self.target = picture.detach().to(like, copy=True)
        self.code, self.noise = self._drawn(len(picture), generator)
        quiet = self.settings.silent(synthesis.n_layers)
        n_trainable = self.settings.n_trainable if self.settings.noise == "trainable" else 0
        self._searched = [self.code, *(self.noise[i] for i in range(min(n_trainable, synthesis.n_layers)) if i not in quiet)]
        for each in self._searched:
            each.requires_grad_()
        self._maps = [None if i in quiet else each for i, each in enumerate(self.noise)]
        self._optimiser = SphericalOptimizer(self._searched, self.settings.optimiser, self.settings.lr)
        self._best = self._error = like.new_full((len(picture),), torch.inf)
        self._kept: Tensor | None = None
        self._kept_styles: Tensor | None = None
        self._log: list[dict[str, Tensor]] = []

    def _drawn(self, bs: int, generator: torch.Generator | None) -> tuple[Tensor, list[Tensor]]:
        """Codes and noise, one picture after the other, so that a batch starts where its pictures alone would start."""
        synthesis = self._pulse.gan.synthesis
        like, quiet = synthesis.torgb.weight, self.settings.silent(synthesis.n_layers)
        where = generator.device if generator is not None else like.device

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, device=where).to(like)

        rows = 1 if self.settings.tile else synthesis.n_layers
        drawn = [
            (
                draw(1, rows, synthesis.n_latent),
                *(
                    torch.zeros(1, 1, side, side).to(like) if i in quiet else draw(1, 1, side, side)
                    for i, side in enumerate(synthesis.noise_sides)
                ),
            )
            for _ in range(bs)
        ]
        code, *noise = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        return code, noise

    def advance(self) -> PulseState:
        """Do one step.

        Raises:
            RangeError: when all are done.
        """
        if self.step >= self.settings.steps:
            raise RangeError("step", self.step + 1, f"at most {self.settings.steps}", "Give the settings more steps.")
        # A caller may sit in no_grad or inference mode; the search needs gradients all the same.
        with torch.inference_mode(False), torch.enable_grad():
            styles = self._pulse.fit.styles(self.code)
            rows = styles.expand(-1, self._pulse.gan.synthesis.n_layers, -1)
            painted = self._pulse.paint(rows, self._maps)
            measured = self._pulse.loss(downscale(from_signed(painted), self._factor), self.target, styles)
            gradients = torch.autograd.grad(measured.total.sum(), self._searched)
        self._keep(measured, painted.detach(), rows.detach())
        self._optimiser.step(gradients, schedule(self.settings.schedule, self.step, self.settings.steps))
        self.step += 1
        return self._state(measured)

    def _keep(self, measured: Measured, painted: Tensor, rows: Tensor) -> None:
        total = measured.total.detach()
        self._log.append({**measured.parts, "total": total})
        self._error = torch.minimum(self._error, measured.error)
        better = total < self._best
        self._best = torch.minimum(self._best, total)
        some = bool(better.any())
        if self._kept is None or self._kept_styles is None or self.settings.keep == "last" or (some and len(better) == 1):
            self._kept, self._kept_styles = painted, rows.clone()
        elif some:
            self._kept = torch.where(better[:, None, None, None], painted, self._kept)
            self._kept_styles = torch.where(better[:, None, None], rows, self._kept_styles)

    def _state(self, measured: Measured) -> PulseState:
        found = self._error <= self.settings.eps
        return PulseState(self.step, measured.parts, measured.total.detach(), self._best, self._error, found, self._there())

    def result(self) -> PulseResult:
        """What has been found up to now.

        Raises:
            RangeError: before the first step.
        """
        kept = from_signed(self._there())
        log = {name: torch.stack([row[name] for row in self._log]) for name in self._log[0]}
        small = downscale(kept, self._factor).clamp(0, 1)
        styles = self.target.new_empty(0) if self._kept_styles is None else self._kept_styles
        return PulseResult(kept.clamp(0, 1), small, self._error <= self.settings.eps, log, self.step, styles)

    def _there(self) -> Tensor:
        if self._kept is None:
            raise RangeError("steps done", 0, "at least 1", "Nothing has been painted yet: call `advance`.")
        return self._kept

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on from here with `load_state_dict`, on this machine or another; tensors and numbers alone."""
        return {
            "step": self.step,
            "code": self.code.detach().clone(),
            "noise": [each.detach().clone() for each in self.noise],
            "optimiser": self._optimiser.state_dict(),
            "best": self._best.clone(),
            "error": self._error.clone(),
            "kept": self._kept,
            "kept_styles": self._kept_styles,
            "log": list(self._log),
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a search that was begun with the same generator, settings and number of pictures.

        Raises:
            ShapeError: when its codes have another shape.
        """
        if state["code"].shape != self.code.shape:
            raise ShapeError("codes of the stored search", list(state["code"].shape), str(list(self.code.shape)))
        for mine, theirs in zip([self.code, *self.noise], [state["code"], *state["noise"]], strict=True):
            mine.copy_(theirs)
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self._log = int(state["step"]), list(state["log"])
        self._best, self._error = state["best"].to(self.code), state["error"].to(self.code)
        self._kept, self._kept_styles = state["kept"], state["kept_styles"]


class Pulse:
    """PULSE with one generator.

    Args:
        gan: paints; its weights are read once, here, and stay as they are.
        fit: where its styles lie.
        settings: of the search.

    Raises:
        ShapeError: when fit and generator do not belong together.
        RangeError: when the settings name a layer that the generator does not have.

    Source: Menon et al., "PULSE: Self-supervised photo upsampling via latent space exploration of generative models", CVPR 2020,
    arXiv:2003.03808.
    """

    def __init__(self, gan: StyleGan, fit: GaussianFit, settings: PulseSettings | None = None) -> None:
        self.gan, self.settings = gan, settings or PulseSettings()
        n_latent = gan.synthesis.n_latent
        if fit.n_latent != n_latent:
            raise ShapeError("fit", f"[{fit.n_latent}]", f"[{n_latent}], as the generator's styles", "It is of another generator.")
        self.fit = fit.to(gan.synthesis.torgb.weight.device)
        self.settings.silent(gan.synthesis.n_layers)
        self.loss = PulseLoss(self.settings.loss, self.settings.eps)
        # The weights stay as they are now; that half precision is nothing for a processor is no error.
        mixed = self.settings.mixed and gan.synthesis.torgb.weight.is_cuda
        self.paint = Painter(gan.synthesis, torch.bfloat16 if mixed else None)

    @property
    def resolution(self) -> int:
        """Side of the faces [px]."""
        return self.gan.synthesis.resolution

    def begin(self, picture: Tensor, generator: torch.Generator | None = None) -> PulseSearch:
        """Prepare a search without doing a step; arguments and errors as of `steps`."""
        side = picture.shape[-1]
        if picture.ndim != 4 or picture.shape[1] != 3 or picture.shape[2] != side or 0 in picture.shape:
            raise ShapeError("picture", list(picture.shape), "[bs, 3, s, s], squares")
        if not picture.is_floating_point() or not bool(torch.isfinite(picture).all()):
            raise RangeError("picture", f"{picture.dtype}, or NaN or infinity", "finite floating-point numbers in [0, 1]")
        if side < 2 or self.resolution % side:
            known = ", ".join(str(2**i) for i in range(1, self.resolution.bit_length()))
            advice = "Align the face and shrink it: `pulse_transfer` does both."
            raise RangeError("side of the picture", side, f"{known} px for a generator of {self.resolution} px", advice)
        with torch.inference_mode(False):
            return PulseSearch(self, picture, generator, self.resolution // side)

    def steps(self, picture: Tensor, generator: torch.Generator | None = None) -> Iterator[PulseState]:
        """Search step by step; stop whenever it is good enough.

        Args:
            picture: `[bs, 3, s, s]`, RGB in [0, 1]: faces in FFHQ's form, s a divisor of the generator's side (32 px as published).
            generator: torch's dice for codes and noise; None takes its global ones.

        Yields:
            The state after each step.

        Raises:
            ShapeError, RangeError: for other pictures.
        """
        search = self.begin(picture, generator)
        return (search.advance() for _ in range(self.settings.steps))

    def __call__(self, picture: Tensor, generator: torch.Generator | None = None) -> PulseResult:
        """Search to the end; arguments and errors as of `steps`. The result also comes when the search did not converge."""
        search = self.begin(picture, generator)
        for _ in range(self.settings.steps):
            search.advance()
        return search.result()
