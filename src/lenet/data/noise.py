"""Salt and pepper (III.E): pixels inverted at random, made again from a pattern's number alone."""

import numpy as np
import torch
from torch import Tensor

from lenet import paper
from lenet.data.counter import bits

_DRAWS = 4  # of 16 bits from each random word, which is a fourth of the work
_CHUNK = 500  # patterns at a time: what they need stays in the processor's cache


def salt_and_pepper(
    images: Tensor, patterns: Tensor, probability: float, keys: tuple[int, ...]
) -> Tensor:
    """Inverts each pixel, ink to background and the other way, with a probability.

    Args:
        images: N x 1 x H x W float32, -0.1 (background) to 1.175 (foreground).
        patterns: N numbers from 0 on; with the keys, all that the noise of an image depends on.
        probability: of each pixel; of it 16 bits count.
        keys: what tells one noise from another: a seed, the number of a pass.

    Returns:
        N x 1 x H x W.
    """

    def noisy(some: Tensor, numbers: Tensor) -> Tensor:
        inverted = chosen(numbers, images.shape[1:].numel(), probability, keys).view_as(some)
        return torch.where(inverted, paper.BACKGROUND + paper.FOREGROUND - some, some)

    chunks = zip(images.split(_CHUNK), patterns.split(_CHUNK), strict=True)
    return torch.cat([noisy(some, numbers) for some, numbers in chunks])


def chosen(patterns: Tensor, pixels: int, probability: float, keys: tuple[int, ...]) -> Tensor:
    """Which pixels are inverted, N x pixels bool; the arguments are those of `salt_and_pepper`.

    At a larger probability those of a smaller one are among them.
    """
    draws = bits(keys, patterns.numpy(), -(-pixels // _DRAWS)).view(np.uint16)
    return torch.from_numpy(draws[:, :pixels] < round(probability * 2**16))
