"""Figures that are made of digits: distorted, unusual and machine-printed ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lenet.report import groups
from lenet.report.figures import feature_maps, style
from lenet.report.figures import robustness as figures_robustness
from lenet.report.figures.tiles import mosaic

Arrays = Mapping[str, NDArray]

LIGHTEST = 0.88  # the grey of a label with a high penalty
COLUMNS = 4  # of the gallery, each 2 wide
CELL, HEADING = 1.15, 0.3  # the height of its entries and headings
PRINTED_BY = "lenet5"  # whose answers to printed digits are marked
PRINTED_GAP = 4  # pixels
ANSWER = {
    "fontsize": 8,
    "color": "white",
    "ha": "right",
    "va": "bottom",
    "weight": "bold",
    "bbox": {"fc": style.VERMILION, "ec": "none", "pad": 0.6},
}


def all_figures(arrays: Arrays, robustness: Mapping[str, Any]) -> dict[str, style.Drawing]:
    """Each figure that pictures.npz and robustness.json allow."""
    if not arrays:
        return {}
    found = {
        "figure_07_distortions": style.Drawing(
            lambda width: figure_7(arrays, width), *figure_7_caption(arrays), pictures=True
        )
    }
    if "gallery_tiles" in arrays:
        found["figure_13_gallery"] = style.Drawing(
            lambda width: gallery(arrays, width), *gallery_caption(arrays), pictures=True
        )
    if robustness["classifiers"]:
        found["figure_13_robustness"] = style.Drawing(
            lambda width: figures_robustness.curves(robustness, width),
            *figures_robustness.caption(robustness),
        )
        found["figure_beyond_printed"] = style.Drawing(
            lambda width: printed(arrays, width), *printed_caption(arrays), pictures=True
        )
    if "filters_C1" in arrays:
        found["figure_beyond_filters"] = style.Drawing(
            lambda width: feature_maps.filters(arrays, width),
            *feature_maps.filters_caption(arrays),
            pictures=True,
        )
        found["figure_beyond_feature_maps"] = style.Drawing(
            lambda width: feature_maps.feature_maps(arrays, width),
            *feature_maps.feature_maps_caption(arrays),
            pictures=True,
        )
    return found


def figure_7(arrays: Arrays, width: float = style.WIDTH) -> Figure:
    """Figure 7: ten digits in the first line, distortions of them below."""
    figure = Figure(figsize=(width, 0.63 * width), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mosaic(arrays["figure7_tiles"], 2, 0), cmap="gray_r")
    axes.axhline(28.5, color=style.GREY, linewidth=0.8)
    axes.axis("off")
    return figure


def figure_7_caption(arrays: Arrays) -> tuple[str, str]:
    """What the figure shows, and how to read it; so are the other captions."""
    return (
        f"Ten digits, and {len(arrays['figure7_tiles']) - 1} of the patterns that training on "
        "distorted digits makes of each.",
        "Above the line the first training digit of each class, below it its distortions.",
    )


def gallery(arrays: Arrays, width: float = style.WIDTH) -> Figure:
    """Figure 13: each digit with the ten labels beside it, the darker the less their penalty. The
    answer is framed, in a thick frame where it is wrong."""
    parts = {
        part: np.flatnonzero(arrays["gallery_part"] == part)
        for part in dict.fromkeys(arrays["gallery_part"].tolist())
    }
    above = arrays["gallery_penalties"] - arrays["gallery_penalties"].min(1, keepdims=True)
    greys = LIGHTEST * (above / np.percentile(above, 75)).clip(0, 1)
    columns = COLUMNS // 2 if style.is_narrow(width) else COLUMNS
    lines = sum(-(-len(members) // columns) for members in parts.values())
    height = CELL * lines + HEADING * len(parts)
    size = width, height * width / (2 * columns)
    figure = Figure(figsize=size)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    top = 0.0
    for part, members in parts.items():
        axes.text(0, top + HEADING / 2, part, fontsize=9.5, weight="bold", va="center")
        top += HEADING
        for place, i in enumerate(members):
            line, column = divmod(place, columns)
            _entry(axes, 2 * column, top + CELL * line, arrays, int(i), greys[i])
        top += CELL * -(-len(members) // columns)
    axes.set(xlim=(-0.02, 2 * columns), ylim=(height, 0), aspect="auto")
    axes.axis("off")
    return figure


def _entry(axes: Axes, x: float, y: float, arrays: Arrays, i: int, greys: NDArray) -> None:
    """Digit i at a place of the gallery: 2 wide, `CELL` high."""
    axes.text(x, y + 0.1, arrays["gallery_what"][i], fontsize=8, va="center", color=style.GREY)
    axes.imshow(arrays["gallery_tiles"][i], cmap="gray_r", extent=(x, x + 0.85, y + 1.05, y + 0.2))
    axes.add_patch(Rectangle((x, y + 0.2), 0.85, 0.85, fill=False, ec=style.GREY, lw=0.5))
    given = int(arrays["gallery_penalties"][i].argmin())
    for digit in range(10):
        column, row = divmod(digit, 5)
        at = x + 1.05 + 0.25 * column, y + 0.285 + 0.17 * row
        grey = str(greys[digit])
        axes.text(*at, str(digit), fontsize=8, ha="center", va="center", color=grey)
        if digit == given:
            right = given == arrays["gallery_label"][i]
            frame = Rectangle((at[0] - 0.1, at[1] - 0.085), 0.2, 0.17, fill=False)
            frame.set(ec=style.BLUE if right else style.VERMILION, lw=0.9 if right else 2)
            axes.add_patch(frame)


def gallery_caption(arrays: Arrays) -> tuple[str, str]:
    right = arrays["gallery_penalties"].argmin(1) == arrays["gallery_label"]
    counts = [
        f"{right[members].sum()} of {members.sum()} {part} ones"
        for part in dict.fromkeys(arrays["gallery_part"].tolist())
        for members in [arrays["gallery_part"] == part]
    ]
    return (
        f"Of unusual, distorted and noisy digits right are {', '.join(counts)}.",
        "First the test digits of which LeNet-5 is least sure (above each the margin between "
        "its two best outputs), others distorted (read by the net that was trained on distorted "
        "digits), others with some share of their pixels inverted (read by the net that was "
        "trained on noise). Labels are the darker the less their penalty; the answer is framed, "
        "in red and thick where it is wrong.",
    )


def printed(arrays: Arrays, width: float = style.WIDTH) -> Figure:
    """The error of each classifier on printed digits, and what one of them answers."""
    names = arrays["printed_names"].tolist()
    errors = 100 * (arrays["printed_answers"] != np.arange(10)).mean((1, 2))
    order = errors.argsort(kind="stable")
    bars = 0.22 * len(names) + 0.6  # inches
    fonts = style.is_narrow(width)  # down, and digits across
    answers = 6.4 if fonts else 2.8
    figure = Figure(figsize=(width, bars + answers), layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=(bars, answers))
    axes = figure.add_subfigure(halves[0]).subplots()
    axes.barh([groups.label(names[i]) for i in order], errors[order], color=style.BLUE, height=0.6)
    for y, i in enumerate(order):
        axes.text(errors[i], y, f" {errors[i]:.1f}", va="center", fontsize=8)
    axes.set(xlabel="error on printed digits, per cent", ylim=(len(names) - 0.4, -0.6))
    axes.set_xlim(0, 1.1 * max(errors.max(), 1))
    axes.grid(axis="y", visible=False)
    tiles, given = arrays["printed_tiles"], _by(PRINTED_BY, arrays)
    _answers(figure.add_subfigure(halves[1]).subplots(), tiles, given, fonts)
    return figure


def _by(name: str, arrays: Arrays) -> NDArray:
    """F x 10 answers of a classifier to the printed digits, the right ones if it gave none."""
    names = arrays["printed_names"].tolist()
    given = arrays["printed_answers"]
    return (
        given[names.index(name)] if name in names else np.tile(np.arange(10), (given.shape[1], 1))
    )


def _answers(axes: Axes, tiles: NDArray, answers: NDArray, fonts_down: bool) -> None:
    """Digits down and fonts across, or the other way round; those that are misread framed, with
    the answer."""
    shown = tiles if fonts_down else tiles.swapaxes(0, 1)
    axes.imshow(mosaic(shown, PRINTED_GAP, 0), cmap="gray_r")
    step = tiles.shape[-1] + PRINTED_GAP
    for font, digit in np.argwhere(answers != np.arange(10)):
        down, across = (font, digit) if fonts_down else (digit, font)
        x, y = across * step - 1, down * step - 1
        frame = Rectangle((x, y), step - 3, step - 3, fill=False, ec=style.VERMILION, lw=1)
        axes.add_patch(frame)
        axes.text(x + step - 3, y + step - 3, answers[font, digit], **ANSWER)  # type: ignore[arg-type]
    axes.set(xlim=(-3, shown.shape[1] * step), ylim=(shown.shape[0] * step, -3))
    axes.axis("off")


def printed_caption(arrays: Arrays) -> tuple[str, str]:
    wrong = arrays["printed_answers"] != np.arange(10)
    errors = 100 * wrong.mean((1, 2))
    names = [groups.label(name) for name in arrays["printed_names"].tolist()]
    best, worst = errors.argmin(), errors.argmax()
    hardest = wrong.mean((0, 1)).argmax()
    return (
        f"Of machine-printed digits, which nobody trained on, {names[best]} misreads "
        f"{errors[best]:.1f} %, {names[worst]} {errors[worst]:.1f} %.",
        f"{wrong[0].size} digits of {len(arrays['printed_fonts'])} fonts, brought into MNIST's "
        f"form; hardest for all together is the {hardest}, misread "
        f"{100 * wrong.mean((0, 1))[hardest]:.0f} % of the time. Framed are "
        "the digits that LeNet-5 misreads, with its answer. Fonts of a family are much alike, so "
        "this is less evidence than as many digits of as many writers.",
    )
