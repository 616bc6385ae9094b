"""reports/index.html and reports/README.md: the sentences, tables and figures put together."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from lenet import paper
from lenet.report import tables
from lenet.report.figures import style
from lenet.report.findings import findings
from lenet.results import Result

RUN_ID = 8  # characters that tell one run from another
LARGEST_SVG = 300_000  # bytes; a larger figure is put into the page as PNG
STAMPS = {  # across each figure, by what `tables.caveat` says
    tables.STAND_IN: "stand-in digits, NOT MNIST",
    tables.SMALL: "small study, NOT the whole one",
}


@dataclass(frozen=True)
class Picture:
    """A figure that was written: its name, title, caption and files."""

    name: str
    title: str
    caption: str
    svg: Path
    png: Path

    @property
    def uri(self) -> str:
        """The figure itself, for a page without a network."""
        small = self.svg.stat().st_size <= LARGEST_SVG
        path, kind = (self.svg, "svg+xml") if small else (self.png, "png")
        return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def save_figures(
    drawn: Mapping[str, tuple[Figure, str]], folder: Path, caveat: str
) -> list[Picture]:
    """Writes figures as SVG and PNG, in the order of the paper.

    Args:
        drawn: each figure with its caption; a name is ``figure_NN_what`` for a figure of the paper,
            else ``figure_beyond_what``.
        folder: for the files; older figures in it are removed.
        caveat: of `tables.caveat`, which each figure has to tell.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("figure_*"):
        old.unlink()
    pictures = []
    for name in sorted(drawn, key=lambda name: name.split("_")[1]):  # "beyond" after all numbers
        figure, caption = drawn[name]
        if caveat:
            style.stamp(figure, STAMPS[caveat])
        stem = folder / name
        style.save(figure, stem)
        pictures.append(
            Picture(name, _title(name), caption, stem.with_suffix(".svg"), stem.with_suffix(".png"))
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
    pictures: list[Picture],
    reports: Path,
) -> None:
    """Writes the page and the README of `reports`.

    Args:
        results: of every experiment.
        table, comparisons, effects: of tables.rows, tables.comparisons, tables.effects.
        pictures: of `save_figures`.
        reports: the folder, which exists.
    """
    facts: dict[str, Any] = {
        "found": findings(results, table, comparisons, effects),
        "rows": table.to_dict("records"),
        "comparisons": comparisons.to_dict("records"),
        "verdicts": tables.verdicts(table),
        "pictures": pictures,
        "caveat": tables.caveat(results.values()),
        "environment": environment(results),
        "paper": paper,
    }
    # the names of results are those of folders, whose texts may be anyone's
    for jinja, template, file in (
        (_environment(autoescape=True), "page.html.j2", "index.html"),
        (_environment(finalize=in_markdown), "readme.md.j2", "README.md"),
    ):
        text = jinja.get_template(template).render(facts)
        (reports / file).write_text(text.rstrip() + "\n", encoding="utf-8")


def _environment(**escaping: Any) -> Environment:
    jinja = Environment(
        loader=PackageLoader("lenet.report", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **escaping,
    )
    jinja.filters |= {"number": _number, "duration": duration, "run": lambda run: run[:RUN_ID]}
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
