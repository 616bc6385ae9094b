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

    from lenet.report import page, tables
    from lenet.report.figures import cost, errors, learning, pictures, rows, style
    from lenet.results import load_all

    found = load_all(results)
    table = tables.rows(found)
    reports.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(style.STYLE):
        figures = (
            learning.all_figures(found)
            | rows.all_figures(table)
            | errors.all_figures(found, results)
            | pictures.all_figures(results)
            | cost.all_figures(table)
        )
        drawn = page.draw(figures, reports / "figures", tables.caveat(found.values()))
    page.write(found, table, drawn, reports)
    (reports / "results.csv").write_text(tables.csv(table))
    metrics = json.dumps(tables.metrics(table), indent=1, sort_keys=True)
    (reports / "metrics.json").write_text(metrics + "\n")
