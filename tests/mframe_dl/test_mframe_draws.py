"""All chance is made from seed, epoch and place."""

import numpy as np
import pytest

from sharpening.errors import RangeError
from sharpening.mframe_dl.draws import Draws


def at(epoch: int, seed: int = 0) -> Draws:
    draws = Draws(seed)
    draws.epoch = epoch
    return draws


def test_order_is_a_permutation_that_changes_with_epoch_and_seed() -> None:
    orders = [at(0).order(20, 20), at(1).order(20, 20), at(0, seed=1).order(20, 20)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders[0] == at(0).order(20, 20)


@pytest.mark.parametrize("drawn", [3, 7, 10, 25])
def test_short_and_long_epochs_use_all_items_equally_often(drawn: int) -> None:
    counts = np.zeros(10, int)
    for epoch in range(20):
        order = at(epoch).order(10, drawn)
        assert len(order) == drawn
        np.add.at(counts, order, 1)
    assert counts.max() - counts.min() <= 1


def test_items_draw_anew_in_training_and_the_same_in_validation() -> None:
    train = [at(epoch).for_item("a/b.png", train=True).random() for epoch in (0, 1, 0)]
    assert train[0] == train[2] != train[1]
    valid = [at(epoch).for_item("a/b.png", train=False).random() for epoch in (0, 1)]
    assert valid[0] == valid[1] != at(0).for_item("a/c.png", train=False).random()


def test_batches_count_from_the_start_of_the_pass() -> None:
    draws = at(3)
    first = [draws.for_batch().random() for _ in range(2)]
    draws.start_pass()
    assert draws.for_batch().random() == first[0] != first[1]


def test_negative_seed_is_told() -> None:
    with pytest.raises(RangeError, match="seed"):
        Draws(-1)


def test_an_item_that_comes_again_in_an_epoch_draws_anew() -> None:
    counted = at(1).counted(3, 8)
    assert [i % 3 for i in counted] == at(1).order(3, 8)
    assert len(set(counted)) == 8
    first, again = at(1), at(1)
    again.repeat = 1
    assert first.for_item("a/b.png", train=True).random() != again.for_item("a/b.png", train=True).random()
    assert first.for_item("a/b.png", train=False).random() == again.for_item("a/b.png", train=False).random()
    assert first.when(train=True) != again.when(train=True)
    assert first.when(train=False) == again.when(train=False)


def test_names_that_are_not_utf8_draw_too() -> None:
    name = b"m\xfcller.png".decode("utf-8", "surrogateescape")
    assert at(0).for_item(name, train=True).random() == at(0).for_item(name, train=True).random()
