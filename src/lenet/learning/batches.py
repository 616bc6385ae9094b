"""Batches of digits that lie in memory; no worker process, no copy but the batch itself."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from lenet.data import Digits, Split, patterns_of_pass, training_patterns
from lenet.nets import EVALUATION_BATCH

Thing = TypeVar("Thing")
Made = TypeVar("Made")

AT_ONCE = 1024  # digits of several batches that are made together, since few at a time take longer


def ahead(make: Callable[[Thing], Made], things: Iterable[Thing]) -> Iterator[Made]:
    """What is made of each thing, made by a thread of its own while the one before is in use.

    Distorting digits takes half as long as learning them does. What ``make`` raises is raised where
    its result is due.
    """
    with ThreadPoolExecutor(1) as maker:
        coming = (maker.submit(make, thing) for thing in things)
        following = next(coming, None)
        while following:
            made = following.result()
            following = next(coming, None)
            yield made


class Shuffled:
    """One epoch of the training digits in random order, a function of seed and epoch alone.

    Where the digits are to be distorted, an epoch is as long but shows patterns of the distorted
    set, each of them twice in 20 epochs (III.B); where they are to be noisy, with noise on top.

    All batches have the same size, as compiled nets and batch statistics want it: the remainder
    of the order, other digits each epoch, is left out.

    Args:
        digits: whose training split is shown.
        batch_size: digits in a batch; at most all.
        seed, epoch: what the order depends on.
        rank, world: of so many processes that share each batch, which one this is.
    """

    def __init__(
        self,
        digits: Digits,
        batch_size: int,
        seed: int,
        epoch: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.digits = digits
        self.split = digits.train
        self.batch_size = min(batch_size, len(self.split))
        self.seed = seed
        self.epoch = epoch
        self.share = slice(rank, None, world)
        self.together = max(1, AT_ONCE // (self.batch_size // world))

    def __len__(self) -> int:
        return len(self.split) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for several in self.several():
            yield from several

    def several(self) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """The batches, as many at a time as are made together."""
        if self.digits.distorted:
            order = patterns_of_pass(self.epoch, len(self.split), self.seed)
        else:
            generator = np.random.default_rng((self.seed, self.epoch))
            order = torch.from_numpy(generator.permutation(len(self.split)))
        rows = order[: len(self) * self.batch_size].view(len(self), -1)[:, self.share]
        each = rows.shape[1]
        # a thread of its own would cost as much as a gather does
        in_turn = map if self.digits.as_they_are else ahead
        for made in in_turn(self._made, rows.split(self.together)):
            yield list(zip(made.images.split(each), made.labels.split(each), strict=True))

    def _made(self, rows: Tensor) -> Split:
        rows = rows.flatten()
        if self.digits.as_they_are:
            images = self.split.images.index_select(0, rows)  # three times faster than [rows]
            return Split(images, self.split.labels[rows])
        return training_patterns(self.split, rows, self.digits.noise, self.epoch)


class SeveralBatches:
    """The same, several batches at a time."""

    def __init__(self, shuffled: Shuffled) -> None:
        self.shuffled = shuffled

    def __len__(self) -> int:
        return -(-len(self.shuffled) // self.shuffled.together)

    def __iter__(self) -> Iterator[list[tuple[Tensor, Tensor]]]:
        return self.shuffled.several()


class InOrder:
    """A split from its first digit to its last."""

    def __init__(self, split: Split, batch_size: int = EVALUATION_BATCH) -> None:
        self.split = split
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(
            self.split.images.split(self.batch_size),
            self.split.labels.split(self.batch_size),
            strict=True,
        )
