"""A sheet of digits with letters below each, in the manner of the paper's Figure 8."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray


def lines(count: int, columns: int) -> int:
    """How many lines a sheet of so many digits has, one at least."""
    return max(1, -(-count // columns))


def draw(
    axes: Axes, images: NDArray, captions: Sequence[str], columns: int, fontsize: float
) -> list[tuple[int, int]]:
    """Draws digits line by line as one image, which takes a tenth of the time of axes for each.

    Args:
        images: (M, H, W), larger is ink.
        captions: M.
        columns: digits in a line.
        fontsize: of the captions, in points.

    Returns:
        The left upper corner of each, in pixels of the sheet.
    """
    height, width = images.shape[1:]
    tall, wide = height * 10 // 7, width * 8 // 7  # of a digit with its letters
    margin = (wide - width) // 2
    shape = (lines(len(images), columns) * tall, columns * wide)
    page = np.full(shape, images.min(initial=0), images.dtype)
    corners = []
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = place % columns * wide + margin, place // columns * tall
        page[y : y + height, x : x + width] = image
        axes.text(
            *(x + width / 2, y + height + (tall - height) * 0.42, caption),
            ha="center",
            va="center",
            fontsize=fontsize,
        )
        corners.append((x, y))
    axes.imshow(page, cmap="gray_r", interpolation="nearest")
    axes.set(ylim=(shape[0], -3), xlim=(-1, shape[1]))
    axes.axis("off")
    return corners
