"""What was found, in sentences. Each is made from results, and left out where they are missing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
from scipy.stats import spearmanr

from lenet import paper
from lenet.evaluation import REJECTION_TARGET
from lenet.report import groups, tables
from lenet.report.figures.errors import (
    misclassified_by_every_seed,
    rank_correlation,
)
from lenet.report.figures.style import quantity
from lenet.results import Result
from lenet.statistics import CONTRADICTED


@dataclass(frozen=True)
class Section:
    """One part of the article.

    Attributes:
        name: its anchor.
        heading: what was found, or what it is about where results are missing.
        sentences: what was found, at more length.
    """

    name: str
    heading: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What there is to tell of, as the functions of `tables` give it.

    Attributes:
        results: of every experiment.
        rows: the rows of Figure 9 by name; measured: those that have results.
        comparisons: of tables.comparisons.
        effects: of tables.effects.
        claims: of tables.claims.
    """

    results: dict[str, Result]
    rows: pd.DataFrame
    measured: pd.DataFrame
    comparisons: pd.DataFrame
    effects: pd.DataFrame | None
    claims: pd.DataFrame | None


HEADINGS = {
    "claimed": f"In 1998 one number each ranked {len(paper.ROWS)} classifiers",
    "holds": "Do the figures hold?",
    "learns": "How LeNet-5 learns",
    "errors": "What it gets wrong",
    "costs": "What an error rate costs",
    "parts": "What each part is worth",
    "writers": "Who wrote the digits",
    "certainty": "How sure one can be",
}
"""The parts of the article in their order, and what they are called where results are missing."""


def answer(table: pd.DataFrame, caveat: str) -> str:
    """Whether the results hold, in a sentence; `table` and `caveat` of `tables`."""
    rows = table[~table["second"]].set_index("row")
    measured = rows[rows["verdict"] != tables.MISSING]
    if caveat or measured.empty:
        return _without_a_verdict(rows, measured, caveat)
    share = (measured["verdict"] != CONTRADICTED).mean()
    words = next(w for least, w in _STAND if share >= least)
    said = f"{words}: {_counted(rows, measured)}"
    if "lenet5" in measured.index:
        row: Any = measured.loc["lenet5"]
        said += (
            f"; LeNet-5 errs on {row.error_mean_pct:.2f} % of the test digits "
            f"({row.ci_low_pct:.2f} to {row.ci_high_pct:.2f}) where the paper says "
            f"{row.paper_error_pct:.2f}"
        )
    return f"{said}."


_STAND = (
    *((1, "All of them stand"), (2 / 3, "Most of them stand")),
    *((1 / 3, "Some of them stand"), (0, "Few of them stand")),
)


def _counted(rows: pd.DataFrame, measured: pd.DataFrame) -> str:
    counts = tables.verdicts(measured.reset_index())
    tried = " that were tried" if len(measured) < len(rows) else ""
    return f"of the {len(measured)} figures{tried}, {tables.told(counts)}"


def _without_a_verdict(rows: pd.DataFrame, measured: pd.DataFrame, caveat: str) -> str:
    if caveat == tables.STAND_IN:
        return (
            f"The digits are a stand-in: {len(measured)} of the {len(rows)} rows were trained to "
            "see that everything works, and nothing here says anything about MNIST or the paper."
        )
    if caveat == tables.SMALL:
        return (
            f"The study is a small one: {len(measured)} of the {len(rows)} rows were trained to "
            "see that everything works, and nothing here says whether the paper's figures hold."
        )
    return "No row of Figure 9 has results yet."


def article(
    results: dict[str, Result],
    table: pd.DataFrame,
    comparisons: pd.DataFrame,
    effects: pd.DataFrame | None,
    claims: pd.DataFrame | None,
) -> list[Section]:
    """The parts of the article in their order; of a stand-in or a small study without a finding.

    Args:
        results: of every experiment.
        table: of tables.rows; where it knows the writers of digits there is a part on them.
        comparisons: of tables.comparisons.
        effects: of tables.effects.
        claims: of tables.claims.
    """
    rows = table[~table["second"]].set_index("row")
    measured = rows[rows["verdict"] != tables.MISSING]
    found = Found(results, rows, measured, comparisons, effects, claims)
    silent = bool(tables.caveat(results.values())) or measured.empty
    parts = []
    for name, heading in HEADINGS.items():
        if name == "writers" and table["students_pct"].isna().all():
            continue
        said = tuple(_SENTENCES[name](found)) if name == "claimed" or not silent else ()
        own = None if silent else next(_HEADINGS.get(name, lambda _: iter(()))(found), None)
        parts.append(Section(name, own or heading, said))
    return parts


