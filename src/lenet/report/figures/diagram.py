"""Figure 2: LeNet-5, layer by layer."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet import paper
from lenet.report.figures import style

STACKED = 6  # maps of a layer that are drawn, at most
WORDS = {
    "input": "pixels",
    "C1": "5x5 kernels",
    "S2": "by two",
    "C3": "5x5, Table I",
    "S4": "by two",
    "C5": "5x5, full",
    "F6": "full",
    "output": "10 codes",
}


def lenet5(width: float = style.WIDTH) -> Figure:
    """The maps of each layer, from the input to the penalties; on a phone in two lines."""
    narrow = style.is_narrow(width)
    layers = {"input": (1, 32)} | {
        name: (layer.maps, layer.size) for name, layer in paper.LENET5.items()
    }
    lines = 2 if narrow else 1
    across = len(layers) // lines
    figure = Figure(figsize=(width, 1.75 * lines))
    axes = figure.subplots()
    for place, (name, (maps, size)) in enumerate(layers.items()):
        line, column = divmod(place, across)
        _layer(axes, column, 2.5 * line, name, maps, size)
        if column + 1 < across:
            axes.annotate(
                "",
                (column + 0.58, 2.5 * line),
                (column + 0.42, 2.5 * line),
                arrowprops={"arrowstyle": "->", "color": style.GREY},
            )
    axes.set(xlim=(-0.5, across - 0.5), ylim=(2.5 * lines - 1.1, -0.95))
    axes.axis("off")
    return figure


def _layer(axes: Axes, x: float, y: float, name: str, maps: int, size: int) -> None:
    """Some of the maps of a layer as a stack, with its name and shape; flat layers as a column."""
    look: dict[str, Any] = {
        "fc": style.SKY if name[0] == "C" else "white",
        "ec": style.INK,
        "lw": 0.8,
    }
    count = min(maps, STACKED)
    if size > 1:
        side = 0.16 + 0.5 * size / 32
        for i in range(count):
            shift = 0.03 * (i - (count - 1) / 2)
            corner = x - side / 2 + shift, y - 0.8 * side + 1.6 * shift
            axes.add_patch(Rectangle(corner, side, 1.6 * side, **look))
    else:
        tall = {"C5": 1.3, "F6": 1.1}.get(name, 0.6)
        axes.add_patch(Rectangle((x - 0.06, y - tall / 2), 0.12, tall, **look))
    shape = f"{maps}@{size}x{size}" if size > 1 else f"{maps}"
    for below, words, weight in ((0.82, name, "bold"), (1.02, shape, "normal")):
        axes.text(x, y + below, words, ha="center", fontsize=8, weight=weight, color=style.INK)
    axes.text(x, y + 1.22, WORDS[name], ha="center", fontsize=8, color=style.GREY)


def all_figures() -> dict[str, style.Drawing]:
    """The diagram."""
    return {
        "figure_02_the_net": style.Drawing(
            lenet5,
            f"LeNet-5: {len(paper.LENET5)} layers take a digit of 32x32 pixels to ten penalties, "
            f"with {paper.LENET5_PARAMETERS:,} trainable parameters in "
            f"{paper.LENET5_CONNECTIONS:,} connections.",
            "Convolutions (C) and subsampling (S) take turns, until C5 sees all of the input; F6 "
            "is compared with the code of each class.",
        )
    }
