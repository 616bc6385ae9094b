"""How all figures look, and how they are written so that the same figure is the same bytes.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), which colour-blind readers tell
apart; where colour carries a meaning a shape carries it, too. Figures are 5.6 inches wide with
letters of 8 points or more, so that they can be read on a phone.
"""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

BLUE, GREEN, VERMILION = "#0072B2", "#009E73", "#D55E00"
ORANGE, SKY, PURPLE, YELLOW = "#E69F00", "#56B4E9", "#CC79A7", "#F0E442"
INK, GREY = "#222222", "#6f6f6f"

VERDICTS = {  # colour and marker
    "holds": (GREEN, "o"),
    "not contradicted": (BLUE, "o"),
    "contradicted": (VERMILION, "X"),
    "not testable here": (PURPLE, "o"),
    "stand-in": (PURPLE, "o"),
    "small": (PURPLE, "o"),
}
LINES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK, GREY)

WIDTH = 5.6  # inches
LEAST_ERROR = 0.05  # per cent: where an error of 0 is drawn on a logarithmic axis

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e0",
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "lenet",
    "svg.fonttype": "path",
}


def per_cent_axis(axis: Any) -> None:
    """Plain numbers on a logarithmic axis: 0.5, 1, 2, 5, 10."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def quantity(value: float) -> str:
    """A count in three figures: 950, 4.01 k, 401 k, 24 M."""
    for unit, size in ((" M", 1e6), (" k", 1e3)):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def stamp(figure: Figure, text: str) -> None:
    """Says across a figure what it is not."""
    figure.text(
        *(0.5, 0.5, text),
        ha="center",
        va="center",
        rotation=25,
        fontsize=22,
        color=VERMILION,
        alpha=0.25,
    )


def save(figure: Figure, stem: Path) -> None:
    """``stem``.svg and ``stem``.png, without the date."""
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), dpi=160)