def _claimed(_: Found) -> Iterator[str]:
    by_error = sorted(paper.ROWS.values(), key=lambda row: row.test_error)
    lenet5, dist = paper.ROWS["lenet5"], paper.ROWS["lenet5_dist"]
    yield (
        f"“Gradient-Based Learning Applied to Document Recognition” compares {len(paper.ROWS)} "
        "classifiers of handwritten digits in its Figure 9, each by one test error: "
        f"{by_error[0].label} errs least, on {by_error[0].test_error:.2f} %; LeNet-5, a net of "
        f"{paper.LENET5_PARAMETERS:,} trainable parameters, on {lenet5.test_error:.2f} %, on "
        f"{dist.test_error:.2f} % with distorted training digits."
    )
    yield (
        "Here each of them is trained again on the same digits, in the paper's way as far as it is "
        "told, most of them with several seeds: do the figures hold, how sure can one be of them, "
        "and what would today's methods have changed?"
    )


def _chain(*parts: Callable[[Found], Iterable[str]]) -> Callable[[Found], Iterator[str]]:
    return lambda found: (sentence for part in parts for sentence in part(found))


def _verdicts(found: Found) -> Iterator[str]:
    rows, measured = found.rows, found.measured
    counts = tables.verdicts(measured.reset_index())
    missing = len(rows) - len(measured)
    trained = (
        f"Of the {len(rows)} rows of Figure 9, {len(measured)}"
        if missing
        else f"All {len(rows)} rows of Figure 9"
    )
    yield (
        f"{trained} were trained{f', {missing} are missing' if missing else ''}: "
        f"of the paper's figures for them, {tables.told(counts)}."
    )


def _ledger(found: Found) -> Iterator[str]:
    if found.claims is None:
        return
    others = found.claims[~found.claims["id"].str.startswith("9/")]  # rows are counted above
    counts = Counter(others["verdict"])
    yield f"Of {len(others)} other claims of the paper, {tables.told(counts)}."


def _lenet5(found: Found) -> Iterator[str]:
    measured = found.measured
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
                f"the paper's {row.paper_error_pct:.2f} {tables.TOLD[row.verdict][0]}."
            )


def _order(found: Found) -> Iterator[str]:
    measured = found.measured
    if len(measured) < 3:
        return
    best = measured.sort_values("error_mean_pct").iloc[0]
    alike = spearmanr(measured["error_mean_pct"], measured["paper_error_pct"]).statistic
    yield (
        f"The least error has {best.label} with {best.error_mean_pct:.2f} %; the order of the "
        f"{len(measured)} rows is the paper's to a rank correlation of {alike:.2f}."
    )


def _modern(found: Found) -> Iterator[str]:
    for row in _pairs(found.comparisons, lambda row: (row.a, row.b) == ("lenet5", "lenet5_modern")):
        side = "more" if row.difference_pct > 0 else "less"
        yield (
            "The net and recipe of 1998 err on "
            f"{abs(row.difference_pct):.2f} points {side} than those that are taught today "
            f"({row.low_pct:+.2f} to {row.high_pct:+.2f}): {_clear(row.p_holm)}."
        )


def _distortions(found: Found) -> Iterator[str]:
    pairs = _pairs(found.comparisons, lambda row: row.b == groups.DISTORTED.get(row.a))
    if pairs:
        lower = [row for row in pairs if row.difference_pct > 0]
        clear = [row for row in lower if row.p_holm < 0.05]
        best = max(pairs, key=lambda row: row.difference_pct)
        yield (
            f"Distorted training digits lower the error of {len(lower)} of {len(pairs)} "
            f"classifiers, of {len(clear)} beyond chance (p < 0.05 after Holm's correction); most "
            f"that of {best.label_a}, by {best.difference_pct:.2f} points."
        )


def _sizes(found: Found) -> Iterator[str]:
    results = found.results
    sizes = groups.SIZES["lenet5"]
    if all(name in results for name in sizes):
        said = [f"{100 * results[n].errors.mean():.2f} % with {s:,}" for n, s in sizes.items()]
        yield (
            f"The more training digits, the better: LeNet-5 errs on {', '.join(said)}."
            if _falling([results[name].errors.mean() for name in sizes])
            else f"By training set size LeNet-5 errs on {', '.join(said)}."
        )


def _ablation(found: Found) -> Iterator[str]:
    effects = found.effects
    if effects is not None:
        main = effects.iloc[: len(groups.FACTORS)]
        row = main.sort_values("difference", key=abs).iloc[-1]
        yield (
            f"In the 2x2x2 the largest main effect is that of {row.effect}: "
            f"{100 * row.difference:+.2f} points ({100 * row.low:+.2f} to {100 * row.high:+.2f}); "
            f"{int((effects['p_holm'] < 0.05).sum())} of {len(effects)} effects are beyond chance."
        )


def _literal(found: Found) -> Iterator[str]:
    if groups.LITERAL in found.results:
        errors = 100 * found.results[groups.LITERAL].errors
        yield (
            "Taken to the letter, the text's initial range and rates end between "
            f"{errors.min():.1f} and {errors.max():.1f} % error ({_seeds(len(errors))})."
        )


def _misclassified(found: Found) -> Iterator[str]:
    if "lenet5_dist" in found.results:
        result = found.results["lenet5_dist"]
        count = misclassified_by_every_seed(result)
        alike = rank_correlation(result.pairs)
        yield (
            f"Every seed of [dist] LeNet-5 misses the same {count} digits; "
            f"which class it takes for which resembles the paper's Figure 8 "
            f"with a rank correlation of {alike:.2f}."
        )


