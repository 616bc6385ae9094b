"""Figures 9 to 12: every row beside the paper."""

from collections.abc import Callable

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


def figure_9(table: pd.DataFrame, width: float = style.WIDTH) -> Figure:
    """Test errors of the 27 rows with 95 % intervals beside the paper's; `table` of tables.rows."""
    return _beside(table, ("error_mean_pct", "paper_error_pct"), "test error, per cent", width)


def figure_10(table: pd.DataFrame, width: float = style.WIDTH) -> Figure:
    """The share to reject for `TARGET` error on the rest, of the rows that the paper shows."""
    shown = table[table["paper_reject_pct"].notna() & ~table["second"]]
    columns = ("reject_pct", "paper_reject_pct")
    return _beside(shown, columns, f"rejected for {TARGET} error on the rest, per cent", width)


def figure_11(table: pd.DataFrame, width: float = style.WIDTH) -> Figure:
    """Multiply-accumulates for one digit."""
    shown = table[~table["second"]]
    return _beside(shown, ("macs", "paper_macs"), "multiply-accumulates for one digit", width)


def figure_12(table: pd.DataFrame, width: float = style.WIDTH) -> Figure:
    """Stored variables."""
    shown = table[~table["second"]]
    return _beside(shown, ("memory", "paper_memory"), "stored variables", width)


def _beside(table: pd.DataFrame, columns: tuple[str, str], xlabel: str, width: float) -> Figure:
    """A line a row, ours and the paper's as marks and, at the right, as numbers. On a phone a row
    has two lines: its name and numbers above its marks.

    Args:
        table: of tables.rows; second configs are drawn small beside their row.
        columns: ours, the paper's.
        xlabel: of the logarithmic axis.
        width: inches.
    """
    ours, theirs = columns
    errors = ours == "error_mean_pct"
    rows = table[~table["second"]].reset_index(drop=True)
    narrow = style.is_narrow(width)
    figure = Figure(figsize=(width, 0.9 + (0.4 if narrow else 0.235) * len(rows)))
    axes = figure.subplots()
    axes.set_xscale("log")
    written: Callable[[float], str] = "{:.2f}".format if errors else style.quantity
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
                _intervals(axes, row, y, value, colour)
            [mark] = axes.plot(value, y, marker, color=colour, ms=5, zorder=3)
            style.name(mark, _told(row, written(row[ours]), number, written))
        _number(axes, PAPER_AT, y, written(number) if pd.notna(number) else "", style.GREY)
        _number(axes, OURS_AT, y, written(row[ours]) if known else "–", style.INK)
    if errors:
        _second_configs(axes, table, rows)
    if narrow:
        axes.set_yticks([])
        for y, label in enumerate(rows["label"]):
            _words(axes, y, label)
    else:
        axes.set_yticks(range(len(rows)), rows["label"])
    axes.set(ylim=(len(rows) - 0.4, -0.9 if narrow else -0.6), xlabel=xlabel)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    _number(axes, PAPER_AT, -1, "paper", style.GREY)
    _number(axes, OURS_AT, -1, "ours", style.INK)
    if ours in ("macs", "memory"):
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.quantity(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        style.per_cent_axis(axes.xaxis)
    figure.legend(
        handles=_legend(table, errors), loc="outside upper left", ncols=2 if narrow else 3
    )
    return figure


def _intervals(axes: Axes, row: pd.Series, y: float, value: float, colour: str) -> None:
    """The interval by digit, and the one that counts the draw of their writers, too, thin."""
    for whose, thickness in (("ci", 2.4), ("ci_writer", 1.0)):
        low, high = row[f"{whose}_low_pct"], row[f"{whose}_high_pct"]
        if pd.notna(low):
            ends = [max(low, style.LEAST_ERROR), max(high, value)]
            axes.plot(ends, [y, y], color=colour, lw=thickness, solid_capstyle="butt")


def _number(axes: Axes, points: float, y: float, text: str, colour: str) -> None:
    """A number that ends some points right of the axes, at the height of row y."""
    axes.annotate(
        text, (1, y), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        ha="right", va="center", fontsize=8, color=colour, annotation_clip=False,
    )  # fmt: skip


def _words(axes: Axes, y: float, label: str) -> None:
    """The name of row y above its marks, on a phone."""
    at = axes.get_yaxis_transform()
    axes.text(0, y - 0.4, label, transform=at, fontsize=8, va="center", color=style.INK)


def _told(row: pd.Series, ours: str, number: float, written: Callable[[float], str]) -> str:
    """What the mark of a row says."""
    printed = f", paper {written(number)}" if pd.notna(number) else ""
    return f"{row['label']}: {ours}{printed}"


def _second_configs(axes: Axes, table: pd.DataFrame, rows: pd.DataFrame) -> None:
    places = dict(zip(rows["row"], rows.index, strict=True))
    for _, row in table[table["second"]].iterrows():
        y = places[row["beside"]] + 0.3
        value = max(row["error_mean_pct"], style.LEAST_ERROR)
        [mark] = axes.plot(value, y, "o", mfc="white", mec=style.PURPLE, ms=3.5, zorder=2)
        style.name(mark, f"{row['label']}: {row['error_mean_pct']:.2f}")


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


def all_figures(table: pd.DataFrame) -> dict[str, style.Drawing]:
    """Each figure that the rows allow; `table` of tables.rows."""
    measured = table[(table["verdict"] != tables.MISSING) & ~table["second"]]
    if measured.empty:
        return {}
    counts = tables.told(tables.verdicts(table))
    by_cost, by_size = (measured.sort_values(what) for what in ("macs", "memory"))
    (cheapest, dearest), (smallest, largest) = (
        (rows.iloc[0], rows.iloc[-1]) for rows in (by_cost, by_size)
    )
    found = {
        "figure_09_test_error": style.Drawing(
            lambda width: figure_9(table, width),
            f"Test errors of the {len(measured)} classifiers beside the paper's, of which "
            f"{counts}.",
            "Ours with 95 % intervals that count the draw of the seeds and of the test digits "
            "(thick) or of the digits' writers (thin), by which we judge; the colour and shape of "
            "a mark say how it stands to the paper's. Second configs (another "
            "reading, or today's recipe) are drawn small below their row. The axis is logarithmic.",
        ),
        "figure_11_multiply_accumulates": style.Drawing(
            lambda width: figure_11(table, width),
            f"Between {cheapest.label} and {dearest.label} lie "
            f"{np.log10(dearest.macs / cheapest.macs):.1f} powers of ten of multiply-accumulates.",
            "Multiply-accumulates to classify one digit, counted in the paper's way.",
        ),
        "figure_12_memory": style.Drawing(
            lambda width: figure_12(table, width),
            f"{smallest.label} stores {style.quantity(smallest.memory)} variables, {largest.label} "
            f"{style.quantity(largest.memory)}.",
            "Stored variables of each classifier; for a net, its trainable parameters.",
        ),
    }
    rejected = measured[measured["paper_reject_pct"].notna()]
    if len(rejected):
        best = rejected.sort_values("reject_pct").iloc[0]
        found["figure_10_rejection"] = style.Drawing(
            lambda width: figure_10(table, width),
            f"For {TARGET} error on the rest {best.label} has to reject least, "
            f"{best.reject_pct:.1f} % (paper: {best.paper_reject_pct:g}).",
            f"The share of test digits, least margin between the two best scores first, after "
            f"whose rejection {TARGET} of the others are wrong; the mean over seeds, of the rows "
            "that the paper shows.",
        )
    return found
