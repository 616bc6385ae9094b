"""Figures 5 and 6, and beyond: the ablation, the path to today, the text to the letter."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lenet import paper, statistics
from lenet.report import groups
from lenet.report.figures import style
from lenet.results import Result

TEST, TRAINING = "figure_5/test_error", "train/error"
WIDE = 10  # from the least to the largest error: too much for a linear axis
FAILED = 3  # times the median error of its experiment: a seed that failed


def curves(result: Result, name: str) -> pd.DataFrame:
    """A curve of every run in long form: columns pass (from 1), seed, error in per cent."""
    lines = [
        {"pass": epoch, "seed": run["seed"], "error": 100 * error}
        for run in result.runs
        for epoch, error in enumerate(run["curves"].get(name, ()), 1)
    ]
    return pd.DataFrame(lines, columns=["pass", "seed", "error"])


def figure_5(result: Result) -> Figure:
    """Test and training error by pass; the band holds all seeds."""
    figure = Figure(figsize=(style.WIDTH, 3.6))
    axes = figure.subplots()
    for name, label, colour in ((TEST, "test", style.BLUE), (TRAINING, "training", style.ORANGE)):
        _band(axes, curves(result, name), label, colour)
    line: Any = {"color": style.BLUE, "ls": ":", "lw": 1.2}
    test, training = paper.ROWS["lenet5"].test_error, paper.FIGURE_5_TRAINING
    axes.axhline(test, label=f"paper's test, {test} %", **line)
    axes.plot(
        *training, "D", mec=style.INK, mfc="white", label=f"paper's training, {training[1]} %"
    )  # fmt: skip
    axes.set(xlabel="pass through the training set", ylabel="error, per cent", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def _band(axes: Axes, table: pd.DataFrame, label: str, colour: str) -> None:
    """The mean over seeds and, as a band, all of them."""
    if len(table):
        sns.lineplot(
            table, x="pass", y="error", errorbar=("pi", 100), marker="o", ms=4,
            color=colour, label=label, ax=axes,
        )  # fmt: skip


def figure_6(found: dict[str, Result]) -> Figure:
    """Test error against the number of training digits, without and with distortions."""
    figure = Figure(figsize=(style.WIDTH, 3.4))
    axes = figure.subplots()
    looks = (("plain", style.BLUE, "o-"), ("with distortions", style.VERMILION, "s--"))
    for (row, names), (label, colour, line) in zip(groups.SIZES.items(), looks, strict=True):
        present = [name for name in names if name in found]
        if present:
            _intervals(axes, [names[n] for n in present], [found[n] for n in present], colour, line)
            axes.plot([], [], line, color=colour, label=label)
        whole = paper.FIGURE_6_SIZES[-1]
        axes.plot(whole, paper.ROWS[row].test_error, "D", mec=colour, mfc="white", zorder=4)
    axes.plot([], [], "D", mec=style.INK, mfc="white", label="paper, all digits")
    axes.set(xlabel="training digits", ylabel="test error, per cent", ylim=(0, None))
    axes.set_xticks(paper.FIGURE_6_SIZES, [f"{size:,}" for size in paper.FIGURE_6_SIZES])
    axes.legend()
    return figure


def _intervals(axes: Axes, places: list[int], found: list[Result], colour: str, line: str) -> None:
    """Mean errors in per cent with 95 % intervals."""
    ours = 100 * np.array([_interval(result) for result in found])
    spread = np.abs(ours[:, 1:] - ours[:, :1]).T
    axes.errorbar(places, ours[:, 0], spread, fmt=line, color=colour, ms=5, capsize=2)


def _interval(result: Result) -> tuple[float, float, float]:
    interval = statistics.mean_error(result.wrong)
    return interval.mean, interval.low, interval.high


def ablation(effects: pd.DataFrame) -> Figure:
    """Main effects and interactions of the 2x2x2 (tables.effects) with 95 % intervals."""
    figure = Figure(figsize=(style.WIDTH, 0.8 + 0.32 * len(effects)))
    axes = figure.subplots()
    rows: Any = effects.itertuples()
    for y, row in enumerate(rows):
        clear = row.p_holm < 0.05
        colour = style.BLUE if clear else style.GREY
        axes.plot([100 * row.low, 100 * row.high], [y, y], color=colour, lw=1.8)
        axes.plot(100 * row.difference, y, "o" if clear else "D", color=colour, ms=5)
    axes.axvline(0, color=style.INK, lw=0.8)
    axes.set_yticks(range(len(effects)), effects["effect"])
    axes.set(ylim=(len(effects) - 0.5, -0.5), xlabel="change of test error, points of per cent")
    axes.grid(axis="y", visible=False)
    return figure


def in_order(labels: dict[str, str], found: dict[str, Result]) -> Figure:
    """Mean errors with 95 % intervals, one experiment a line in the order of `labels`."""
    present = [name for name in labels if name in found]
    figure = Figure(figsize=(style.WIDTH, 0.8 + 0.32 * len(present)))
    axes = figure.subplots()
    for y, name in enumerate(present):
        mean, low, high = 100 * np.array(_interval(found[name]))
        axes.plot([low, high], [y, y], color=style.BLUE, lw=1.8)
        axes.plot(mean, y, "o", color=style.BLUE, ms=5)
        axes.text(
            *(1.01, y, f"{mean:.2f}"), transform=axes.get_yaxis_transform(), va="center", fontsize=8
        )
    axes.set_yticks(range(len(present)), [labels[name] for name in present])
    axes.set(ylim=(len(present) - 0.5, -0.5), xlabel="test error, per cent")
    axes.grid(axis="y", visible=False)
    least, largest = axes.dataLim.intervalx
    if largest > WIDE * least:
        axes.set_xscale("log")
        style.per_cent_axis(axes.xaxis)
    return figure


def literal(working: Result, letter: Result) -> Figure:
    """The training error by pass of the recipe that works and of the text to the letter."""
    figure = Figure(figsize=(style.WIDTH, 3.2))
    axes = figure.subplots()
    _band(axes, curves(working, TRAINING), "recipe of this study", style.BLUE)
    _band(axes, curves(letter, TRAINING), "the text to the letter", style.VERMILION)
    axes.set(xlabel="pass through the training set", ylabel="training error, per cent")
    axes.set_yscale("log")
    style.per_cent_axis(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="center right")
    return figure


def _failures(labels: dict[str, str], found: dict[str, Result]) -> Iterator[str]:
    """A sentence for each experiment some of whose seeds are not like the others."""
    for name, label in labels.items():
        errors = 100 * found[name].errors
        failed = errors[errors > FAILED * np.median(errors)]
        if len(failed):
            ends = ", ".join(f"{error:.1f} %" for error in failed)
            yield f" Of the {len(errors)} seeds of {label} {len(failed)} failed: {ends}."


def all_figures(
    found: dict[str, Result], effects: pd.DataFrame | None
) -> dict[str, tuple[Figure, str]]:
    """Each figure that results allow, with its caption; `effects` of tables.effects."""
    figures: dict[str, tuple[Figure, str]] = {}
    if "lenet5" in found and len(curves(found["lenet5"], TRAINING)):
        result = found["lenet5"]
        last = curves(result, TEST).groupby("seed")["error"].last()
        range_ = (
            f" The last pass's test errors lie between {last.min():.2f} and {last.max():.2f} %."
        )
        figures["figure_05_learning_curve"] = (
            figure_5(result),
            f"Figure 5: learning curves of LeNet-5. The mean of {len(result.runs)} seeds and, as a "
            "band, all of them. The training error is that of each pattern as it was shown."
            + (range_ if len(last) else ""),
        )
    if sum(name in found for sizes in groups.SIZES.values() for name in sizes) > 1:
        figures["figure_06_training_size"] = (
            figure_6(found),
            "Figure 6: test error of LeNet-5 against training set size. With 95 % intervals, "
            "without and with distortions; diamonds are the paper's figures for all digits.",
        )
    if effects is not None:
        cells = {name: groups.cell_label(levels) for levels, name in groups.CELLS.items()}
        failures = "".join(_failures(cells, found))
        figures["figure_beyond_ablation"] = (
            ablation(effects),
            "What each part is worth. Main effects and interactions of pooling, squashing function "
            "and output on the test error of today's LeNet-5 (2x2x2), with 95 % intervals. Left of "
            "zero is better; grey diamonds: no more than chance (p after Holm)."
            + (f"{failures} The large effects rest on that." if failures else ""),
        )
        figures["figure_beyond_ablation_cells"] = (
            in_order(cells, found),
            "The eight nets of the 2x2x2. Mean test errors with 95 % intervals." + failures,
        )
    if sum(name in found for name in groups.PATH) > 1:
        figures["figure_beyond_path"] = (
            in_order(groups.PATH, found),
            "From 1998 to today. One change at a time from top to bottom: mean test errors with "
            "95 % intervals.",
        )
    if groups.LITERAL in found and "lenet5" in found:
        ends = 100 * found[groups.LITERAL].errors
        figures["figure_beyond_literal"] = (
            literal(found["lenet5"], found[groups.LITERAL]),
            "The text to the letter. Training errors with the paper's initial range and rates, "
            f"beside the recipe of this study; the bands hold all seeds. By the letter, seeds end "
            f"between {ends.min():.1f} and {ends.max():.1f} % test error.",
        )
    return figures
