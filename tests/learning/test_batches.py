"""Batches hold each digit once, in an order that seed and epoch decide."""

import torch

from lenet.data.digits import Digits, Split
from lenet.learning.batches import InOrder, Shuffled


def digits(count: int) -> Split:
    at = torch.arange(count)
    return Split(at.float()[:, None, None, None].expand(count, 1, 28, 28), at)


def trained_on(count: int) -> Digits:
    return Digits("mnist", "", digits(count), digits(0), digits(0))


def seen(batches: Shuffled | InOrder) -> list[int]:
    for images, labels in batches:
        assert images[:, 0, 0, 0].long().equal(labels), "images stay with their labels"
    return [int(label) for _, labels in batches for label in labels]


def test_an_epoch_shows_each_digit_once() -> None:
    assert sorted(seen(Shuffled(trained_on(100), 20, seed=0, epoch=0))) == list(range(100))


def test_the_remainder_is_left_out_and_is_another_each_epoch() -> None:
    epochs = [seen(Shuffled(trained_on(10), 3, seed=0, epoch=e)) for e in range(20)]
    assert all(len(set(epoch)) == 9 for epoch in epochs)
    assert set.union(*map(set, epochs)) == set(range(10))


def test_order_is_a_function_of_seed_and_epoch() -> None:
    one = seen(Shuffled(trained_on(50), 10, seed=1, epoch=2))
    assert one == seen(Shuffled(trained_on(50), 10, seed=1, epoch=2))
    assert one != seen(Shuffled(trained_on(50), 10, seed=1, epoch=3))
    assert one != seen(Shuffled(trained_on(50), 10, seed=2, epoch=2))


def test_fewer_digits_than_a_batch_are_one_batch() -> None:
    assert len(Shuffled(trained_on(5), 128, seed=0, epoch=0)) == 1


def test_in_order_keeps_all() -> None:
    batches = InOrder(digits(7), batch_size=3)
    assert seen(batches) == list(range(7))
    assert len(batches) == 3
