"""Figures of one run. Each function draws on a Figure of its own and touches no global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenet.report.figures import tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = {
    "train/error": "training",
    "validation/error": "validation",
    "figure_5/test_error": "test",
}
COLUMNS, SHOWN_ERRORS = 12, 120  # more than LeNet-5 makes; a page of them still reads
MOST_NUMBERS = 50  # classes, beyond which a matrix has colours alone


def confusion(labels: NDArray, predictions: NDArray, classes: int = 10) -> Figure:
    """How often each true class (rows) was given as another (columns).

    The colour leaves the right answers out, so that the errors show.

    Args:
        labels, predictions: (N,) integers from 0 on.
        classes: their number.
    """
    import seaborn as sns
    from matplotlib.figure import Figure

    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    side = 0.6 * min(max(classes, 10), 50)
    figure = Figure(figsize=(side, side - 0.8), layout="constrained")
    axes = figure.subplots()
    off = np.where(np.eye(classes, dtype=bool), 0, counts)
    shown = counts if classes <= MOST_NUMBERS else None
    sns.heatmap(off, annot=shown, fmt="d", cmap="rocket_r", cbar=False, square=True, ax=axes)
    axes.set(xlabel="given", ylabel="true", title=f"{off.sum()} errors of {len(labels):,}")
    return figure


def misclassified(images: NDArray, labels: NDArray, predictions: NDArray) -> Figure:
    """The misclassified digits with their true and their given class (Figure 8).

    Args:
        images: (N, H, W), larger is ink.
        labels, predictions: (N,) integers from 0 on.
    """
    from matplotlib.figure import Figure

    wrong = np.flatnonzero(labels != predictions)
    shown = wrong[:SHOWN_ERRORS]
    height = tiles.line_count(len(shown), COLUMNS) * 0.75 + 0.5
    figure = Figure(figsize=(COLUMNS * 0.6, height), layout="constrained")
    figure.suptitle(
        f"{len(wrong)} errors of {len(labels):,}, true → given"
        + (f" (the first {len(shown)})" if len(shown) < len(wrong) else ""),
        fontsize=9,
    )
    captions = [f"{labels[i]}→{predictions[i]}" for i in shown]
    tiles.draw_captioned(figure.subplots(), images[shown], captions, COLUMNS, fontsize=7)
    return figure


def learning_curve(epochs: Sequence[dict[str, float]]) -> Figure:
    """The errors of each epoch, in per cent, as far as they were measured (Figure 5).

    Args:
        epochs: the metrics of each, fractions; those whose name ends in "error" are drawn.
    """
    import pandas as pd
    import seaborn as sns
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    table = pd.DataFrame(epochs, index=pd.RangeIndex(1, len(epochs) + 1, name="epoch"))
    errors = 100 * table[[name for name in table if str(name).endswith("error")]]
    errors = errors.rename(columns=CURVES)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    sns.lineplot(errors, palette="colorblind", marker="o", ax=axes)
    axes.set(xlabel="epoch", ylabel="error in per cent", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def a_digit_each(images: NDArray, title: str) -> Figure:
    """One digit of each class in a row, as the paper's Figure 7 shows distorted ones.

    Args:
        images: (classes, H, W), larger is ink.
        title: what was done to them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2), layout="constrained")
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots()
    axes.imshow(np.concatenate(images, 1), cmap="gray_r")
    axes.axis("off")
    return figure
