"""Beyond the paper: where the variance of a test error comes from, and what seeds can show."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lenet import paper
from lenet.report import groups
from lenet.report.figures import style
from lenet.results import Figures, Result

PAPER = paper.ROWS["lenet5"].test_error
SOURCES = {
    "start": "start",
    "order": "order",
    "run": "start x order",
    "digit": "digits",
    "writer": "writers",
}


def variance(found: dict[str, Result], figures: Figures, width: float = style.WIDTH) -> Figure:
    """Test errors of many seeds, what so many seeds cannot tell from the paper's, and the shares
    that each draw has of the variance.

    Args:
        found: results, those of `groups.OF_SEEDS` among them.
        figures: those with "variance" and "detectable".
        width: inches.
    """
    figure = Figure(figsize=(width, 6.4))
    *nets, seeds, shares = figure.subplots(4, 1, height_ratios=(2, 2, 1.3, 2))
    looks = (style.BLUE, "o"), (style.VERMILION, "s")
    for axes, (name, label), look in zip(nets, groups.OF_SEEDS.items(), looks, strict=True):
        axes.sharex(seeds)
        axes.tick_params(labelbottom=False)
        style.stacked(axes, pd.Series(100 * found[name].errors), *look)
        axes.set_title(label, loc="left")
    _indistinguishable(seeds, figures)
    _shares(shares, figures)
    for axes in (*nets, seeds):
        axes.axvline(PAPER, color=style.INK, lw=1, ls=":")
    return figure


def _indistinguishable(axes: Axes, figures: Figures) -> None:
    """Around the paper's figure, what is too near to be told from it."""
    for y, each in enumerate(figures["detectable"]):
        half = 100 * each["paper"]
        [mark] = axes.plot([PAPER - half, PAPER + half], [y, y], color=style.GREY, lw=5)
        style.name(mark, f"{_seeds(each['seeds'])}: {half:.2f} points")
    counts = [_seeds(each["seeds"]) for each in figures["detectable"]]
    axes.set_yticks(range(len(counts)), counts)
    axes.set(ylim=(len(counts) - 0.5, -0.5), xlabel="test error, per cent")
    axes.set_title(f"too near to the paper's {PAPER} %", loc="left")
    axes.grid(axis="y", visible=False)


def _shares(axes: Axes, figures: Figures) -> None:
    for y, each in enumerate(figures["variance"]):
        share, low, high = (100 * each[of] for of in ("share", "low", "high"))
        axes.plot([low, high], [y, y], color=style.BLUE, lw=1.8)
        [mark] = axes.plot(share, y, "o", color=style.BLUE, ms=5)
        style.name(mark, f"{SOURCES[each['source']]}: {share:.0f} % ({low:.0f} to {high:.0f})")
    names = [SOURCES[each["source"]] for each in figures["variance"]]
    axes.set_yticks(range(len(names)), names)
    axes.set(
        ylim=(len(names) - 0.5, -0.5), xlim=(-2, 102), xlabel="share of the variance, per cent"
    )
    axes.grid(axis="y", visible=False)


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def all_figures(found: dict[str, Result], figures: Figures) -> dict[str, style.Drawing]:
    """The figure, where all experiments of many seeds have results."""
    if not figures["variance"]:
        return {}
    shares = ", ".join(
        f"{SOURCES[each['source']]} {100 * each['share']:.0f} % ({100 * each['low']:.0f} to "
        f"{100 * each['high']:.0f})"
        for each in figures["variance"]
    )
    beside = ", ".join(
        f"{_seeds(each['seeds'])} {100 * each['paper']:.2f} points"
        for each in figures["detectable"]
    )
    between = ", ".join(
        f"{_seeds(each['seeds'])} {100 * each['pair']:.2f}" for each in figures["detectable"]
    )
    return {
        "figure_beyond_variance": style.Drawing(
            lambda width: variance(found, figures, width),
            f"The variance of LeNet-5's test error comes, after one training, from: {shares}. "
            f"The smallest difference from the paper's figure that could be shown: {beside}; "
            f"between two nets on the same digits: {between}.",
            f"A mark a seed: the test errors of {groups.SEEDS} seeds beside the paper's, which is "
            "dotted. In grey, how near to it an error is too near to be told from it with a power "
            "of 80 %. Below, the shares that the draws of initial weights (start), order of the "
            "patterns, test digits and their writers have of the variance, with 95 % intervals, by "
            f"{groups.SEEDS // groups.ORDERS} starts and {groups.ORDERS} orders crossed.",
        )
    }
