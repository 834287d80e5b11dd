"""What is put in place of some callbacks of fastai's `GANLearner`, or beside them, and why."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from fastai.callback.core import Callback
from fastai.vision.gan import GANTrainer

__all__ = ["FrozenHalf", "GanSchedule", "GanTrainer", "turns"]


class GanTrainer(GANTrainer):
    """fastai's, which warns of itself at every switch: it keeps networks and turn under names that the Learner has too."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the value here, as fastai's own code means it, without its warning."""
        object.__setattr__(self, name, value)


def turns(n_steps: Callable[[int], int]) -> Iterator[bool]:
    """Whose turn each batch is, without end: True for the generator's."""
    for n_done in itertools.count():
        yield from itertools.repeat(False, n_steps(n_done))
        yield True


class GanSchedule(Callback):
    """Switches between discriminator and generator.

    fastai's `FixedGANSwitcher` gives its function the steps of the last round only, and begins anew in every epoch; WGAN's schedule goes by
    all the generator's steps. Here the turn follows from the number of the batch alone, so that a resumed run goes on where it was.

    Args:
        n_steps: number of the generator's steps so far → steps of the discriminator before its next.
    """

    run_after = GANTrainer

    def __init__(self, n_steps: Callable[[int], int]) -> None:
        super().__init__()
        self.n_steps = n_steps
        self._turns: Iterator[bool] = iter(())

    def before_train(self) -> None:
        """Go to where the epochs before have ended; validation has left the generator's turn behind."""
        self._turns = itertools.islice(turns(self.n_steps), self.epoch * len(self.dls.train), None)
        self.learn.gan_trainer.switch(next(self._turns))

    def after_batch(self) -> None:
        """Take the next turn."""
        if self.training:
            turn = next(self._turns)
            if turn != self.learn.gan_trainer.gen_mode:
                self.learn.gan_trainer.switch(turn)


class FrozenHalf(Callback):
    """Keeps the optimiser's hands off the network whose turn it is not.

    `GANTrainer` freezes it, but its gradients of the turn before stay, as zeros; so momentum and weight decay would go on moving it.
    """

    order = 90  # after whatever else works on gradients

    def before_step(self) -> None:
        """Take those gradients away."""
        for parameter in self.model.parameters():
            if not parameter.requires_grad:
                parameter.grad = None
