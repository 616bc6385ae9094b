"""Training patterns, each made again from its number alone: distorted digits (III.B), and digits
with salt and pepper (III.E).

The paper adds 540,000 distorted patterns to the 60,000 originals and still trains for 20 passes
of 60,000 patterns, so that each is seen about twice. Here pattern p of n digits is the original
digit p while p < n, and after that distortion number p // n of digit p % n. All that is random
about a pattern follows from a seed and p by a counter-based generator, so nothing is stored, a
batch is the same however a set is cut into batches, and the numbers may go on beyond the set as
far as boosting mines them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lenet import paper
from lenet.data.affine import resample


@dataclass(frozen=True)
class Ranges:
    """The largest distortion of each kind; the paper names the kinds and leaves the ranges open.

    Parameters are uniform between minus and plus these. LeNet-4 after 8 passes was 1.06 % wrong
    with them on the last 5,000 training digits, 1.10 with half of each, 1.10 with 1.5 times
    each, 1.18 without distortions: the gain is there, its best range is broad.
    """

    shift: float = 1.0  # pixels, horizontally and vertically
    scale: float = 0.08  # log of the factor for both directions
    squeeze: float = 0.08  # log of the horizontal factor, whose inverse is the vertical one
    shear: float = 0.15  # horizontal pixels for each vertical one: 8.5 degrees


PARAMETERS = 5
"""Horizontal shift, vertical shift, log scale, log squeeze, shear."""

COPIES = 10
"""Patterns of the set for each original digit: itself and nine distortions (540,000 / 60,000)."""

RANGES = Ranges()


def parameters_of(
    patterns: Tensor | np.ndarray, originals: int, seed: int, ranges: Ranges = RANGES
) -> Tensor:
    """The distortions of some patterns, by their numbers.

    Args:
        patterns: N numbers, 0 or more, in any order.
        originals: n, the number of original digits.
        seed: 0 or more; another seed, another set.

    Returns:
        N x 5 float32 (``PARAMETERS``): zeros, which change nothing, for p < n.

    Raises:
        ValueError: a negative pattern or seed, or no originals.
    """
    numbers = np.asarray(patterns, dtype=np.int64)
    if originals < 1 or seed < 0 or (numbers < 0).any():
        raise ValueError(
            "distorted patterns need at least one original, and a seed and numbers "
            f"from 0 on: originals={originals}, seed={seed}"
        )
    limits = np.array(
        [ranges.shift, ranges.shift, ranges.scale, ranges.squeeze, ranges.shear], np.float32
    )
    values = (2 * _uniform(seed, numbers) - 1) * limits
    values[numbers < originals] = 0
    return torch.from_numpy(values)


def distort(images: Tensor, parameters: Tensor) -> Tensor:
    """Each image under its own map about the image's centre, background around it.

    A digit is sheared, scaled and squeezed, then shifted; with f = exp(scale + squeeze) and
    g = exp(scale - squeeze) its ink goes from (x, y) to (f (x + shear y) + dx, g y + dy),
    x to the right and y down. The images are sampled with the inverse of that.

    Args:
        images: N x 1 x H x H float32 in the paper's range.
        parameters: N x 5, of ``parameters_of``.

    Returns:
        N x 1 x H x H.

    Raises:
        ValueError: not one row of parameters for each image.
    """
    if parameters.shape != (len(images), PARAMETERS):
        raise ValueError(
            f"{len(images)} images need parameters {len(images)} x {PARAMETERS}, "
            f"got {' x '.join(map(str, parameters.shape))}"
        )
    dx, dy, scale, squeeze, shear = parameters.T
    x_of_x, y_of_y = torch.exp(-scale - squeeze), torch.exp(squeeze - scale)
    x_of_y = -shear * y_of_y
    source = torch.zeros(len(images), 2, 3)
    source[:, 0, 0], source[:, 0, 1] = x_of_x, x_of_y
    source[:, 0, 2] = -x_of_x * dx - x_of_y * dy
    source[:, 1, 1], source[:, 1, 2] = y_of_y, -y_of_y * dy
    return resample(images, source, images.shape[-1], paper.BACKGROUND)


def distorted_patterns(
    images: Tensor, patterns: Tensor, seed: int, ranges: Ranges = RANGES
) -> Tensor:
    """Patterns of the set by their numbers: pattern p shows digit p % n.

    Args:
        images: n x 1 x H x H, the original digits.
        patterns: N numbers, any order.

    Returns:
        N x 1 x H x H; originals come back bit by bit.
    """
    n = len(images)
    result = images[patterns % n]
    parameters = parameters_of(patterns, n, seed, ranges)
    changed = patterns >= n
    result[changed] = distort(result[changed], parameters[changed])
    return result


def patterns_of_pass(number: int, originals: int, seed: int) -> Tensor:
    """The patterns of a training pass, in order: as many as there are originals.

    Ten passes in a row show every one of the set's 10 n patterns once, in a random order, so
    the paper's 20 passes show each of them twice.

    Args:
        number: of the pass, from 0.
    """
    round_, part = divmod(number, COPIES)
    order = np.random.default_rng((seed, round_)).permutation(COPIES * originals)
    return torch.from_numpy(order[part * originals : (part + 1) * originals])


def salt_and_pepper(
    images: Tensor, patterns: Tensor, probability: float, keys: tuple[int, ...]
) -> Tensor:
    """Inverts each pixel, ink to background and the other way, with a probability.

    Args:
        images: N x 1 x H x W float32, -0.1 (background) to 1.175 (foreground).
        patterns: N numbers from 0 on; with the keys, all that the noise of an image depends on.
        probability: of each pixel, rounded to 16 bits.
        keys: what tells one noise from another: a seed, the number of a pass.

    Returns:
        N x 1 x H x W.
    """

    def noisy(some: Tensor, numbers: Tensor) -> Tensor:
        inverted = inverted_pixels(numbers, images.shape[1:].numel(), probability, keys)
        return torch.where(inverted.view_as(some), paper.BACKGROUND + paper.FOREGROUND - some, some)

    chunks = zip(images.split(_CHUNK), patterns.split(_CHUNK), strict=True)
    return torch.cat([noisy(some, numbers) for some, numbers in chunks])


_CHUNK = 500  # patterns at a time: what they need stays in the processor's cache
_DRAWS = 4  # of 16 bits from each random word, which is a fourth of the work


def inverted_pixels(
    patterns: Tensor, pixels: int, probability: float, keys: tuple[int, ...]
) -> Tensor:
    """Which pixels `salt_and_pepper` inverts: N x pixels bool.

    At a larger probability those of a smaller one are among them.
    """
    draws = random_words(keys, patterns.numpy(), -(-pixels // _DRAWS)).view(np.uint16)
    return torch.from_numpy(draws[:, :pixels] < round(probability * 2**16))


def _uniform(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """N x 5 in [0, 1)."""
    words = random_words((seed,), numbers, PARAMETERS)
    return (words >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def random_words(
    keys: tuple[int, ...], numbers: NDArray[np.int64], columns: int
) -> NDArray[np.uint64]:
    """N x columns random words, a function of keys, number and column alone.

    SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) read
    at places of its sequence: its state is a counter, so any place can be reached at once.

    Args:
        keys: what tells one sequence from another, each from 0 on.
        numbers: (N,), from 0 on.
    """
    start = np.zeros(1, np.uint64)
    for key in keys:
        start = _mixed(start + np.array([key + 1], np.uint64) * _GOLDEN)
    column = np.arange(1, columns + 1, dtype=np.uint64)
    place = numbers.astype(np.uint64)[:, None] * np.uint64(columns) + column
    return _mixed(start + place * _GOLDEN)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
