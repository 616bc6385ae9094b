"""From `results/` to `reports/`: read, tabulate, draw, write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def build(results: Path, reports: Path, readme: Path | None = None) -> None:
    """Writes reports/index.html, README.md, results.csv, claims.csv, metrics.json and figures/.

    The same results give the same bytes. Experiments that are missing are left out of figures and
    sentences, and said to be missing in the table.

    Args:
        results: the folder of `lenet.results`; its pictures.npz and robustness.json may be missing,
            and so may weights.
        reports: the folder to write to; its evaluation.json has the figures of the runs.
        readme: a file that shows the head of the report between two marks (`readme.update`).

    Raises:
        InputError: a file that is missing or damaged.
    """
    import matplotlib

    from lenet.report import draw, page, tables
    from lenet.report import readme as front
    from lenet.report.drawn import load_pictures
    from lenet.report.figures import (
        cost,
        diagram,
        errors,
        learning,
        pictures,
        record,
        rows,
        style,
        variance,
    )
    from lenet.results import FIGURES, load_all, load_figures

    found = load_all(results)
    arrays, robustness = load_pictures(results)
    evaluated = load_figures(reports / FIGURES, found)
    table = tables.rows(found, evaluated)
    comparisons, effects = tables.comparisons(found, evaluated), tables.effects(evaluated)
    reports.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(style.STYLE):
        figures = (
            diagram.all_figures()
            | learning.all_figures(found, effects)
            | rows.all_figures(table)
            | errors.all_figures(found, arrays)
            | pictures.all_figures(arrays, robustness)
            | cost.all_figures(table)
            | record.all_figures(found, evaluated)
            | variance.all_figures(found, evaluated)
        )
        saved = page.save_figures(figures, reports / "figures", tables.caveat(found.values()))
    pad = draw.facts(draw.committed(results, found), found, arrays, robustness)
    (reports / "claims.csv").write_text(tables.ledger(evaluated))
    claims = tables.claims(reports / "claims.csv")
    page.write(found, table, comparisons, effects, claims, saved, pad, reports)
    (reports / "results.csv").write_text(tables.csv(table))
    metrics = json.dumps(tables.metrics(table), indent=1, sort_keys=True)
    (reports / "metrics.json").write_text(metrics + "\n")
    if readme is not None:
        front.update(readme, reports / "README.md")


def pad(results: Path, file: Path, **net: Any) -> None:
    """Writes a page that holds the pad alone, for one net.

    Args:
        results: whose pictures give the digits to click, where there are any.
        file: to write.
        net: what `draw.Net` holds.

    Raises:
        InputError: a file that is damaged.
        ValueError: weights that are no LeNet-5's.
    """
    from lenet.report import draw, page
    from lenet.report.drawn import load_pictures

    arrays, _ = load_pictures(results)
    facts = draw.facts([draw.Net(**net)], {}, arrays, {})
    assert facts is not None
    page.write_pad(facts, file)
