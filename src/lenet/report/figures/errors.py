"""Figure 8, the errors one by one, and error against rejection."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lenet import paper
from lenet.evaluation import REJECTION_TARGET
from lenet.report import groups
from lenet.report.figures import sheet, style
from lenet.results import Result

PAPER = np.array(paper.FIGURE_8, dtype=float)  # (10, 10), as pair_counts has them
COLUMNS, SHOWN = 10, 160  # misclassified digits in a line, and at most
CURVES = (
    *("knn_deslant", "tangent_distance", "svm_poly4", "lenet1", "lenet4", "lenet5", "lenet5_dist"),
    "boosted_lenet4_dist",
)


def pair_counts(result: Result) -> NDArray[np.float64]:
    """(10, 10): how often each true class (rows) is given as another, in the mean over seeds."""
    counts = np.zeros((10, 10))
    labels = np.broadcast_to(result.label, result.prediction.shape)
    np.add.at(counts, (labels, result.prediction), 1 / len(result.runs))
    np.fill_diagonal(counts, 0)
    return counts


def likeness(counts: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of 90 pairs' frequencies with the paper's."""
    off = ~np.eye(10, dtype=bool)
    return float(spearmanr(counts[off], PAPER[off]).statistic)


def missed_by_all(result: Result) -> int:
    """How many digits every seed gets wrong."""
    return int(result.wrong.all(0).sum())


def pairs(result: Result) -> Figure:
    """The frequencies of (true, given) pairs beside the paper's."""
    figure = Figure(figsize=(style.WIDTH, 3.2))
    counts = pair_counts(result)
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


def misclassified(result: Result, index: NDArray, tiles: NDArray) -> Figure:
    """The digits that seeds miss, those that most seeds miss first; framed: missed by every seed.

    Args:
        result: S runs on N digits.
        index: (M,) which test digits the tiles are, all that any seed misses.
        tiles: (M, 28, 28), larger is ink.
    """
    missed = result.wrong[:, index].sum(0)
    order = np.argsort(-missed, kind="stable")[:SHOWN]
    order = order[missed[order] > 0]
    figure = Figure(figsize=(style.WIDTH, 0.2 + 0.7 * sheet.lines(len(order), COLUMNS)))
    axes = figure.subplots()
    captions = []
    for i in order:
        label = result.label[index[i]]
        answers = result.prediction[:, index[i]]
        captions.append(f"{label}→{np.bincount(answers[answers != label]).argmax()}")
    corners = sheet.draw(axes, tiles[order], captions, COLUMNS, fontsize=8)
    for (x, y), i in zip(corners, order, strict=True):
        if missed[i] == len(result.runs):
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


def error_reject(found: dict[str, Result]) -> Figure:
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
        dashes = "--" if name.endswith("_dist") else "-"
        label = groups.label(name, result.row)
        axes.plot(100 * rejected, 100 * np.mean(runs, 0), dashes, color=colour, label=label)
    axes.axhline(100 * REJECTION_TARGET, color=style.GREY, lw=1, ls=":")
    axes.set(xlabel="rejected, per cent", ylabel="error on the rest, per cent")
    axes.set(xlim=(0, 15), ylim=(0, None))
    axes.legend()
    return figure


def all_figures(found: dict[str, Result], root: Path) -> dict[str, tuple[Figure, str]]:
    """Each figure that results allow, with its caption; the digits are those of pictures.npz in
    their folder."""
    figures: dict[str, tuple[Figure, str]] = {}
    if any(name in found for name in CURVES):
        figures["figure_10_error_reject"] = (
            error_reject(found),
            "Figure 10, the whole curves: error against rejection. What is left wrong when the "
            "digits with the least margin are rejected, in the mean over seeds; Figure 10 is where "
            f"a curve meets the dotted line at {100 * REJECTION_TARGET:g} %.",
        )
    if "lenet5_dist" not in found:
        return figures
    result = found["lenet5_dist"]
    counts = pair_counts(result)
    figures["figure_08_pairs"] = (
        pairs(result),
        "Figure 8, the pairs. How often [dist] LeNet-5 gives one class (column) for another (row), "
        f"in the mean over seeds, beside the paper's {PAPER.sum():.0f} errors. "
        f"The rank correlation over the 90 pairs is {likeness(counts):.2f}.",
    )
    with suppress(FileNotFoundError, KeyError), np.load(root / "pictures.npz") as pictures:
        index, tiles = pictures["figure8_index"], pictures["figure8_tiles"]
        more = f" The {SHOWN} that most seeds miss are shown." if len(index) > SHOWN else ""
        figures["figure_08_misclassified"] = (
            misclassified(result, index, tiles),
            f"Figure 8, the digits. Of the test digits {len(index)} are missed by at least one of "
            f"{len(result.runs)} seeds, {missed_by_all(result)} by every seed (framed). True class "
            f"and the most frequent wrong answer.{more}",
        )
    return figures
