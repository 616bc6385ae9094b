"""The report: everything from `results/` to `reports/`. It trains nothing and knows no net."""

from pathlib import Path


def build(results: Path, reports: Path) -> None:
    """Writes reports/index.html, README.md, results.csv, metrics.json and figures/ from results.

    The same results give the same bytes. Experiments that are missing are left out of figures and
    sentences, and said to be missing in the table.

    Raises:
        InputError: results that are not whole.
    """
    import json

    import matplotlib

    from lenet.report import (
        figures_cost,
        figures_errors,
        figures_learning,
        figures_pictures,
        figures_rows,
        page,
        style,
        tables,
    )
    from lenet.results import load_all

    found = load_all(results)
    reports.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(style.STYLE):
        modules = (
            figures_learning,
            figures_rows,
            figures_errors,
            figures_pictures,
            figures_cost,
        )
        pictures = page.draw(modules, results, reports / "figures", tables.stand_in(found))
    page.write(found, pictures, reports)
    (reports / "results.csv").write_text(tables.csv(tables.rows(found)))
    metrics = json.dumps(tables.metrics(found), indent=1, sort_keys=True)
    (reports / "metrics.json").write_text(metrics + "\n")
