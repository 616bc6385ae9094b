"""Figures 9 to 12: every row beside the paper."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from lenet.evaluation import REJECTION_TARGET
from lenet.report import tables
from lenet.report.figures import style

TARGET = f"{100 * REJECTION_TARGET:g} %"
PAPER_AT, OURS_AT = 34, 74  # where numbers end, points right of the axes


def figure_9(table: pd.DataFrame) -> Figure:
    """Test errors of the 27 rows with 95 % intervals beside the paper's; `table` of tables.rows."""
    return _beside(table, ("error_mean_pct", "paper_error_pct"), "test error, per cent")


def figure_10(table: pd.DataFrame) -> Figure:
    """The share to reject for `TARGET` error on the rest, of the rows that the paper shows."""
    shown = table[table["paper_reject_pct"].notna() & ~table["second"]]
    columns = ("reject_pct", "paper_reject_pct")
    return _beside(shown, columns, f"rejected for {TARGET} error on the rest, per cent")


def figure_11(table: pd.DataFrame) -> Figure:
    """Multiply-accumulates for one digit."""
    shown = table[~table["second"]]
    return _beside(shown, ("macs", "paper_macs"), "multiply-accumulates for one digit")


def figure_12(table: pd.DataFrame) -> Figure:
    """Stored variables."""
    shown = table[~table["second"]]
    return _beside(shown, ("memory", "paper_memory"), "stored variables")


def _beside(table: pd.DataFrame, columns: tuple[str, str], xlabel: str) -> Figure:
    """A line a row, ours and the paper's as marks and, at the right, as numbers.

    Args:
        table: of tables.rows; second configs are drawn small beside their row.
        columns: ours, the paper's.
        xlabel: of the logarithmic axis.
    """
    ours, theirs = columns
    errors = ours == "error_mean_pct"
    rows = table[~table["second"]].reset_index(drop=True)
    figure = Figure(figsize=(style.WIDTH, 0.9 + 0.235 * len(rows)))
    axes = figure.subplots()
    axes.set_xscale("log")
    written = (lambda v: f"{v:.2f}") if errors else style.quantity
    if ours == "reject_pct":
        written = "{:.1f}".format
    for y, (_, row) in enumerate(rows.iterrows()):
        number, known = row[theirs], pd.notna(row[ours])
        if pd.notna(number):
            axes.plot(number, y, "D", mfc="white", mec=style.INK, ms=5.5, zorder=2)
        if known:
            colour, marker = style.VERDICTS[row["verdict"]] if errors else (style.BLUE, "o")
            value = max(float(row[ours]), style.LEAST_ERROR)
            if errors:
                low = max(row["ci_low_pct"], style.LEAST_ERROR)
                axes.plot([low, max(row["ci_high_pct"], value)], [y, y], color=colour, lw=1.6)
            axes.plot(value, y, marker, color=colour, ms=5, zorder=3)
        _number(axes, PAPER_AT, y, written(number) if pd.notna(number) else "", style.GREY)
        _number(axes, OURS_AT, y, written(row[ours]) if known else "–", style.INK)
    if errors:
        _second_configs(axes, table, rows)
    axes.set_yticks(range(len(rows)), rows["label"])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel=xlabel)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    _number(axes, PAPER_AT, -1, "paper", style.GREY)
    _number(axes, OURS_AT, -1, "ours", style.INK)
    if ours in ("macs", "memory"):
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.quantity(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        style.per_cent_axis(axes.xaxis)
    figure.legend(handles=_legend(table, errors), loc="outside upper left", ncols=3)
    return figure


def _number(axes: Axes, points: float, y: float, text: str, colour: str) -> None:
    """A number that ends some points right of the axes, at the height of row y."""
    axes.annotate(
        text, (1, y), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        ha="right", va="center", fontsize=8, color=colour, annotation_clip=False,
    )  # fmt: skip


def _second_configs(axes: Axes, table: pd.DataFrame, rows: pd.DataFrame) -> None:
    places = dict(zip(rows["row"], rows.index, strict=True))
    for _, row in table[table["second"]].iterrows():
        y = places[row["beside"]] + 0.3
        value = max(row["error_mean_pct"], style.LEAST_ERROR)
        axes.plot(value, y, "o", mfc="white", mec=style.PURPLE, ms=3.5, zorder=2)


def _legend(table: pd.DataFrame, errors: bool) -> list[Line2D]:
    """What the marks mean, of those that are drawn."""
    marks = [("paper", "D", style.INK, "white")]
    if not errors:
        marks.append(("ours", "o", style.BLUE, style.BLUE))
        return [_handle(*mark) for mark in marks]
    drawn = set(table.loc[~table["second"], "verdict"])
    marks += [(name, m, c, c) for name, (c, m) in style.VERDICTS.items() if name in drawn]
    if table["second"].any():
        marks.append(("second config", "o", style.PURPLE, "white"))
    return [_handle(*mark) for mark in marks]


def _handle(label: str, marker: str, colour: str, face: str) -> Line2D:
    return Line2D([], [], ls="", marker=marker, mec=colour, mfc=face, ms=5, label=label)


def all_figures(table: pd.DataFrame) -> dict[str, tuple[Figure, str]]:
    """Each figure that the rows allow, with its caption; `table` of tables.rows."""
    measured = table[table["verdict"] != tables.MISSING]
    if measured.empty:
        return {}
    found = {
        "figure_09_test_error": (
            figure_9(table),
            "Figure 9: test error of the 27 classifiers. Ours with 95 % intervals that count the "
            "draw of the seeds and of the test digits; the colour and shape of a mark say how it "
            "stands to the paper's. Second configs (another reading, or today's recipe) are drawn "
            "small below their row. The axis is logarithmic.",
        ),
        "figure_11_multiply_accumulates": (
            figure_11(table),
            "Figure 11: multiply-accumulates to classify one digit. Counted in the paper's way. "
            "Between the cheapest and the dearest row lie "
            f"{np.log10(measured['macs'].max() / measured['macs'].min()):.1f} powers of ten.",
        ),
        "figure_12_memory": (
            figure_12(table),
            "Figure 12: stored variables of each classifier. For a net, its trainable parameters.",
        ),
    }
    if (measured["paper_reject_pct"].notna() & ~measured["second"]).any():
        found["figure_10_rejection"] = (
            figure_10(table),
            f"Figure 10: what to reject for {TARGET} error. The share of test digits, least margin "
            f"between the two best scores first, after whose rejection {TARGET} of the others are "
            "wrong; the mean over seeds, of the rows that the paper shows.",
        )
    return found
