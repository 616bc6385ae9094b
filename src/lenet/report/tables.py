"""From results and their figures to tables: Figure 9, what is compared with what, and the ledger of
claims. Errors in per cent."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lenet import paper, statistics
from lenet.errors import InputError
from lenet.report import groups
from lenet.report.groups import SMALL, STAND_IN, caveat
from lenet.results import Figures, Result

CSV = (
    *("row", "paper_error_pct", "error_mean_pct", "ci_low_pct", "ci_high_pct", "seeds", "verdict"),
    *("reject_pct", "macs", "memory", "seconds"),
    *("ci_writer_low_pct", "ci_writer_high_pct", "students_pct", "employees_pct"),
    *("reject_low_pct", "reject_high_pct", "p"),
)
"""The columns of reports/results.csv."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run

MEASURED = {
    "error_mean_pct": "error",
    "ci_low_pct": "low",
    "ci_high_pct": "high",
    "ci_writer_low_pct": "writer_low",
    "ci_writer_high_pct": "writer_high",
    "students_pct": "students",
    "employees_pct": "employees",
    "difference_pct": "difference",
    "difference_low_pct": "difference_low",
    "difference_high_pct": "difference_high",
    "reject_pct": "reject",
}
"""Columns of `rows` by what they are called among a method's figures, which are no per cent."""

MISSING = "missing"

TOLD = {
    statistics.HOLDS: ("holds", "hold"),
    statistics.OPEN: ("is not contradicted by the data", "are not contradicted by the data"),
    statistics.CONTRADICTED: ("is contradicted", "are contradicted"),
    statistics.UNTESTABLE: ("cannot be tested here", "cannot be tested here"),
    STAND_IN: ("is of a stand-in", "are of a stand-in"),
    SMALL: ("is of a small study", "are of a small study"),
    MISSING: ("is missing", "are missing"),
}
"""What one, or several, with a verdict do."""


def rows(results: dict[str, Result], figures: Figures) -> pd.DataFrame:
    """The 27 rows of Figure 9 in the paper's order, second configs below their rows.

    Args:
        results: by experiment.
        figures: that follow from their answers.

    Returns:
        The columns of `CSV` and label, section, beside (the row of Figure 9 that an experiment
        stands beside, or is), second (whether it is a second config), difference_pct,
        difference_low_pct, difference_high_pct (ours minus the paper's), reason, runs (ids in
        MLflow), paper_reject_pct, paper_macs, paper_memory. A row without a result has the
        paper's figures and the verdict "missing".
    """
    reasons = tomllib.loads((files("lenet.report") / "reasons.toml").read_text())
    lines = [
        _line(name, paper.ROWS[row], results.get(name), figures) | {"reason": reasons.get(name, "")}
        for name, row in groups.experiments(results)
    ]
    counts = dict.fromkeys(("seeds", "macs", "memory"), "Int64")
    return pd.DataFrame(lines).astype(counts)


def _line(name: str, row: paper.Row, result: Result | None, figures: Figures) -> dict:
    printed = {
        "row": name,
        "label": groups.label(name, row.name),
        "section": row.section,
        "beside": row.name,
        "second": name != row.name,
        "paper_error_pct": row.test_error,
        "paper_reject_pct": row.reject,
        "paper_macs": row.macs and 1000 * row.macs,
        "paper_memory": row.memory and 1000 * row.memory,
    }
    if result is None:
        measured = (*MEASURED, "reject_low_pct", "reject_high_pct", "seconds")
        counted = {"seeds": 0, "macs": None, "memory": None, "verdict": MISSING, "runs": ()}
        return printed | dict.fromkeys((*measured, "p"), np.nan) | counted
    found: Any = figures["methods"][name]
    metrics = pd.DataFrame([run["metrics"] for run in result.runs])
    known = "writer_" if figures["writers"] else ""
    return (
        printed
        | {column: _per_cent(found[key]) for column, key in MEASURED.items()}
        | {
            "reject_low_pct": _per_cent(found[f"reject_{known}low"]),
            "reject_high_pct": _per_cent(found[f"reject_{known}high"]),
            "seeds": len(result.runs),
            "verdict": caveat([result]) or found["verdict"],
            "p": found["p"],
            "macs": round(metrics["macs"].mean()),
            "memory": round(metrics["variables"].mean()),
            "seconds": result.seconds.sum(),
            "runs": tuple(run["run"] for run in result.runs),
        }
    )


