"""How errors grow as digits are turned, scaled, moved, squeezed and made noisy (III.E)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lenet import paper
from lenet.data import TRANSFORMATIONS
from lenet.report import groups
from lenet.report.figures import style

HEIGHT = 20  # pixels, of MNIST's size-normalised characters (III.A)
LEAST_ERROR = 0.1  # per cent; less is drawn here on the logarithmic axis
NETS = ("lenet5", "lenet5_dist", groups.NOISE)
MARKERS = "osDv^P<>"


@dataclass(frozen=True)
class Claim:
    """What III.E says a net reads right in spite of."""

    low: float
    high: float
    words: str


_SHIFT = paper.VERTICAL_SHIFT * HEIGHT
CLAIMS = {
    "rotation": Claim(-paper.ROTATION, paper.ROTATION, f"±{paper.ROTATION}°"),
    "scale": Claim(1 / paper.SCALE, paper.SCALE, f"a factor of {paper.SCALE:g}"),
    "vertical shift": Claim(-_SHIFT, _SHIFT, "half the height"),
}


def curves(about: Mapping[str, Any], width: float = style.WIDTH) -> Figure:
    """A panel for each transformation, a line for each classifier; the paper's claims shaded.

    Args:
        about: what ``robustness.json`` holds.
    """
    down, across, height = (6, 1, 14.0) if style.is_narrow(width) else (3, 2, 7.6)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(down, across, sharey=True).ravel()
    for axes, (name, transformation) in zip(panels, TRANSFORMATIONS.items(), strict=True):
        for (classifier, measured), colour, marker in zip(
            about["classifiers"].items(), style.LINES, MARKERS, strict=False
        ):
            x, errors = zip(*measured["curves"][name], strict=True)
            axes.plot(
                *(x, [max(100 * error, LEAST_ERROR) for error in errors]),
                color=colour,
                marker=marker,
                markersize=3.5,
                linewidth=1.8 if classifier in NETS else 0.9,
                linestyle="-" if classifier in NETS else "--",
                label=f"{groups.label(classifier)} ({measured['digits']:,})",
            )
        axes.set(title=name, xlabel=transformation.label)
        _format(axes, name)
    for axes in panels[::across]:
        axes.set_ylabel("error, per cent")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=across)
    return figure


def _format(axes: Axes, name: str) -> None:
    axes.set(yscale="log", ylim=(0.8 * LEAST_ERROR, 250))  # room for words above 100 per cent
    style.per_cent_axis(axes.yaxis)
    if name in ("scale", "squeeze"):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator([0.5, 0.7, 1, 1.4, 2]))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if name in CLAIMS:
        claim = CLAIMS[name]
        axes.axvspan(claim.low, claim.high, color=style.YELLOW, alpha=0.25, lw=0)
        words = f"III.E: {claim.words}"
    elif name == "noise":
        axes.axvline(paper.NOISE, color=style.INK, linewidth=0.8, linestyle=":")
        words = f"trained on {paper.NOISE:g}"
    else:
        return
    axes.text(0.5, 0.98, words, transform=axes.transAxes, ha="center", va="top", fontsize=8)


def caption(about: Mapping[str, Any]) -> tuple[str, str]:
    """What the nets' curves come to where the claims end, and how to read them."""
    lines = [
        "Error on the test digits, changed and then seen by each classifier "
        "in its own view; shaded is what III.E says LeNet-5 reads right. In brackets the number of "
        "test digits, every tenth for the classifiers that take long."
    ]
    for name in NETS:
        if name in about["classifiers"]:
            found = about["classifiers"][name]["curves"]
            ends = (
                f"{claim.words} ({transformation}) "
                + " and ".join(
                    f"{100 * _at(found[transformation], value):.1f}"
                    for value in (claim.low, claim.high)
                )
                for transformation, claim in CLAIMS.items()
            )
            noise = 100 * _at(found["noise"], paper.NOISE)
            lines.append(
                f"{groups.label(name)} misreads, in per cent at the two ends of a claim: "
                f"{', '.join(ends)}; with every tenth pixel inverted {noise:.1f}."
            )
    centred = [
        groups.label(name) for name, of in about["classifiers"].items() if of["view"] == "deslanted"
    ]
    if centred:
        lines.append(
            f"{', '.join(centred)}: the deslanted view centres digits by their mass, so shifts are "
            "undone as long as the ink is there."
        )
    ink = about["ink"]
    lines.append(
        "A picture keeps its 28x28 pixels, so that of the ink "
        f"{100 - 100 * _at(ink['vertical shift'], _SHIFT):.0f} % lie outside after a shift by half "
        f"the height and {100 - 100 * _at(ink['scale'], paper.SCALE):.0f} % at "
        f"{paper.SCALE:g} times the size."
    )
    return _finding(about), " ".join(lines)


def _finding(about: Mapping[str, Any]) -> str:
    """How the net of 1998 fares where the claims of III.E end."""
    name = next((name for name in NETS if name in about["classifiers"]), None)
    if name is None:
        return "Errors grow as digits are turned, scaled, moved, squeezed and made noisy."
    found = about["classifiers"][name]["curves"]
    ends = ", ".join(
        f"{100 * max(_at(found[how], claim.low), _at(found[how], claim.high)):.0f} % at "
        f"{claim.words} ({how})"
        for how, claim in CLAIMS.items()
    )
    return f"Where the claims of III.E end, {groups.label(name)} misreads up to {ends}."


def _at(curve: list[tuple[float, float]], value: float) -> float:
    return next(error for measured, error in curve if measured == value)
