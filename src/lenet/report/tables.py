"""From results to tables: Figure 9 and what is compared with what. Errors in per cent."""

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from lenet import paper, statistics
from lenet.errors import InputError
from lenet.report import groups
from lenet.results import Figures, Result

SEED, RESAMPLES = 1998, 10_000  # of every bootstrap in the report

CSV = (
    *("row", "paper_error_pct", "error_mean_pct", "ci_low_pct", "ci_high_pct", "seeds", "verdict"),
    *("reject_pct", "macs", "memory", "seconds"),
)
"""The columns of reports/results.csv."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run

MISSING, STAND_IN, SMALL = "missing", "stand-in", "small"
FULL = "full"  # the profile of params.yaml that is the study


def caveat(results: Iterable[Result]) -> str:
    """Why results say nothing about the paper: `STAND_IN`, if any digits were not MNIST's, else
    `SMALL`, if any were trained by another profile than the full one, else nothing."""
    results = list(results)
    if any(result.data != "mnist" for result in results):
        return STAND_IN
    return SMALL if any(result.profile != FULL for result in results) else ""


def rows(results: dict[str, Result], figures: Figures) -> pd.DataFrame:
    """The 27 rows of Figure 9 in the paper's order, second configs below their rows.

    Args:
        results: by experiment.
        figures: of their runs, as `lenet.results.evaluate_all` gives them.

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
        for name, row in _experiments(results)
    ]
    counts = dict.fromkeys(("seeds", "macs", "memory"), "Int64")
    return pd.DataFrame(lines).astype(counts)


def _experiments(results: dict[str, Result]) -> list[tuple[str, str]]:
    """Every row of Figure 9, trained or not, and its second configs below it: experiment, row."""
    return [
        (name, row) for row in paper.ROWS for name in (row, *groups.second_configs(results, row))
    ]


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
        measured = (
            *("error_mean_pct", "ci_low_pct", "ci_high_pct", "difference_pct"),
            *("difference_low_pct", "difference_high_pct", "reject_pct", "seconds"),
        )
        counted = {"seeds": 0, "macs": None, "memory": None, "verdict": MISSING, "runs": ()}
        return printed | dict.fromkeys(measured, np.nan) | counted
    ours = statistics.mean_error(result.wrong)
    verdict = statistics.verdict(
        ours, row.test_error / 100, paper.TEST_DIGITS, paper.UNCERTAINTY / 100
    )
    metrics = pd.DataFrame([run["metrics"] for run in result.runs])
    return printed | {
        "error_mean_pct": 100 * ours.mean,
        "ci_low_pct": 100 * ours.low,
        "ci_high_pct": 100 * ours.high,
        "difference_pct": 100 * verdict.difference,
        "difference_low_pct": 100 * verdict.low,
        "difference_high_pct": 100 * verdict.high,
        "seeds": len(result.runs),
        "verdict": caveat([result]) or verdict.name,
        "reject_pct": 100 * pd.DataFrame(figures[name])["reject"].mean(),
        "macs": round(metrics["macs"].mean()),
        "memory": round(metrics["variables"].mean()),
        "seconds": result.seconds.sum(),
        "runs": tuple(run["run"] for run in result.runs),
    }


def csv(table: pd.DataFrame) -> str:
    """What reports/results.csv holds of `rows`; a spreadsheet takes no name for a formula."""
    lines = table[list(CSV)].round(4)
    names = lines["row"].where(~lines["row"].str.startswith(FORMULA), "'" + lines["row"])
    return lines.assign(row=names).to_csv(index=False, lineterminator="\n")


def verdicts(table: pd.DataFrame) -> dict[str, int]:
    """How many of the 27 rows came to each verdict; second configs do not count."""
    counts = table.loc[~table["second"], "verdict"].value_counts()
    names = ("reproduced", "better", "worse", STAND_IN, SMALL, MISSING)
    return {name: int(counts[name]) for name in names if name in counts}


def metrics(table: pd.DataFrame) -> dict:
    """The study's figures for `dvc metrics`: each experiment of `rows`, and verdict counts."""
    measured = table[table["verdict"] != MISSING].set_index("row").round(4)
    figures = measured[["error_mean_pct", "ci_low_pct", "ci_high_pct"]]
    return {"rows": figures.to_dict("index"), "verdicts": verdicts(table)}


def comparisons(results: dict[str, Result]) -> pd.DataFrame:
    """Rows against their second configs, and plain against distorted, on the same test digits.

    Returns:
        Columns a, b, label_a, label_b, seeds_a, seeds_b, difference_pct (a minus b), low_pct,
        high_pct (paired bootstrap over digits and seeds), method, p, p_holm. Two single runs are
        told apart by McNemar's test, others by the bootstrap.
    """
    shown = [(name, row) for name, row in _experiments(results) if name in results]
    pairs = [(row, name) for name, row in shown if name != row and row in results]
    pairs += [
        (name, groups.DISTORTED[name]) for name, _ in shown if groups.DISTORTED.get(name) in results
    ]
    lines = [_compare(results[a], results[b]) for a, b in pairs]
    table = pd.DataFrame(lines)
    return table.assign(p_holm=statistics.holm(table["p"].to_numpy())) if lines else table


def _compare(a: Result, b: Result) -> dict:
    generator = np.random.default_rng(SEED)
    found = statistics.paired_bootstrap(a.wrong, b.wrong, generator, RESAMPLES)
    single = len(a.runs) == len(b.runs) == 1
    return {
        "a": a.experiment,
        "b": b.experiment,
        "label_a": groups.label(a.experiment, a.row),
        "label_b": groups.label(b.experiment, b.row),
        "seeds_a": len(a.runs),
        "seeds_b": len(b.runs),
        "difference_pct": 100 * found.difference,
        "low_pct": 100 * found.low,
        "high_pct": 100 * found.high,
        "method": "McNemar" if single else "bootstrap",
        "p": statistics.mcnemar(a.wrong[0], b.wrong[0]) if single else found.p,
    }


def ablation(results: dict[str, Result]) -> pd.DataFrame | None:
    """The effects of the 2x2x2 (`statistics.effects`), None if a cell of it is missing."""
    cells = groups.CELLS
    if not results.keys() >= set(cells.values()):
        return None
    wrong = [[[results[cells[i, j, k]].wrong for k in (0, 1)] for j in (0, 1)] for i in (0, 1)]
    (_, pooling), (_, squashing), (_, output) = groups.FACTORS
    generator = np.random.default_rng(SEED)
    return statistics.effects(wrong, (pooling, squashing, output), generator, RESAMPLES)


CLAIMS = ("id", "section", "claim", "verdict", "ours", "margin", "p", "command")
"""The columns of reports/claims.csv."""


def claims(path: Path) -> pd.DataFrame | None:
    """The ledger of claims as text, None where there is none.

    Raises:
        InputError: a file of other columns.
    """
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as e:  # so are pandas' own errors
        raise InputError(f"{path} is no table: {' '.join(str(e).split())}") from e
    if missing := [name for name in CLAIMS if name not in table]:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}")
    return table
