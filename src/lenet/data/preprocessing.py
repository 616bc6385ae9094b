"""From a picture of a digit to a 28x28 digit as MNIST was made (III.A): size-normalised into
20x20 with its aspect ratio kept, which makes grey levels, and centred by mass in 28x28.

Of MNIST's own digits the longer side is 20 pixels but for 3 of the 10,000 of the test set, and the
centre of mass lies less than half a pixel from pixel 14; so they pass almost unchanged.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lenet.data.views import INNER, SIDE
from lenet.errors import InputError

CONTRAST = 24 / 255  # the least difference between ink and paper
UNEVEN = 15 / 255  # what the border may differ by from one paper, before a local one is looked for
FAINT = 1 / 8  # of full ink; what is less is paper
FIRM = 1 / 2  # of full ink; strokes have some
SPECK = 1 / 50  # of the largest stroke's area; what is smaller is no part of a digit
APART = 1 / 20  # of the tallest part's height: strokes so near each other are of one digit
BROKEN = 1 / 4  # likewise, of a stroke above another, or of one that is less than half as tall
SMALL = 64  # pixels of the side at which light is looked at
MOST_STROKES = 500  # of all digits in a picture; each is compared with each


def normalise(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The digit in a picture as MNIST would have it.

    Args:
        grey: H x W, 0 to 1; the digit may be darker or lighter than what surrounds it, and the
            light may be uneven.

    Returns:
        28 x 28, 0 is background, 255 ink.

    Raises:
        InputError: no ink stands out from what surrounds it.
    """
    ink = _ink(grey)
    parts, kept = _parts(ink)
    return _in_form(_strokes(ink, parts, kept))


def normalise_all(grey: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """The digits in a picture, line by line from left to right, each as `normalise` gives it.

    Raises:
        InputError: as `normalise`; or there are too many strokes, as of a pattern.
    """
    ink = _ink(grey)
    parts, kept = _parts(ink)
    if len(kept) > MOST_STROKES:
        raise InputError(f"shows {len(kept)} strokes, more than {MOST_STROKES}: cut it up")
    return [_in_form(_strokes(ink, parts, group)) for group in _digits(parts, kept)]


def _in_form(strokes: NDArray[np.float32]) -> NDArray[np.uint8]:
    from PIL import Image

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
    picture's border, give or take what varies there (twice the standard deviation, of noise); or
    where the border says that light is uneven, the paper around the pixel."""
    border = _border(grey)
    paper = np.median(border)
    noise = 3 * np.median(np.abs(border - paper))
    if noise <= UNEVEN:
        dark = paper - grey.min() >= grey.max() - paper
        ink = ((paper - grey if dark else grey - paper) - noise).clip(0)
    else:
        difference = _from_local_paper(grey)
        border = _border(difference)
        paper = np.median(border)
        ink = (difference - paper - 3 * np.median(np.abs(border - paper))).clip(0)
    if ink.max() < CONTRAST:
        raise InputError("is blank: nothing stands out from its border")
    full = np.percentile(ink[ink >= FIRM * ink.max()], 90)
    return (ink / full).clip(0, 1)


def _border(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _from_local_paper(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much darker each pixel is than the paper around it, as a share of that; or how much
    lighter, if the digit is light."""
    from PIL import Image
    from scipy import ndimage

    height, width = grey.shape
    shrink = max(1.0, max(height, width) / SMALL)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    beyond = small - _smooth(small)
    dark = -np.percentile(beyond, 1) >= np.percentile(beyond, 99)
    around = 2 * (max(size) // 6) + 1  # a third of the picture: more than a stroke is wide
    filled = ndimage.grey_closing if dark else ndimage.grey_opening  # which keeps edges of shadows
    paper = filled(small, (around, around), mode="nearest")
    paper = np.asarray(Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR))
    return (paper - grey) / np.maximum(paper, CONTRAST) if dark else grey - paper


def _smooth(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface of second order through most of a picture, which is paper."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in grey.shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6)
    values, most = grey.ravel(), np.ones(grey.size, bool)
    for _ in range(5):
        surface = terms @ np.linalg.lstsq(terms[most], values[most], rcond=None)[0]
        off = np.abs(values - surface)
        most = off <= max(2.5 * float(np.median(off)), 1e-6)
    return surface.reshape(grey.shape)


_AROUND = np.ones((3, 3))


def _parts(ink: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """The connected parts of the ink, numbered (0 is paper), and the numbers of those that are not
    faint all through, such as a shadow, and no specks."""
    from scipy import ndimage

    parts, _ = ndimage.label(ink >= FAINT, _AROUND)
    firm = np.bincount(parts.ravel(), (ink >= FIRM).ravel()) > 0
    areas = np.bincount(parts.ravel())
    areas[0] = 0  # paper
    return parts, np.flatnonzero(firm & (areas >= max(1, SPECK * areas.max())))


def _strokes(
    ink: NDArray[np.float32], parts: NDArray[np.int32], kept: Sequence[int] | NDArray[np.intp]
) -> NDArray[np.float32]:
    """The ink of some parts, with their faint edges."""
    from scipy import ndimage

    return np.where(ndimage.binary_dilation(np.isin(parts, kept), _AROUND), ink, 0)


def _digits(parts: NDArray[np.int32], kept: NDArray[np.intp]) -> list[list[int]]:
    """The parts of each digit, line by line from left to right: strokes are of one digit that lie
    close together, or above one another without a line's distance."""
    from scipy import ndimage

    found = ndimage.find_objects(parts)
    boxes = {number: found[number - 1] for number in kept.tolist()}
    heights = {number: rows.stop - rows.start for number, (rows, _) in boxes.items()}
    tallest = max(heights.values())

    def together(one: int, other: int) -> bool:
        down, across = (_gap(a, b) for a, b in zip(boxes[one], boxes[other], strict=True))
        part = min(heights[one], heights[other]) < tallest / 2
        near = BROKEN if part or across < 0 else APART
        return max(down, across) <= near * tallest

    groups: list[list[int]] = []
    for number in boxes:
        joined = [g for g in groups if any(together(number, other) for other in g)]
        groups = [g for g in groups if g not in joined] + [
            [number, *(n for g in joined for n in g)]
        ]

    def box(group: list[int]) -> tuple[float, float, float]:
        rows, columns = zip(*(boxes[number] for number in group), strict=True)
        top, bottom = min(s.start for s in rows), max(s.stop for s in rows)
        return bottom - top, (top + bottom) / 2, min(s.start for s in columns)

    groups = [group for group in groups if box(group)[0] >= tallest / 2]  # others are no digits
    groups.sort(key=lambda group: box(group)[1])
    lines: list[list[list[int]]] = []
    for group in groups:
        if lines and box(group)[1] - box(lines[-1][0])[1] < tallest / 2:
            lines[-1].append(group)
        else:
            lines.append([group])
    return [group for line in lines for group in sorted(line, key=lambda group: box(group)[2])]


def _gap(one: slice, other: slice) -> int:
    """Pixels between two intervals; negative where they share more than half of the shorter."""
    gap = max(one.start, other.start) - min(one.stop, other.stop)
    shorter = min(one.stop - one.start, other.stop - other.start)
    return gap if gap >= 0 or -gap > shorter / 2 else 0


def _start(profile: NDArray[np.float32]) -> int:
    """Where a line of ink starts, so that its centre of mass falls into pixel 14 of 28 and all
    of it lies within."""
    centre = profile @ np.arange(len(profile)) / profile.sum()
    return int(np.clip(np.ceil(SIDE / 2 - 0.5 - centre), 0, SIDE - len(profile)))
