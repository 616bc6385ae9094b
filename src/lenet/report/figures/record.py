"""Beyond the paper: how soon a net reads 99 of 100 test digits, by many seeds."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lenet.report import groups
from lenet.report.figures import style
from lenet.results import Figures, Result
from lenet.statistics import of_values

AIM = 99.0  # per cent, of the mean


def record(found: dict[str, Result], width: float = style.WIDTH) -> Figure:
    """The test accuracies of many seeds, and the seconds of one, net by net.

    Args:
        found: results, those of `groups.RECORDS` among them.
        width: inches.
    """
    figure = Figure(figsize=(width, 4))
    panels = figure.subplots(len(groups.RECORDS), 1, sharex=True)
    looks = (style.VERMILION, "s"), (style.BLUE, "o")
    for axes, (name, label), look in zip(panels, groups.RECORDS.items(), looks, strict=True):
        accuracies = pd.Series(100 * (1 - found[name].errors))
        style.stacked(axes, accuracies, *look)
        axes.axvline(AIM, color=style.INK, lw=1, ls=":")
        [mean] = axes.plot(accuracies.mean(), 0, "^", color=style.INK, ms=7, clip_on=False)
        style.name(mean, f"mean: {accuracies.mean():.2f} %")
        axes.set_title(f"{label}\n{_reached(found[name])}", loc="left")
    panels[-1].set_xlabel("test accuracy, per cent")
    return figure


def _reached(result: Result) -> str:
    """For example "99.03 % in n=100, 4.1 s"."""
    seconds = np.median([run["metrics"]["training_seconds"] for run in result.runs])
    return f"{100 * (1 - result.errors.mean()):.2f} % in n={len(result.runs)}, {seconds:.1f} s"


def _interval(result: Result, figures: Figures) -> str:
    """How sure that mean is: for these test digits and, where it is known who wrote them, for those
    of other writers."""
    seeds = of_values(100 * (1 - result.errors)).interval()
    said = f"95 % interval {seeds.low:.2f} to {seeds.high:.2f}"
    method = figures["methods"][result.experiment]
    low, high = method["writer_low"], method["writer_high"]
    if low is None or high is None:
        return said
    return f"{said}, with other writers {100 * (1 - high):.2f} to {100 * (1 - low):.2f}"


def all_figures(found: dict[str, Result], figures: Figures) -> dict[str, style.Drawing]:
    """The figure, where both nets have all seeds."""
    results = {name: found[name] for name in groups.RECORDS if name in found}
    if [len(result.runs) for result in results.values()] != [groups.SEEDS] * len(groups.RECORDS):
        return {}
    told = "; ".join(
        f"{groups.RECORDS[name]}: {_reached(result)} ({_interval(result, figures)})"
        for name, result in results.items()
    )
    threads = {str(run["threads"]) for result in results.values() for run in result.runs}
    return {
        "figure_beyond_record": style.Drawing(
            lambda width: record(results, width),
            f"{told}.",
            f"A mark a seed: what it reads right of the test digits; the triangle is their mean, "
            f"dotted are the {AIM:.2f} % that the recipe was cut for on validation. Seconds are "
            f"the clock's, of training one net, checkpoints included (threads: "
            f"{' or '.join(sorted(threads))}): the median of {groups.SEEDS} seeds.",
        )
    }
