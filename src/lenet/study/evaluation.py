"""The stage `evaluate`: from predictions, and from who wrote the test digits, to all figures."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenet import data, paper, statistics
from lenet.errors import InputError
from lenet.evaluation import REJECTION_TARGET
from lenet.report import caveat, groups
from lenet.results import Figures, Result
from lenet.statistics import Resamples, Writers
from lenet.study import claims

SEED = 1998  # of the bootstrap of rejection
COUNTS = (1, 5, groups.SEEDS)  # of seeds: what so many can show

log = logging.getLogger(__name__)


def known_writers(results: Mapping[str, Result], folder: Path) -> tuple[Writers, Writers] | None:
    """The writers of MNIST's training and test digits; None where results are of other digits, or
    of a small study that they cannot be had for.

    Args:
        results: by experiment.
        folder: where QMNIST's labels are kept when MNIST_ROOT has none.

    Raises:
        Unreachable: the results are those of the full study, which is not evaluated without them.
        InputError: their file is unreadable or altered.
    """
    if not results or any(each.data != "mnist" for each in results.values()):
        return None
    try:
        train, test = data.writers("train", folder), data.writers("test", folder)
    except data.Unreachable as e:
        if not caveat(results.values()):
            raise
        log.warning("Intervals are by digit, since nobody knows the writers: %s", e)
        return None
    if odd := [name for name, each in results.items() if len(each.label) != len(test)]:
        raise InputError(f"results/{odd[0]} is not of MNIST's {len(test):,} test digits")
    return train, test


def evaluate(
    results: Mapping[str, Result],
    writers: tuple[Writers, Writers] | None = None,
    robustness: Mapping[str, Any] | None = None,
    features: Mapping[str, Sequence[float]] | None = None,
) -> Figures:
    """All figures that follow from results.

    Args:
        results: by experiment.
        writers: of the training and the test digits, where they are known.
        robustness: what robustness.json holds.
        features: how alike the maps of C3 are, by row, as `features.load` gives it.
    """
    test = writers and writers[1]
    ledger = claims.judge(claims.Study(results, writers, robustness or {}, features or {}))
    figures: Any = {
        "writers": writers is not None,
        "runs": {
            name: [
                {"seed": run["seed"], **asdict(result.evaluate(number))}
                for number, run in enumerate(result.runs)
            ]
            for name, result in results.items()
        },
        "methods": _methods(results, test, ledger),
        "comparisons": _comparisons(results, test),
        "effects": _effects(results, test),
        **_variance(results, test),
        "claims": [judged.line for judged in ledger],
    }
    return figures


def _methods(
    results: Mapping[str, Result], writers: Writers | None, ledger: list[claims.Judged]
) -> dict[str, Any]:
    verdicts = {each.row: (each.verdict, each.p) for each in ledger if each.row}
    others = [name for name in results if name not in verdicts]
    found = [claims.beside(results[name]) for name in others]
    adjusted: Any = statistics.holm([each.p for each in found]) if found else []
    verdicts |= {
        name: (each.verdict(p), float(p))
        for name, each, p in zip(others, found, adjusted, strict=True)
    }
    draws = _draws(results, writers)
    return {
        name: _method(result, writers, draws[len(result.label)])
        | dict(zip(("verdict", "p"), verdicts[name], strict=True))
        for name, result in results.items()
    }


def _draws(
    results: Mapping[str, Result], writers: Writers | None
) -> dict[int, tuple[Resamples, ...]]:
    """By the number of digits, draws of them and, where they are known, of their writers."""
    return {
        count: tuple(
            Resamples.draw(count, who, np.random.default_rng(SEED))
            for who in ([None] if writers is None else [None, writers])
        )
        for count in {len(result.label) for result in results.values()}
    }


def _method(
    result: Result, writers: Writers | None, draws: tuple[Resamples, ...]
) -> dict[str, Any]:
    by_digit = statistics.mean_error(result.wrong)
    row = paper.ROWS[result.row]
    difference = statistics.beside(result.wrong, row.test_error / 100, paper.TEST_DIGITS)
    interval = difference.interval()
    rejects = [
        statistics.rejection([(result.wrong, result.margin)], (1,), REJECTION_TARGET, draw)
        for draw in draws
    ]
    ends = [
        float(np.clip(end, 0, 1))
        for reject in rejects
        for end in (reject.interval().low, reject.interval().high)
    ]
    known = dict.fromkeys(("writer_low", "writer_high", "students", "employees"))
    if writers is not None:
        by_writer = statistics.mean_error(result.wrong, writers)
        known = {
            "writer_low": by_writer.low,
            "writer_high": by_writer.high,
            "students": float(result.wrong[:, writers.student].mean()),
            "employees": float(result.wrong[:, ~writers.student].mean()),
        }
    return {
        "error": by_digit.mean,
        "low": by_digit.low,
        "high": by_digit.high,
        **known,
        "difference": difference.value,
        "difference_low": interval.low,
        "difference_high": interval.high,
        "reject": rejects[0].value,
        "reject_low": ends[0],
        "reject_high": ends[1],
        "reject_writer_low": ends[2] if writers is not None else None,
        "reject_writer_high": ends[3] if writers is not None else None,
    }


def _comparisons(results: Mapping[str, Result], writers: Writers | None) -> list[Any]:
    """Rows against their second configs, and plain against distorted, on the same test digits."""
    shown = [(name, row) for name, row in groups.experiments(results) if name in results]
    pairs = [(row, name) for name, row in shown if name != row and row in results]
    pairs += [
        (name, groups.DISTORTED[name]) for name, _ in shown if groups.DISTORTED.get(name) in results
    ]
    lines = [_compare(results[a], results[b], writers) for a, b in pairs]
    adjusted: Any = statistics.holm([line["p"] for line in lines]) if lines else []
    return [line | {"p_holm": float(p)} for line, p in zip(lines, adjusted, strict=True)]


def _compare(a: Result, b: Result, writers: Writers | None) -> dict[str, Any]:
    found = vars(statistics.compare(a.wrong, b.wrong, writers))
    about = {"a": a.experiment, "b": b.experiment}
    if writers is None and len(a.runs) == len(b.runs) == 1:
        exact = statistics.mcnemar(a.wrong[0], b.wrong[0])
        return about | found | {"method": "McNemar", "p": exact}
    return about | found | {"method": f"t, by {'digit' if writers is None else 'writer'}"}


def _effects(results: Mapping[str, Result], writers: Writers | None) -> list[Any]:
    """The effects of the 2x2x2; none if a cell of it is missing."""
    cells = groups.CELLS
    if not results.keys() >= set(cells.values()):
        return []
    wrong: list[list[list[NDArray[np.bool_]]]] = [
        [[results[cells[i, j, k]].wrong for k in (0, 1)] for j in (0, 1)] for i in (0, 1)
    ]
    (_, pooling), (_, squashing), (_, output) = groups.FACTORS
    found = statistics.effects(wrong, (pooling, squashing, output), writers)
    return list(found.to_dict("records"))


def _variance(results: Mapping[str, Result], writers: Writers | None) -> dict[str, list[Any]]:
    """Where the variance of an error comes from, and what so many seeds can show; nothing where one
    of the experiments lacks a seed, or nobody knows the writers."""
    found = [results[name] for name in (*groups.OF_SEEDS, groups.CROSSED) if name in results]
    whole = [result for result in found if len(result.runs) == groups.SEEDS]
    if writers is None or len(whole) < len(groups.OF_VARIANCE):
        return {"variance": [], "detectable": []}
    *methods, crossed = [result.wrong for result in whole]
    by_start = crossed.reshape(-1, groups.ORDERS, crossed.shape[1])
    shares = statistics.components(by_start, writers)
    printed = paper.ROWS["lenet5"].test_error / 100, paper.TEST_DIGITS
    return {
        "variance": [
            {"source": name, "share": share.mean, "low": share.low, "high": share.high}
            for name, share in shares.items()
        ],
        "detectable": [
            {
                "seeds": seeds,
                "paper": statistics.detectable(methods[:1], seeds, paper=printed),
                "pair": statistics.detectable(methods, seeds, writers),
            }
            for seeds in COUNTS
        ],
    }
