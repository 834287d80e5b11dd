"""All chance of a loader comes from here: each draw has a generator of its own, made from seed, epoch and place.

So the number of workers changes nothing, and a run that was killed and goes on at epoch k sees what it would have seen.
"""

from __future__ import annotations

import zlib

import numpy as np

from sharpening.errors import RangeError

__all__ = ["Draws"]

_ORDER, _ITEM, _BATCH, _VALID = range(4)


class Draws:
    """Generators for the order of the items, for single items and for batches.

    Args:
        seed: Not negative.

    Attributes:
        epoch: Which epoch is drawn. The loader counts it up after each pass; a resumed run sets it.
        repeat: How often the item that is opened has come in this epoch before; the loader sets it.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise RangeError("seed", seed, "0 or more")
        self.seed, self.epoch, self.repeat, self._batch = seed, 0, 0, 0

    def start_pass(self) -> None:
        """Begin a pass over the training items: batches count from 0."""
        self._batch = 0

    def end_pass(self) -> None:
        """A pass is complete: the next one draws anew."""
        self.epoch += 1

    def order(self, n_items: int, n_drawn: int) -> list[int]:
        """Indices of this epoch's items.

        Passes over fewer items than there are go on where the last one stopped, so that all items come equally often.

        >>> first = Draws(seed=1).order(4, 3)
        >>> later = Draws(seed=1); later.epoch = 1
        >>> len(set(first + later.order(4, 3)[:1]))
        4
        """
        start = self.epoch * n_drawn
        rounds = range(start // n_items, (start + n_drawn - 1) // n_items + 1)
        shuffled = [np.random.default_rng((self.seed, _ORDER, r)).permutation(n_items) for r in rounds]
        begin = start - rounds.start * n_items
        return np.concatenate(shuffled)[begin : begin + n_drawn].tolist()

    def counted(self, n_items: int, n_drawn: int) -> list[int]:
        """The same indices, with `n_items` added for each time that an item has come in this epoch before.

        >>> sorted(Draws(seed=1).counted(2, 5))[:4]
        [0, 1, 2, 3]
        """
        seen = [0] * n_items
        found = []
        for index in self.order(n_items, n_drawn):
            found.append(index + seen[index] * n_items)
            seen[index] += 1
        return found

    def when(self, *, train: bool) -> tuple[bool, int, int]:
        """What the draws for an item depend on beside its name."""
        return (train, self.epoch, self.repeat) if train else (train, 0, 0)

    def for_item(self, name: str, *, train: bool) -> np.random.Generator:
        """Generator for the item called `name`; for validation the same in every epoch, so that figures can be compared.

        A name, not an index: a still gets the same damage whatever else lies in its folder. One that comes several times in an epoch gets
        another each time.
        """
        key = zlib.crc32(name.encode(errors="surrogateescape"))  # file names may be anything
        again = (self.repeat,) if self.repeat else ()
        return np.random.default_rng((self.seed, _ITEM, self.epoch, key, *again) if train else (self.seed, _VALID, key))

    def for_batch(self) -> np.random.Generator:
        """Generator for the next training batch."""
        self._batch += 1
        return np.random.default_rng((self.seed, _BATCH, self.epoch, self._batch))
