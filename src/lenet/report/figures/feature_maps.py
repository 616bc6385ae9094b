"""The filters of a trained LeNet-5, and its feature maps for one digit."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lenet import paper
from lenet.report.figures import style
from lenet.report.figures.tiles import mosaic

Arrays = Mapping[str, NDArray]
SIGNED = "PuOr"  # negative brown, positive violet: told apart by all colour-blind readers


def filters(arrays: Arrays, width: float = style.WIDTH) -> Figure:
    """The kernels of C1, and those of C3 for each S2 map (rows) and C3 map (columns)."""
    figure = Figure(figsize=(width, 2.6 if style.is_narrow(width) else 3.6), layout="constrained")
    first, second = figure.subplots(2, 1, height_ratios=(1, 2.6))
    c1, c3 = arrays["filters_C1"], arrays["filters_C3"].swapaxes(0, 1)
    connected = np.abs(c3).max((2, 3), keepdims=True) > 0
    for axes, tiles, title in (
        (first, c1[None], "C1: 6 kernels of 5x5"),
        (second, np.where(connected, c3, np.nan), "C3: S2's maps down, C3's across"),
    ):
        largest = float(np.nanmax(np.abs(tiles)))
        drawn = axes.imshow(mosaic(tiles, 1, np.nan), cmap=SIGNED, vmin=-largest, vmax=largest)
        axes.set_title(title)
        axes.axis("off")
        figure.colorbar(drawn, ax=axes, shrink=0.8)
    return figure


def filters_caption(arrays: Arrays) -> tuple[str, str]:
    c1, c3 = arrays["filters_C1"], arrays["filters_C3"]
    kernels = int((np.abs(c3).max((2, 3)) > 0).sum())
    return (
        f"C3 has {kernels} kernels in {c3.shape[0] * c3.shape[1]} places; the others are left out "
        "by Table I.",
        "Learned filters of LeNet-5: violet is positive, brown negative. The largest weight is "
        f"{np.abs(c1).max():.2f} in C1 and {np.abs(c3).max():.2f} in C3.",
    )


def feature_maps(arrays: Arrays, width: float = style.WIDTH) -> Figure:
    """The outputs of each layer for one digit, and the penalties in the end."""
    figure = Figure(
        figsize=(width, 7.4 * (0.8 if style.is_narrow(width) else 1)), layout="constrained"
    )
    rows = figure.subplots(7, 1, height_ratios=(1.3, 1.3, 1.1, 1.6, 1.3, 1.0, 1.6))
    ends, last = rows[0], rows[-1]
    ends.imshow(mosaic(arrays["maps_input"][None], 2, np.nan), cmap="gray_r")
    shapes = {"C1": (1, 6), "S2": (1, 6), "C3": (2, 8), "S4": (2, 8), "C5": (4, 30)}
    for axes, (name, (down, across)) in zip(rows[1:6], shapes.items(), strict=True):
        maps = arrays[f"maps_{name}"]
        _signed(axes, mosaic(maps.reshape(down, across, *maps.shape[1:]), 1, np.nan))
    for axes, name in zip(rows, ("input", *shapes), strict=False):
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    bitmaps, bars = last.inset_axes((0, 0, 0.32, 1)), last.inset_axes((0.48, 0.12, 0.52, 0.8))
    last.axis("off")
    _signed(bitmaps, mosaic(np.stack([arrays["maps_F6"], arrays["maps_code"]])[None], 1, np.nan))
    bitmaps.set_xlabel("F6 beside the code")
    bars.bar(range(10), arrays["maps_penalties"], color=style.BLUE)
    bars.set(xticks=range(10), xlabel="output: penalty of each class")
    for axes in (*rows[:6], bitmaps):
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure


def _signed(axes: Axes, picture: NDArray) -> None:
    limit = paper.SQUASH_AMPLITUDE
    axes.imshow(picture, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")


def feature_maps_caption(arrays: Arrays) -> tuple[str, str]:
    penalties = arrays["maps_penalties"]
    best, second = penalties.argsort()[:2]
    return (
        f"A test digit on its way through LeNet-5: {best} has the least penalty, "
        f"{penalties[best]:.1f}, before {second} with {penalties[second]:.1f}.",
        "The maps of each layer after squashing (violet positive, brown negative), the 84 units of "
        "F6 drawn as a 7x12 bitmap beside the code of the class, and the penalties, their squared "
        "distance from each code.",
    )
