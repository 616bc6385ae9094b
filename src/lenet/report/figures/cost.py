"""Beyond the paper: what an error rate costs."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lenet.report.figures import style

FAMILIES = {  # sections of part III: name, colour, marker
    ("III.C.1",): ("linear", style.GREY, "s"),
    ("III.C.2", "III.C.10"): ("neighbours", style.ORANGE, "P"),
    ("III.C.3", "III.C.4"): ("polynomial, RBF", style.PURPLE, "D"),
    ("III.C.11",): ("support vectors", style.GREEN, "^"),
    ("III.C.5", "III.C.6"): ("fully connected", style.SKY, "v"),
    ("III.C.7", "III.C.8", "III.C.9", "II.B"): ("convolutional", style.VERMILION, "o"),
}


def pareto_front(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that no other row beats in both error and multiply-accumulates, by cost."""
    measured = table.dropna(subset=["error_mean_pct"]).sort_values(["macs", "error_mean_pct"])
    best = measured["error_mean_pct"].cummin()
    return measured[measured["error_mean_pct"].le(best) & ~best.duplicated()]


def error_against_cost(table: pd.DataFrame, width: float = style.WIDTH) -> Figure:
    """Test error against multiply-accumulates; the line joins rows that none beats in both."""
    measured = table.dropna(subset=["error_mean_pct"])
    figure = Figure(figsize=(width, 5))
    axes = figure.subplots()
    front = pareto_front(table)
    values = front["error_mean_pct"].clip(lower=style.LEAST_ERROR)
    axes.plot(front["macs"].astype(float), values, color=style.INK, lw=1, ls=":", zorder=1)
    for sections, (name, colour, marker) in FAMILIES.items():
        mine = measured[measured["section"].isin(sections)]
        for second in (False, True):
            for _, row in mine[mine["second"] == second].iterrows():
                place = float(row["macs"]), max(row["error_mean_pct"], style.LEAST_ERROR)
                [mark] = axes.plot(
                    *place, marker, mec=colour, mfc="white" if second else colour, ms=6
                )
                style.name(
                    mark,
                    f"{row['label']}: {row['error_mean_pct']:.2f} %, "
                    f"{style.quantity(place[0])} multiply-accumulates",
                )
        axes.plot([], [], marker, color=colour, ls="", label=name)
    for i, (_, row) in enumerate(front.iterrows(), 1):
        place = float(row["macs"]), max(row["error_mean_pct"], style.LEAST_ERROR)
        axes.annotate(str(i), place, (-9, -9), textcoords="offset points", weight="bold")
    names = [f"{i}  {label}" for i, label in enumerate(front["label"], 1)]
    axes.text(
        *(0.99, 0.99, "\n".join(names)), transform=axes.transAxes, ha="right", va="top",
        ma="left", fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="multiply-accumulates for one digit")
    axes.set_ylabel("test error, per cent")
    axes.margins(0.08)
    axes.set_ylim(top=3 * measured["error_mean_pct"].max())
    style.per_cent_axis(axes.yaxis)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.quantity(value)))
    figure.legend(loc="outside upper left", ncols=2 if style.is_narrow(width) else 3)
    return figure


def all_figures(table: pd.DataFrame) -> dict[str, style.Drawing]:
    """Error against cost, where there are rows; `table` of tables.rows."""
    front = pareto_front(table)
    if front.empty:
        return {}
    return {
        "figure_beyond_cost": style.Drawing(
            lambda width: error_against_cost(table, width),
            f"From {front['label'].iloc[0]} to {front['label'].iloc[-1]}, {len(front)} rows are "
            "such that no other has less error at less cost.",
            "Each mark is a row (hollow: a second config); the dotted line joins those that no "
            "other beats in both error and multiply-accumulates.",
        ),
    }
