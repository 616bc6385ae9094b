"""The three forms of the digits (III.A), and one without geometry (III.D), from raw bytes to the
values that a classifier sees.

Each view takes N x 28 x 28 uint8 (0 is background, 255 foreground, as MNIST is stored) and
gives N x 1 x H x W float32, -0.1 for background to 1.175 for foreground. What a net adds around
its digits is the net's business: LeNet-5 pads to 32x32, LeNet-1 to 28x28.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from lenet import paper
from lenet.data.affine import resample

SIDE = 28  # of a raw digit
DESLANTED_SIDE = 20
REDUCED_SIDE = 16
PERMUTATION_SEED = 1998
INNER = 20  # MNIST's digits were normalised to fit 20x20 before they were centred (III.A)


def regular(raw: Tensor) -> Tensor:
    """The digits as they are: N x 28 x 28 uint8 -> N x 1 x 28 x 28.

    Raises:
        ValueError: not N x 28 x 28 uint8. So do the other views.
    """
    return _in_range(_ink(raw))


def deslanted(raw: Tensor) -> Tensor:
    """Upright digits: N x 28 x 28 uint8 -> N x 1 x 20 x 20.

    The lines are shifted horizontally, each in proportion to its height above the centre of
    mass, until the principal axis of inertia is vertical. It is when the mixed moment m11 is
    zero; a shear x - a y changes m11 by -a m02, hence a = m11 / m02. The moments are those of
    the grey levels, so a pixel counts by its ink. The centre of mass comes to the middle of the
    20x20 crop, by fractions of a pixel too: moved by whole lines instead, the digits are 1.44 %
    wrong rather than 1.20 to 3 nearest neighbours (last 5,000 training digits).
    """
    ink = _ink(raw)
    place = torch.arange(SIDE, dtype=torch.float32) - (SIDE - 1) / 2  # from the image's centre
    columns, rows = ink.sum((1, 2)), ink.sum((1, 3))  # N x 28: the ink of a column, of a line
    mass = rows.sum(1).clamp(min=1 / 255)
    x0, y0 = columns @ place / mass, rows @ place / mass
    line_moment = ink[:, 0] @ place  # N x 28: each line's ink times its x
    y = place - y0[:, None]
    m11 = (line_moment * y).sum(1)  # x0 may stay in: the ink's y add up to zero
    m02 = (rows * y * y).sum(1)
    flat = m02 < 1e-4 * mass  # a single line, but for rounding, has no slant
    slant = torch.where(flat, 0, m11 / m02)

    source = torch.zeros(len(raw), 2, 3)
    source[:, 0, 0] = source[:, 1, 1] = 1
    source[:, 0, 1], source[:, 0, 2], source[:, 1, 2] = slant, x0, y0
    return _in_range(resample(ink, source, DESLANTED_SIDE, 0.0))


def reduced(raw: Tensor) -> Tensor:
    """Small digits: N x 28 x 28 uint8 -> N x 1 x 16 x 16.

    The central 20x20, where MNIST's digits lie but for a few pixels of ink, antialiased to
    16x16: every pixel is a mean of the ink around it.
    """
    margin = (SIDE - INNER) // 2
    inner = _ink(raw)[..., margin:-margin, margin:-margin]
    small = [
        F.interpolate(some, (REDUCED_SIDE, REDUCED_SIDE), mode="bilinear", antialias=True)
        for some in inner.split(4096)
    ]
    return _in_range(torch.cat(small))


def permuted(raw: Tensor) -> Tensor:
    """Digits whose pixels stand in another order, always the same: N x 28 x 28 uint8 ->
    N x 1 x 28 x 28. To a classifier that knows nothing of geometry they are as good (III.D)."""
    order = torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(PERMUTATION_SEED))
    return regular(raw).flatten(1)[:, order].view(len(raw), 1, SIDE, SIDE)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "regular": regular,
    "deslanted": deslanted,
    "16x16": reduced,
    "permuted": permuted,
}
"""By the names that ``paper.ROWS`` and the configs use."""


def _ink(raw: Tensor) -> Tensor:
    """N x 28 x 28 uint8 -> N x 1 x 28 x 28 float32, 0 to 1."""
    if raw.dtype != torch.uint8 or raw.shape[1:] != (SIDE, SIDE):
        raise ValueError(
            f"the views take N x {SIDE} x {SIDE} uint8 digits, "
            f"got {' x '.join(map(str, raw.shape))} {str(raw.dtype).removeprefix('torch.')}"
        )
    return raw[:, None].float().div_(255)


def _in_range(ink: Tensor) -> Tensor:
    return ink.mul_(paper.FOREGROUND - paper.BACKGROUND).add_(paper.BACKGROUND)
