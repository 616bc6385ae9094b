"""reports/index.html and reports/README.md: the sentences, tables and figures put together."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lenet import paper
from lenet.report import findings, tables
from lenet.report.figures import cost, learning, style
from lenet.results import Result

RUN_ID = 8  # characters that tell one run from another
STAMPS = {  # across each figure, by what `tables.caveat` says
    tables.STAND_IN: "stand-in digits, NOT MNIST",
    tables.SMALL: "small study, NOT the whole one",
}
FIGURES: dict[str, tuple[str, ...]] = {
    "claimed": ("figure_02_the_net",),
    "holds": ("figure_09_test_error",),
    "learns": (
        *("figure_05_learning_curve", "figure_06_training_size", "figure_07_distortions"),
        "figure_beyond_literal",
    ),
    "errors": (
        *("figure_08_misclassified", "figure_08_pairs", "figure_13_gallery"),
        *("figure_13_robustness", "figure_beyond_printed"),
    ),
    "costs": (
        *("figure_beyond_cost", "figure_beyond_record", "figure_10_rejection"),
        *("figure_10_error_reject", "figure_11_multiply_accumulates", "figure_12_memory"),
    ),
    "parts": (
        *("figure_beyond_path", "figure_beyond_ablation", "figure_beyond_ablation_cells"),
        *("figure_beyond_filters", "figure_beyond_feature_maps"),
    ),
    "certainty": ("figure_beyond_variance",),
}
"""The figures of each part of the article; the first that is there is shown, the others folded."""

SHORT = ("lenet1", "lenet4", "lenet5", "lenet5_dist", "boosted_lenet4_dist")
BEST_OF = (("III.C.11",), ("III.C.5", "III.C.6"))  # the support vector machines; full layers
"""The rows of the short table: some, and the best of some sections."""


@dataclass(frozen=True)
class Picture:
    """A figure that was written: its name, title, what it shows and how to read it, as in
    `style.Drawing`; the file for a README and the figure itself, for a page and for a phone."""

    name: str
    title: str
    finding: str
    reading: str
    pictures: bool
    png: Path
    wide: Markup
    narrow: Markup


def save_figures(drawn: Mapping[str, style.Drawing], folder: Path, caveat: str) -> list[Picture]:
    """Writes figures as SVG and PNG, in the order of the paper.

    Args:
        drawn: the figures; a name is ``figure_NN_what`` for a figure of the paper, else
            ``figure_beyond_what``.
        folder: for the files; older figures in it are removed.
        caveat: of `tables.caveat`, which each figure has to tell.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("figure_*"):
        old.unlink()
    pictures = []
    for name in sorted(drawn, key=lambda name: name.split("_")[1]):  # "beyond" after all numbers
        drawing, stem = drawn[name], folder / name
        wide, narrow = (drawing.draw(width) for width in (style.WIDTH, style.NARROW))
        for figure in (wide, narrow) if caveat else ():
            style.stamp(figure, STAMPS[caveat])
        style.save(wide, stem)
        pictures.append(
            Picture(
                *(name, _title(name), drawing.finding, drawing.reading, drawing.pictures),
                stem.with_suffix(".png"),
                # matplotlib escapes what figures say
                Markup(stem.with_suffix(".svg").read_text()),
                Markup(style.svg(narrow, f"{name}-narrow")),
            )
        )
    return pictures


def _title(name: str) -> str:
    """figure_08_pairs: "Figure 8, pairs"; figure_beyond_path: "Beyond the paper, path"."""
    _, number, what = name.split("_", 2)
    where = f"Figure {int(number)}" if number.isdigit() else "Beyond the paper"
    return f"{where}, {what.replace('_', ' ')}"


def write(
    results: dict[str, Result],
    table: pd.DataFrame,
    comparisons: pd.DataFrame,
    effects: pd.DataFrame | None,
    claims: pd.DataFrame | None,
    pictures: list[Picture],
    pad: dict[str, Any] | None,
    reports: Path,
) -> None:
    """Writes the page and the README of `reports`.

    Args:
        results: of every experiment.
        table, comparisons, effects: of tables.rows, tables.comparisons, tables.effects.
        claims: of tables.claims.
        pictures: of `save_figures`.
        pad: of draw.facts; None leaves the pad out.
        reports: the folder, which exists.
    """
    caveat = tables.caveat(results.values())
    article = findings.article(results, table, comparisons, effects, claims)
    known = {picture.name: picture for picture in pictures}
    facts: dict[str, Any] = {
        "answer": findings.answer(table, caveat),
        "article": article,
        "figures": {
            part: [known[name] for name in names if name in known]
            for part, names in FIGURES.items()
        },
        "rows": table.to_dict("records"),
        "short": _short(table).to_dict("records"),
        "families": {s: name for group, (name, *_) in cost.FAMILIES.items() for s in group},
        "inside": {name: _inside(result) for name, result in results.items()},
        "layers": _layers(),
        "comparisons": comparisons.to_dict("records"),
        "claims": None if claims is None else claims.to_dict("records"),
        "told": "" if claims is None else tables.told(Counter(claims["verdict"])),
        "verdicts": tables.verdicts(table),
        "pictures": pictures,
        "caveat": caveat,
        "environment": environment(results),
        "paper": paper,
        "pad": pad,
    }
    # the names of results are those of folders, whose texts may be anyone's
    for jinja, template, file in (
        (_environment(autoescape=True), "page.html.j2", "index.html"),
        (_environment(finalize=in_markdown), "readme.md.j2", "README.md"),
    ):
        text = jinja.get_template(template).render(facts)
        (reports / file).write_text(text.rstrip() + "\n", encoding="utf-8")


