"""Figure 8, the errors one by one, and error against rejection."""

from collections.abc import Mapping

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lenet import paper
from lenet.evaluation import REJECTION_TARGET
from lenet.report.figures import style, tiles
from lenet.results import Result

PAPER = np.array(paper.FIGURE_8, dtype=float)  # (10, 10), as Result.pairs has them
COLUMNS, SHOWN = 10, 160  # misclassified digits in a line, and at most
CURVES = (
    *("knn_deslant", "tangent_distance", "svm_poly4", "lenet1", "lenet4", "lenet5", "lenet5_dist"),
    "boosted_lenet4_dist",
)


def rank_correlation(counts: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of 90 pairs' frequencies with the paper's."""
    off = ~np.eye(10, dtype=bool)
    return float(spearmanr(counts[off], PAPER[off]).statistic)


def misclassified_by_every_seed(result: Result) -> int:
    """How many test digits every seed misclassifies."""
    return int(result.wrong.all(0).sum())


def figure_8_pairs(result: Result) -> Figure:
    """The frequencies of (true, given) pairs beside the paper's."""
    figure = Figure(figsize=(style.WIDTH, 3.2))
    counts = result.pairs
    shown = {f"ours, {counts.sum():.0f} errors a seed": counts}
    shown[f"paper, {PAPER.sum():.0f} errors"] = PAPER
    top = max(table.max() for table in shown.values())
    shades = sns.light_palette(style.BLUE, as_cmap=True)
    for axes, (title, table) in zip(figure.subplots(1, 2), shown.items(), strict=True):
        written = [["" if value < 0.5 else f"{value:.0f}" for value in line] for line in table]
        sns.heatmap(
            table, ax=axes, annot=np.array(written), fmt="", cmap=shades, vmin=0, vmax=top,
            cbar=False, square=True, linewidths=0.5, annot_kws={"fontsize": 8},
        )  # fmt: skip
        axes.set(title=title, xlabel="given", ylabel="true")
        axes.tick_params(length=0, rotation=0)
    return figure


def figure_8_digits(result: Result, index: NDArray, images: NDArray) -> Figure:
    """The misclassified digits, those that most seeds misclassify first; framed: by every seed.

    Args:
        result: S runs on N digits.
        index: (M,) which test digits the images are, all that any seed misclassifies.
        images: (M, 28, 28), larger is ink.
    """
    seeds = result.wrong[:, index].sum(0)  # that misclassify each
    order = np.argsort(-seeds, kind="stable")[:SHOWN]
    order = order[seeds[order] > 0]
    figure = Figure(figsize=(style.WIDTH, 0.2 + 0.7 * tiles.line_count(len(order), COLUMNS)))
    axes = figure.subplots()
    captions = []
    for i in order:
        label = result.label[index[i]]
        answers = result.prediction[:, index[i]]
        captions.append(f"{label}→{np.bincount(answers[answers != label]).argmax()}")
    corners = tiles.draw_captioned(axes, images[order], captions, COLUMNS, fontsize=8)
    for (x, y), i in zip(corners, order, strict=True):
        if seeds[i] == len(result.runs):
            axes.add_patch(
                Rectangle((x - 1.5, y - 1.5), 30, 30, fill=False, ec=style.VERMILION, lw=1.5)
            )
    return figure


def rejection_curve(wrong: NDArray, margin: NDArray, rejected: NDArray) -> NDArray:
    """The error on the patterns that are kept when a share is rejected, least margin first.

    Args:
        wrong, margin: (N,), of one run.
        rejected: (R,) fractions below 1.

    Returns:
        (R,) fractions.
    """
    order = np.argsort(-margin.astype(np.float32), kind="stable")
    kept = np.maximum(1, np.round((1 - rejected) * len(wrong)).astype(int))
    return np.cumsum(wrong[order])[kept - 1] / kept


def figure_10_curves(found: dict[str, Result]) -> Figure:
    """Error on the rest against the share rejected, the mean over seeds, for some rows."""
    rejected = np.linspace(0, 0.15, 301)
    figure = Figure(figsize=(style.WIDTH, 4.2))
    axes = figure.subplots()
    for colour, name in zip(style.LINES, CURVES, strict=True):
        if name not in found:
            continue
        result = found[name]
        runs = [
            rejection_curve(wrong, margin, rejected)
            for wrong, margin in zip(result.wrong, result.margin, strict=True)
        ]
        dashes = "--" if paper.ROWS[name].distorted else "-"
        label = paper.ROWS[name].label
        axes.plot(100 * rejected, 100 * np.mean(runs, 0), dashes, color=colour, label=label)
    axes.axhline(100 * REJECTION_TARGET, color=style.GREY, lw=1, ls=":")
    axes.set(xlabel="rejected, per cent", ylabel="error on the rest, per cent")
    axes.set(xlim=(0, 15), ylim=(0, None))
    axes.legend()
    return figure


def all_figures(
    found: dict[str, Result], arrays: Mapping[str, NDArray]
) -> dict[str, tuple[Figure, str]]:
    """Each figure that results and pictures.npz allow, with its caption."""
    figures: dict[str, tuple[Figure, str]] = {}
    if any(name in found for name in CURVES):
        figures["figure_10_error_reject"] = (
            figure_10_curves(found),
            "Figure 10, the whole curves: error against rejection. What is left wrong when the "
            "digits with the least margin are rejected, in the mean over seeds; Figure 10 is where "
            f"a curve meets the dotted line at {100 * REJECTION_TARGET:g} %.",
        )
    if "lenet5_dist" not in found:
        return figures
    result = found["lenet5_dist"]
    counts = result.pairs
    figures["figure_08_pairs"] = (
        figure_8_pairs(result),
        "Figure 8, the pairs. How often [dist] LeNet-5 gives one class (column) for another (row), "
        f"in the mean over seeds, beside the paper's {PAPER.sum():.0f} errors. "
        f"The rank correlation over the 90 pairs is {rank_correlation(counts):.2f}.",
    )
    if "figure8_tiles" in arrays:
        index, every = arrays["figure8_index"], misclassified_by_every_seed(result)
        more = f" The {SHOWN} that most seeds miss are shown." if len(index) > SHOWN else ""
        figures["figure_08_misclassified"] = (
            figure_8_digits(result, index, arrays["figure8_tiles"]),
            f"Figure 8, the digits. Of the test digits {len(index)} are missed by at least one of "
            f"{len(result.runs)} seeds, {every} by every seed (framed). True class "
            f"and the most frequent wrong answer.{more}",
        )
    return figures
