"""How all figures look, and how they are written so that the same figure is the same bytes.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), which colour-blind readers tell
apart; where colour carries a meaning a shape carries it, too. Each figure is drawn twice, for a
page and for a phone, with letters of 8 points or more: on 680 and on 328 pixels these are more
than 11 pixels high.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

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

WIDTH, NARROW = 5.6, 3.2  # inches, of a page and of a phone
LEAST_ERROR = 0.05  # per cent: where an error of 0 is drawn on a logarithmic axis

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib; a page without it takes another
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e0",
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "lenet",
    "svg.fonttype": "none",
}

VARIABLES = {  # of the page's style sheet, which has others for the dark
    BLUE: "blue",
    GREEN: "green",
    VERMILION: "vermilion",
    ORANGE: "orange",
    SKY: "sky",
    PURPLE: "purple",
    YELLOW: "yellow",
    INK: "figure-ink",
    GREY: "figure-grey",
    "#e4e4e0": "figure-grid",
    "#ffffff": "figure-ground",
}


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn at any width.

    Attributes:
        draw: from a width in inches.
        finding: what it shows, in a sentence; its alternative text.
        reading: how to read it, in sentences.
        pictures: made of pictures, which the dark inverts.
    """

    draw: Callable[[float], Figure]
    finding: str
    reading: str
    pictures: bool = False


def is_narrow(width: float) -> bool:
    """Whether a figure is drawn for a phone."""
    return width < (WIDTH + NARROW) / 2


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


def stacked(axes: Axes, values: pd.Series, colour: str, marker: str) -> None:
    """A mark a seed at its value, above those of the same value."""
    height = values.groupby(values).cumcount() + 1
    axes.plot(values, height, marker, color=colour, ms=2.5, ls="")
    axes.set(ylim=(0, height.max() + 1), ylabel="seeds")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


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


def name(artist: Any, words: str) -> None:
    """What a mark says when it is pointed at, in the page."""
    artist.set_gid(f"says:{words}")


def svg(figure: Figure, prefix: str) -> str:
    """A figure as SVG, without the date: colours are variables of the page, ids begin with a
    prefix, letters are letters, and marks have titles (`name`)."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    for value, variable in VARIABLES.items():
        colour = re.compile(rf"{value}(?=[;\"])", re.IGNORECASE)
        text = colour.sub(f"var(--{variable}, {value})", text)
    text = re.sub(
        r'<g id="says:([^"]*)">', lambda said: f'<g class="says"><title>{said[1]}</title>', text
    )
    text = re.sub(r' id="(?!says:)([^"]+)"', rf' id="{prefix}-\1"', text)
    return re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", text)


def save(figure: Figure, stem: Path) -> None:
    """``stem``.svg and ``stem``.png."""
    stem.with_suffix(".svg").write_text(svg(figure, stem.name))
    figure.savefig(stem.with_suffix(".png"), dpi=160)
