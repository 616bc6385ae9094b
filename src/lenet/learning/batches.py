"""Batches of digits that lie in memory; no worker, no copy but the batch itself."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from lenet.data.digits import Split


class Shuffled:
    """One epoch of a split in random order, a function of seed and epoch alone.

    All batches have the same size, as compiled nets and batch statistics want it: the remainder
    of the order, other digits each epoch, is left out.

    Args:
        split: the digits.
        batch_size: digits in a batch; at most all.
        seed, epoch: what the order depends on.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, epoch: int) -> None:
        self.split = split
        self.batch_size = min(batch_size, len(split))
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.split) // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = np.random.default_rng((self.seed, self.epoch))
        order = torch.from_numpy(generator.permutation(len(self.split)))
        for rows in order.split(self.batch_size)[: len(self)]:
            yield self.split.images[rows], self.split.labels[rows]


class InOrder:
    """A split from its first digit to its last. 500 digits a batch were fastest on two cores."""

    def __init__(self, split: Split, batch_size: int = 500) -> None:
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
