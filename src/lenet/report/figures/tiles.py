"""Small images put together into one, which is drawn in a fraction of the time of axes for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def mosaic(tiles: NDArray, gap: int, between: float) -> NDArray:
    """Images in rows and columns: (R, C, H, W) -> one image, with a gap between them.

    Args:
        tiles: the images.
        gap: pixels.
        between: the value of a pixel in a gap.

    Returns:
        (R (H + gap) - gap, C (W + gap) - gap).
    """
    rows, columns, height, width = tiles.shape
    padded = np.full((rows, columns, height + gap, width + gap), between, dtype=float)
    padded[:, :, :height, :width] = tiles
    return padded.swapaxes(1, 2).reshape(rows * (height + gap), -1)[:-gap, :-gap]


def line_count(images: int, columns: int) -> int:
    """How many lines so many captioned images take, one at least."""
    return max(1, -(-images // columns))


def draw_captioned(
    axes: Axes, images: NDArray, captions: Sequence[str], columns: int, fontsize: float
) -> list[tuple[int, int]]:
    """Draws images line by line with a caption below each, in the manner of the paper's Figure 8.

    Args:
        axes: to draw on.
        images: (M, H, W), larger is ink.
        captions: M.
        columns: images in a line.
        fontsize: of the captions, in points.

    Returns:
        The upper left corner of each image, in pixels of the whole.
    """
    height, width = images.shape[1:]
    tall, wide = height * 10 // 7, width * 8 // 7  # of an image with its caption
    margin = (wide - width) // 2
    shape = (line_count(len(images), columns) * tall, columns * wide)
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
