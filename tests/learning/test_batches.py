"""Batches hold each digit once, in an order that seed and epoch decide."""

import threading

import pytest
import torch

from lenet.data.digits import SET_SEED, Digits, Split
from lenet.data.distortions import distorted_patterns, patterns_of_pass
from lenet.learning import batches
from lenet.learning.batches import InOrder, Shuffled, ahead


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


def test_processes_share_each_batch() -> None:
    whole = Shuffled(trained_on(100), 20, seed=3, epoch=1)
    shares = [Shuffled(trained_on(100), 20, 3, 1, rank, world=2) for rank in range(2)]
    for (_, batch), (_, first), (_, second) in zip(whole, *shares, strict=True):
        assert torch.equal(batch, torch.stack([first, second], 1).flatten())


def test_in_order_keeps_all() -> None:
    batches = InOrder(digits(7), batch_size=3)
    assert seen(batches) == list(range(7))
    assert len(batches) == 3


def changing(noise: float, distorted: bool) -> Digits:
    pictures = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    train = Split(pictures, torch.arange(60))
    return Digits("", "", train, digits(0), digits(0), distorted, noise=noise)


def test_without_noise_or_distortion_digits_are_shown_as_they_are() -> None:
    plain = changing(0.0, False)
    assert plain.as_they_are
    for images, labels in Shuffled(plain, 20, seed=1, epoch=3):
        assert torch.equal(images, plain.train.images[labels])


def test_distorted_patterns_without_noise_are_those_of_the_set() -> None:
    of_set = changing(0.0, True)
    order = patterns_of_pass(3, 60, seed=1)
    batches = [images for images, _ in Shuffled(of_set, 20, seed=1, epoch=3)]
    expected = distorted_patterns(of_set.train.images, order, SET_SEED)
    assert torch.equal(torch.cat(batches), expected)


@pytest.mark.parametrize("at_once", [1, 50])
@pytest.mark.parametrize(("noise", "distorted"), [(0.0, False), (0.0, True), (0.1, True)])
def test_batches_are_the_same_however_many_are_made_at_once(
    noise: float, distorted: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = Shuffled(changing(noise, distorted), 20, seed=1, epoch=3)
    together = list(shuffled)
    monkeypatch.setattr(batches, "AT_ONCE", at_once)
    apart = list(shuffled)
    assert len(apart) == len(shuffled) == 3
    for (images, labels), (same, likewise) in zip(together, apart, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, likewise)


def test_one_thing_is_made_while_the_one_before_is_in_use() -> None:
    made, second = [], threading.Event()

    def make(thing: int) -> int:
        made.append(thing)
        if thing == 1:
            second.set()
        return -thing

    given = ahead(make, range(4))
    assert next(given) == 0
    assert second.wait(10), "nobody had to ask for it"
    assert made == [0, 1], "no more than one ahead"
    assert list(given) == [-1, -2, -3]
    assert list(ahead(make, [])) == []


def test_what_cannot_be_made_fails_where_it_is_used() -> None:
    given = ahead(lambda thing: 1 // thing, [1, 0])
    assert next(given) == 1
    with pytest.raises(ZeroDivisionError):
        next(given)


def test_an_epoch_that_is_left_leaves_no_thread() -> None:
    before = threading.active_count()
    epoch = iter(Shuffled(changing(0.0, True), 20, seed=1, epoch=3))
    next(epoch)
    assert threading.active_count() == before + 1
    del epoch
    assert threading.active_count() == before


@pytest.mark.parametrize("distorted", [False, True])
def test_noise_changes_pixels_but_no_order_and_is_another_each_epoch(distorted: bool) -> None:
    def epoch(noise: float, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        batches = list(Shuffled(changing(noise, distorted), 20, seed=1, epoch=number))
        return torch.cat([b[0] for b in batches]), torch.cat([b[1] for b in batches])

    (clean, labels), (noisy, noisy_labels) = epoch(0.0, 3), epoch(0.1, 3)
    assert torch.equal(labels, noisy_labels)
    assert (clean != noisy).double().mean().item() == pytest.approx(0.1, abs=0.01)
    if not distorted:  # pixels by digit, whatever the order
        first = (epoch(0.1, 0)[0] != epoch(0.0, 0)[0])[epoch(0.1, 0)[1].argsort()]
        other = (noisy != clean)[labels.argsort()]
        assert (first & other).double().mean().item() == pytest.approx(0.01, abs=0.005)