def _rejection(found: Found) -> Iterator[str]:
    best = found.measured.sort_values("reject_pct").iloc[0]
    yield (
        f"For {100 * REJECTION_TARGET:g} % error on the rest, {best.label} has to reject least: "
        f"{best.reject_pct:.1f} % of the digits."
    )


def _cost(found: Found) -> Iterator[str]:
    good = found.measured[found.measured["error_mean_pct"] < 1].sort_values("macs")
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


def _writers(found: Found) -> Iterator[str]:
    rows = found.measured.dropna(subset=["students_pct", "employees_pct"])
    if rows.empty:
        return
    harder = int((rows["students_pct"] > rows["employees_pct"]).sum())
    wider = (rows["ci_writer_high_pct"] - rows["ci_writer_low_pct"]) / (
        rows["ci_high_pct"] - rows["ci_low_pct"]
    )
    yield (
        f"Half of the test digits were written by students, half by employees of the Census "
        f"Bureau: {harder} of {len(rows)} rows err more on the students'."
    )
    yield (
        "Digits of one writer are alike, so they say less than as many digits of as many writers: "
        f"counted by writer, intervals are {wider.min():.1f} to {wider.max():.1f} times as wide."
    )


def _seeds_and_digits(found: Found) -> Iterator[str]:
    if "lenet5" in found.results:
        errors, row = 100 * found.results["lenet5"].errors, found.measured.loc["lenet5"]
        yield (
            f"The {_seeds(len(errors))} of LeNet-5 err on {errors.min():.2f} to "
            f"{errors.max():.2f} %, and its interval, which counts the draw of the test digits, "
            f"too, is from {row.ci_low_pct:.2f} to {row.ci_high_pct:.2f}."
        )
    if len(found.comparisons):
        clear = int((found.comparisons["p_holm"] < 0.05).sum())
        yield (
            f"Of {len(found.comparisons)} pairs that are compared on the same test digits, "
            f"{clear} differ beyond chance (p < 0.05 after Holm's correction)."
        )


def _verdict_heading(found: Found) -> Iterator[str]:
    counted = _counted(found.rows, found.measured)
    yield counted[0].upper() + counted[1:]


def _learning_heading(found: Found) -> Iterator[str]:
    sizes = groups.SIZES["lenet5"]
    if all(name in found.results for name in sizes):
        errors = [100 * found.results[name].errors.mean() for name in sizes]
        digits = list(sizes.values())
        yield (
            f"From {digits[0]:,} to {digits[-1]:,} digits the error of LeNet-5 goes from "
            f"{errors[0]:.2f} to {errors[-1]:.2f} %"
        )


def _errors_heading(found: Found) -> Iterator[str]:
    if "lenet5_dist" in found.results:
        count = misclassified_by_every_seed(found.results["lenet5_dist"])
        yield f"The same {count} digits are missed by every seed"


def _cost_heading(found: Found) -> Iterator[str]:
    good = found.measured[found.measured["error_mean_pct"] < 1].sort_values("macs")
    if len(good):
        first = good.iloc[0]
        yield f"{first.label} is the cheapest of {len(good)} rows below 1 % error"


def _parts_heading(found: Found) -> Iterator[str]:
    for row in _pairs(found.comparisons, lambda row: (row.a, row.b) == ("lenet5", "lenet5_modern")):
        yield (
            f"Between the net of 1998 and today's lie {abs(row.difference_pct):.2f} points: "
            f"{_clear(row.p_holm)}"
        )


def _writers_heading(found: Found) -> Iterator[str]:
    if "lenet5" in found.measured.index:
        row: Any = found.measured.loc["lenet5"]
        yield (
            f"LeNet-5 errs on {row.students_pct:.2f} % of the digits of students, on "
            f"{row.employees_pct:.2f} % of those of employees"
        )


def _certainty_heading(found: Found) -> Iterator[str]:
    if "lenet5" in found.measured.index:
        row: Any = found.measured.loc["lenet5"]
        width = row.ci_high_pct - row.ci_low_pct
        yield f"An error of {row.error_mean_pct:.2f} % is known to within {width:.2f} points"


_SENTENCES: dict[str, Callable[[Found], Iterator[str]]] = {
    "claimed": _claimed,
    "holds": _chain(_verdicts, _ledger, _lenet5, _order),
    "learns": _chain(_sizes, _distortions, _literal),
    "errors": _misclassified,
    "costs": _chain(_cost, _rejection),
    "parts": _chain(_modern, _ablation),
    "writers": _writers,
    "certainty": _seeds_and_digits,
}
_HEADINGS: dict[str, Callable[[Found], Iterator[str]]] = {
    "holds": _verdict_heading,
    "learns": _learning_heading,
    "errors": _errors_heading,
    "costs": _cost_heading,
    "parts": _parts_heading,
    "writers": _writers_heading,
    "certainty": _certainty_heading,
}
