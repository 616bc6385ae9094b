"""From a picture of a digit to a 28x28 digit as MNIST was made (III.A): size-normalised into
20x20 with its aspect ratio kept, which makes grey levels, and centred by mass in 28x28.

Of MNIST's own digits the longer side is 20 pixels but for 3 of the 10,000 of the test set, and the
centre of mass lies less than half a pixel from pixel 14; so they pass almost unchanged.
"""

import numpy as np
from numpy.typing import NDArray

from lenet.data.views import INNER, SIDE
from lenet.errors import InputError

CONTRAST = 24 / 255  # the least difference between ink and paper
FAINT = 1 / 8  # of full ink; what is less is paper
FIRM = 1 / 2  # of full ink; strokes have some
SPECK = 1 / 50  # of the largest stroke's area; what is smaller is no part of a digit


def normalise(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The digit in a picture as MNIST would have it.

    Args:
        grey: H x W, 0 to 1; the digit may be darker or lighter than what surrounds it.

    Returns:
        28 x 28, 0 is background, 255 ink.

    Raises:
        InputError: no ink stands out from the picture's border.
    """
    from PIL import Image

    strokes = _strokes(_ink(grey))
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    box = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = INNER / max(box.shape)
    height, width = (max(1, round(side * scale)) for side in box.shape)
    small = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.HAMMING))
    small = (small.clip(0) * (255 / small.max())).round()  # thin strokes have paled
    digit = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (_start(small.sum(axis)) for axis in (1, 0))
    digit[top : top + height, left : left + width] = small
    return digit


def _ink(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a pixel differs from the paper, 0 to 1 for full ink. Paper is the median of the
    picture's border, give or take what varies there (twice the standard deviation, of noise)."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    noise = 3 * np.median(np.abs(border - paper))
    dark = paper - grey.min() >= grey.max() - paper
    ink = ((paper - grey if dark else grey - paper) - noise).clip(0)
    if ink.max() < CONTRAST:
        raise InputError("is blank: nothing stands out from its border")
    full = np.percentile(ink[ink >= FIRM * ink.max()], 90)
    return (ink / full).clip(0, 1)


_AROUND = np.ones((3, 3))


def _strokes(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ink without what is faint all through, such as a shadow, and without specks."""
    from scipy import ndimage

    parts, _ = ndimage.label(ink >= FAINT, _AROUND)
    firm = np.bincount(parts.ravel(), (ink >= FIRM).ravel()) > 0
    areas = np.bincount(parts.ravel())
    areas[0] = 0  # paper
    keep = firm & (areas >= max(1, SPECK * areas.max()))
    return np.where(ndimage.binary_dilation(keep[parts], _AROUND), ink, 0)  # and its faint edge


def _start(profile: NDArray[np.float32]) -> int:
    """Where a line of ink starts, so that its centre of mass falls into pixel 14 of 28 and all
    of it lies within."""
    centre = profile @ np.arange(len(profile)) / profile.sum()
    return int(np.clip(np.ceil(SIDE / 2 - 0.5 - centre), 0, SIDE - len(profile)))