def _per_cent(share: float | None) -> float:
    return np.nan if share is None else 100 * share


def csv(table: pd.DataFrame) -> str:
    """What reports/results.csv holds of `rows`; a spreadsheet takes no name for a formula."""
    lines = table[list(CSV)].round(4)
    names = lines["row"].where(~lines["row"].str.startswith(FORMULA), "'" + lines["row"])
    return lines.assign(row=names).to_csv(index=False, lineterminator="\n")


def verdicts(table: pd.DataFrame) -> dict[str, int]:
    """How many of the 27 rows came to each verdict; second configs do not count."""
    counts = table.loc[~table["second"], "verdict"].value_counts()
    return {name: int(counts[name]) for name in TOLD if name in counts}


def told(counts: Mapping[str, int]) -> str:
    """How many have which verdict, as a clause."""
    *some, last = (
        f"{count} {TOLD[name][count > 1]}" for name in TOLD if (count := counts.get(name, 0))
    )
    return f"{', '.join(some)} and {last}" if some else last


def metrics(table: pd.DataFrame) -> dict:
    """The study's figures for `dvc metrics`: each experiment of `rows`, and verdict counts."""
    measured = table[table["verdict"] != MISSING].set_index("row").round(4)
    figures = measured[["error_mean_pct", "ci_low_pct", "ci_high_pct"]]
    return {"rows": figures.to_dict("index"), "verdicts": verdicts(table)}


def comparisons(results: dict[str, Result], figures: Figures) -> pd.DataFrame:
    """Rows against their second configs, and plain against distorted, on the same test digits.

    Args:
        results: by experiment.
        figures: that follow from their answers.

    Returns:
        Columns a, b, label_a, label_b, difference_pct (a minus b), low_pct, high_pct, method, p,
        p_holm.
    """
    table = pd.DataFrame([dict(each) for each in figures["comparisons"]])
    if table.empty:
        return table
    cents = ("difference", "low", "high")
    return table.rename(columns={name: f"{name}_pct" for name in cents}).assign(
        label_a=[groups.label(name, results[name].row) for name in table["a"]],
        label_b=[groups.label(name, results[name].row) for name in table["b"]],
        **{f"{name}_pct": 100 * table[name] for name in cents},
    )


def effects(figures: Figures) -> pd.DataFrame | None:
    """The effects of the 2x2x2 (`statistics.effects`), None if a cell of it is missing."""
    return pd.DataFrame([dict(each) for each in figures["effects"]]) if figures["effects"] else None


def ledger(figures: Figures) -> str:
    """What reports/claims.csv holds: a line for each claim, with its verdict."""
    lines = pd.DataFrame([dict(each) for each in figures["claims"]])
    return lines[[*CLAIMS]].to_csv(index=False, lineterminator="\n", float_format="%.4g")


CLAIMS = (
    *("id", "section", "claim", "verdict", "ours"),
    *("margin", "p", "command", "test", "needs"),
)
"""The columns of reports/claims.csv."""


def claims(path: Path) -> pd.DataFrame | None:
    """The ledger of claims as text, None where there is none.

    Raises:
        InputError: a file of other columns, or with a verdict that is none.
    """
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as e:  # so are pandas' own errors
        raise InputError(f"{path} is no table: {' '.join(str(e).split())}") from e
    if missing := [name for name in CLAIMS if name not in table]:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}")
    if odd := sorted(set(table["verdict"]) - set(statistics.VERDICTS)):
        raise InputError(f"{path} has a verdict that is none: {odd[0]}")
    return table
