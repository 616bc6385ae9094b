"""Distorted digits (III.B): random planar affine maps, each made again from its number alone.

The paper adds 540,000 distorted patterns to the 60,000 originals and still trains for 20 passes
of 60,000 patterns, so that each is seen about twice. Here pattern p of n digits is the original
digit p while p < n, and after that distortion number p // n of digit p % n. Its parameters
follow from (seed, p) by a counter-based generator, so nothing is stored, a batch is the same
however a set is cut into batches, and the numbers may go on beyond the set as far as boosting
mines them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lenet import paper
from lenet.data.affine import resample


@dataclass(frozen=True)
class Ranges:
    """The largest distortion of each kind; the paper names the kinds and leaves the ranges open.

    Parameters are uniform between minus and plus these. With them LeNet-5 came below the
    paper's 0.8 %, with about 1.3 times wider ones (1.5, .1, .1, .2) it lost what it had gained.
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
    shown = images[patterns % n]
    parameters = parameters_of(patterns, n, seed, ranges)
    changed = patterns >= n
    shown[changed] = distort(shown[changed], parameters[changed])
    return shown


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


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _uniform(seed: int, numbers: np.ndarray) -> np.ndarray:
    """N x 5 float32 in [0, 1), a function of seed, number and column alone.

    SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) read
    at places of its sequence: its state is a counter, so any place can be reached at once.
    """
    columns = np.arange(1, PARAMETERS + 1, dtype=np.uint64)
    place = numbers.astype(np.uint64)[:, None] * np.uint64(PARAMETERS) + columns
    start = _mixed(np.array([seed], np.uint64) * _GOLDEN + _GOLDEN)
    bits = _mixed(start + place * _GOLDEN)
    return (bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


def _mixed(state: np.ndarray) -> np.ndarray:
    """SplitMix64's output function."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