def write_pad(pad: dict[str, Any], file: Path) -> None:
    """Writes a page that holds the pad alone; `pad` of draw.facts."""
    text = _environment(autoescape=True).get_template("pad.html.j2").render(pad=pad)
    file.write_text(text.rstrip() + "\n", encoding="utf-8")


def _short(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that people come for."""
    rows = table[~table["second"] & (table["verdict"] != tables.MISSING)]
    best = [
        some.sort_values("error_mean_pct", kind="stable").iloc[0]["row"]
        for sections in BEST_OF
        for some in [rows[rows["section"].isin(sections)]]
        if len(some)
    ]
    return rows[rows["row"].isin([*best, *SHORT])]


def _inside(result: Result) -> dict[str, Any]:
    """What a row of the table opens to: errors and runs by seed, curves, confusions."""
    counts = result.pairs
    order = np.argsort(-counts, axis=None, kind="stable")[:8]
    pairs = [(*divmod(int(i), 10), float(counts.flat[i])) for i in order if counts.flat[i] > 0]
    return {
        "errors": [100 * error for error in result.errors],
        "seeds": [run["seed"] for run in result.runs],
        "runs": [run["run"] for run in result.runs],
        "confusion": [[float(value) for value in line] for line in counts],
        "pairs": pairs,
        "curves": {
            label: points
            for name, label in ((learning.TEST, "test"), (learning.TRAINING, "training"))
            for points in [learning.curves(result, name).groupby("pass")["error"].mean().tolist()]
            if len(points) > 1
        },
    }


def _layers() -> list[dict[str, Any]]:
    """The layers of LeNet-5, those of 1998 beside those of today's courses."""
    today = {
        "C3": 16 * (6 * 25 + 1),  # every map of C3 sees all of S2
        "output": 10 * (84 + 1),  # a full layer
        "S2": 0,  # plain pooling
        "S4": 0,
    }
    return [
        {
            "name": name,
            "form": f"{layer.size}x{layer.size}x{layer.maps}" if layer.size > 1 else layer.maps,
            "connections": layer.connections,
            "then": layer.parameters,
            "now": today.get(name, layer.parameters),
        }
        for name, layer in paper.LENET5.items()
    ]


def _environment(**escaping: Any) -> Environment:
    jinja = Environment(
        loader=PackageLoader("lenet.report", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **escaping,
    )
    jinja.filters |= {"number": _number, "duration": duration, "run": lambda run: run[:RUN_ID]}
    jinja.filters["polyline"] = _polyline
    return jinja


def in_markdown(value: Any) -> Any:
    """A text such that Markdown shows it as it is: no HTML, no link, no end of a table's cell."""
    if not isinstance(value, str):
        return value
    line = re.sub(r"&(?=#?\w+;)", "&amp;", re.sub(r"\s+", " ", value))
    line = re.sub(r"<(?=[a-z/!?])", "&lt;", line, flags=re.IGNORECASE)  # but not in p < 0.05
    return line.replace("|", "\\|").replace("](", "]\\(")


def environment(results: dict[str, Result]) -> dict[str, Any]:
    """Where the results come from: commits, versions, digits, runs and what they took."""
    # an experiment may be another one by a second name: the same runs
    unique = {
        run["run"]: (run, seconds)
        for result in results.values()
        for run, seconds in zip(result.runs, result.seconds, strict=True)
    }
    runs = [run for run, _ in unique.values()]
    versions: dict[str, set[str]] = {}
    for run in runs:
        for library, version in run["versions"].items():
            versions.setdefault(library, set()).add(version)
    commits = pd.Series([run["commit"] for run in runs], dtype=str).value_counts().sort_index()
    return {
        "runs": len(runs),
        "experiments": len(results),
        "commits": [(str(commit), int(count)) for commit, count in commits.items()],
        "dirty": sum(bool(run["dirty"]) for run in runs),
        "threads": sorted({run["threads"] for run in runs}),
        "versions": {name: ", ".join(sorted(versions[name])) for name in sorted(versions)},
        "data": sorted({(result.data, result.digest) for result in results.values()}),
        "digits": sorted({len(result.label) for result in results.values()}),
        "seconds": sum(seconds for _, seconds in unique.values()),
        "longest": _longest(results),
    }


def _longest(results: dict[str, Result]) -> list[tuple[str, float]]:
    """The five experiments that took longest, all seeds together, in processor seconds."""
    spent = {
        paper.ROWS[name].label if name in paper.ROWS else name: float(result.seconds.sum())
        for name, result in results.items()
    }
    return sorted(spent.items(), key=lambda item: (-item[1], item[0]))[:5]


def _number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number with some digits, a dash where there is none."""
    if pd.isna(value):
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 7 min, 3.2 h."""
    if pd.isna(seconds):
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _polyline(values: list[float], most: float, count: int) -> str:
    """The points of a curve in a box of 100 x 40, from 0 to `most`, as SVG takes them."""
    step = 100 / max(count - 1, 1)
    points = (
        f"{step * i:.1f},{40 - 40 * value / (most or 1):.1f}" for i, value in enumerate(values)
    )
    return " ".join(points)
