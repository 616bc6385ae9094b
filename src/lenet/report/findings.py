"""What was found, in sentences. Each is made from results, and left out where they are missing."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pandas as pd
from scipy.stats import spearmanr

from lenet.evaluation import REJECTION_TARGET
from lenet.report import groups, tables
from lenet.report.figures.errors import (
    misclassified_by_every_seed,
    rank_correlation,
)
from lenet.report.figures.style import quantity
from lenet.results import Result
from lenet.statistics import VERDICTS


def findings(
    results: dict[str, Result],
    table: pd.DataFrame,
    comparisons: pd.DataFrame,
    effects: pd.DataFrame | None,
) -> list[str]:
    """About ten lines; of a stand-in or a small study only what there is.

    Args:
        results: of every experiment.
        table: of tables.rows.
        comparisons: of tables.comparisons.
        effects: of tables.effects.
    """
    rows = table[~table["second"]].set_index("row")
    measured = rows[rows["verdict"] != tables.MISSING]
    caveat = tables.caveat(results.values())
    if caveat == tables.STAND_IN:
        return [
            f"The digits are a stand-in: {len(measured)} of the {len(rows)} rows were trained to "
            "see that everything works, and nothing here says anything about MNIST or the paper."
        ]
    if caveat == tables.SMALL:
        return [
            f"The study is a small one: {len(measured)} of the {len(rows)} rows were trained to "
            "see that everything works, and nothing here says whether the paper's figures hold."
        ]
    if measured.empty:
        return ["No row of Figure 9 has results yet."]
    return [
        *_verdicts(rows, measured),
        *_lenet5(measured),
        *_order(measured),
        *_modern(comparisons),
        *_distortions(comparisons),
        *_sizes(results),
        *_ablation(effects),
        *_literal(results),
        *_misclassified(results),
        *_rejection(measured),
        *_cost(measured),
    ]


def _verdicts(rows: pd.DataFrame, measured: pd.DataFrame) -> Iterator[str]:
    counts = tables.verdicts(rows.reset_index())
    said = [f"{counts[name]} {name}" for name in VERDICTS if name in counts]
    missing = counts.get(tables.MISSING, 0)
    trained = (
        f"Of the {len(rows)} rows of Figure 9, {len(measured)}"
        if missing
        else f"All {len(rows)} rows of Figure 9"
    )
    yield (
        f"{trained} were trained: {', '.join(said)} "
        f"beside the paper{f'; {missing} are missing' if missing else ''}."
    )


def _lenet5(measured: pd.DataFrame) -> Iterator[str]:
    for name, how in (("lenet5", "trained as in 1998"), ("lenet5_dist", "on distorted digits")):
        if name in measured.index:
            row: Any = measured.loc[name]
            known = not pd.isna(row.ci_writer_low_pct)
            low, high, by = (
                (row.ci_writer_low_pct, row.ci_writer_high_pct, "writer")
                if known
                else (row.ci_low_pct, row.ci_high_pct, "digit")
            )
            yield (
                f"LeNet-5, {how}, errs on {row.error_mean_pct:.2f} % of the test digits (95 % "
                f"interval by {by} {low:.2f} to {high:.2f}, {_seeds(row.seeds)}); "
                f"the paper says {row.paper_error_pct:.2f}: {row.verdict}."
            )


def _order(measured: pd.DataFrame) -> Iterator[str]:
    if len(measured) < 3:
        return
    best = measured.sort_values("error_mean_pct").iloc[0]
    alike = spearmanr(measured["error_mean_pct"], measured["paper_error_pct"]).statistic
    yield (
        f"The least error has {best.label} with {best.error_mean_pct:.2f} %; the order of the "
        f"{len(measured)} rows is the paper's to a rank correlation of {alike:.2f}."
    )


def _modern(comparisons: pd.DataFrame) -> Iterator[str]:
    for row in _pairs(comparisons, lambda row: (row.a, row.b) == ("lenet5", "lenet5_modern")):
        side = "more" if row.difference_pct > 0 else "less"
        yield (
            "The net and recipe of 1998 err on "
            f"{abs(row.difference_pct):.2f} points {side} than those that are taught today "
            f"({row.low_pct:+.2f} to {row.high_pct:+.2f}): {_clear(row.p_holm)}."
        )


def _distortions(comparisons: pd.DataFrame) -> Iterator[str]:
    pairs = _pairs(comparisons, lambda row: row.b == groups.DISTORTED.get(row.a))
    if pairs:
        lower = [row for row in pairs if row.difference_pct > 0]
        clear = [row for row in lower if row.p_holm < 0.05]
        best = max(pairs, key=lambda row: row.difference_pct)
        yield (
            f"Distorted training digits lower the error of {len(lower)} of {len(pairs)} "
            f"classifiers, of {len(clear)} beyond chance (p < 0.05 after Holm's correction); most "
            f"that of {best.label_a}, by {best.difference_pct:.2f} points."
        )


def _sizes(results: dict[str, Result]) -> Iterator[str]:
    sizes = groups.SIZES["lenet5"]
    if all(name in results for name in sizes):
        said = [f"{100 * results[n].errors.mean():.2f} % with {s:,}" for n, s in sizes.items()]
        yield (
            f"The more training digits, the better: LeNet-5 errs on {', '.join(said)}."
            if _falling([results[name].errors.mean() for name in sizes])
            else f"By training set size LeNet-5 errs on {', '.join(said)}."
        )


def _ablation(effects: pd.DataFrame | None) -> Iterator[str]:
    if effects is not None:
        main = effects.iloc[: len(groups.FACTORS)]
        row = main.sort_values("difference", key=abs).iloc[-1]
        yield (
            f"In the 2x2x2 the largest main effect is that of {row.effect}: "
            f"{100 * row.difference:+.2f} points ({100 * row.low:+.2f} to {100 * row.high:+.2f}); "
            f"{int((effects['p_holm'] < 0.05).sum())} of {len(effects)} effects are beyond chance."
        )


def _literal(results: dict[str, Result]) -> Iterator[str]:
    if groups.LITERAL in results:
        errors = 100 * results[groups.LITERAL].errors
        yield (
            "Taken to the letter, the text's initial range and rates end between "
            f"{errors.min():.1f} and {errors.max():.1f} % error ({_seeds(len(errors))})."
        )


def _misclassified(results: dict[str, Result]) -> Iterator[str]:
    if "lenet5_dist" in results:
        result = results["lenet5_dist"]
        count = misclassified_by_every_seed(result)
        alike = rank_correlation(result.pairs)
        yield (
            f"Every seed of [dist] LeNet-5 misses the same {count} digits; "
            f"which class it takes for which resembles the paper's Figure 8 "
            f"with a rank correlation of {alike:.2f}."
        )


def _rejection(measured: pd.DataFrame) -> Iterator[str]:
    best = measured.sort_values("reject_pct").iloc[0]
    yield (
        f"For {100 * REJECTION_TARGET:g} % error on the rest, {best.label} has to reject least: "
        f"{best.reject_pct:.1f} % of the digits."
    )


def _cost(measured: pd.DataFrame) -> Iterator[str]:
    good = measured[measured["error_mean_pct"] < 1].sort_values("macs")
    if len(good) > 1:
        first, last = good.iloc[0], good.iloc[-1]
        yield (
            f"Of {len(good)} rows below 1 % error, {first.label} is the cheapest with "
            f"{quantity(first.macs)} multiply-accumulates a digit; {last.label} takes "
            f"{last.macs / first.macs:.0f} times as many."
        )


def _pairs(comparisons: pd.DataFrame, wanted: Callable[[Any], bool]) -> list[Any]:
    return [row for row in comparisons.itertuples() if wanted(row)]


def _falling(values: list[float]) -> bool:
    return all(a > b for a, b in pairwise(values))


def _clear(p: float) -> str:
    return "beyond chance" if p < 0.05 else "no more than chance would give"


def _seeds(count: int) -> str:
    return "one training" if count == 1 else f"{count} seeds"
