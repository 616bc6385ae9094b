"""How claims ask results: each function here makes one that turns a study into a `Finding`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenet import paper, statistics
from lenet.evaluation import REJECTION_TARGET
from lenet.results import Result
from lenet.statistics import Estimate, Evidence, Resamples, Writers
from lenet.study.claims import margins

SEED = 1998  # of the bootstrap of rejection
TOLD = 4  # parts of a claim whose figures are all told


class Untestable(Exception):
    """A claim that these results cannot test; the message is what it would need."""


@dataclass(frozen=True)
class Study:
    """What claims are held against.

    Attributes:
        results: by experiment.
        writers: of the training and the test digits, None where they are not known.
        robustness: what robustness.json holds, {} where it is not there.
        features: of a row, for each seed, how alike the maps of C3 are; {} where it was not asked.
        asked: the experiments that were asked for.
    """

    results: Mapping[str, Result]
    writers: tuple[Writers, Writers] | None
    robustness: Mapping[str, Any]
    features: Mapping[str, Sequence[float]] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Result:
        """The results of an experiment.

        Raises:
            Untestable: there are none.
        """
        self.asked[name] = None
        if name not in self.results:
            raise Untestable(f"the experiment {name}")
        return self.results[name]

    def cost(self, name: str, metric: str) -> float:
        """The mean of a metric over an experiment's runs.

        Raises:
            Untestable: it was not taken.
        """
        values = [run["metrics"].get(metric) for run in self[name].runs]
        if None in values:
            raise Untestable(f"{metric} of {name}")
        return float(np.mean(values))

    def curve(self, name: str, metric: str, passes: int) -> NDArray[np.float64]:
        """(S, passes) of a metric that was taken each pass, at least so often.

        Raises:
            Untestable: it was not.
        """
        curves = [run["curves"].get(metric, []) for run in self[name].runs]
        if len(curves) < 2 or min(map(len, curves)) < passes:
            raise Untestable(f"{metric} in {passes} passes of several seeds of {name}")
        return np.array(curves, dtype=float)

    @property
    def train(self) -> Writers:
        """The writers of the training digits."""
        return self._writers[0]

    @property
    def test(self) -> Writers:
        """The writers of the test digits."""
        return self._writers[1]

    @property
    def _writers(self) -> tuple[Writers, Writers]:
        if self.writers is None:
            raise Untestable("who wrote the digits")
        return self.writers

    @cached_property
    def resamples(self) -> Resamples:
        """Draws of the test digits' writers."""
        return Resamples.draw(len(self.test), self.test, np.random.default_rng(SEED))


@dataclass(frozen=True)
class Finding:
    """What results say of a claim.

    Attributes:
        ours, margin, test: in words.
        evidence: in p values.
        equals: the margin of a claim of equivalence on test digits, else 0.
        unit: of a hundredth of what is estimated.
    """

    ours: str
    margin: str
    test: str
    evidence: Evidence
    equals: float = 0.0
    unit: str = "points"


Asking = Callable[[Study], Finding]


def every(*parts: Asking) -> Asking:
    """Several claims in one: it holds if all do, is contradicted if any is."""

    def ask(study: Study) -> Finding:
        found = [part(study) for part in parts]
        ours = "; ".join(each.ours for each in found)
        if len(found) > TOLD:
            weakest = max(found, key=lambda each: each.evidence.holds)
            ours = f"of {len(found)} the one that shows it least: {weakest.ours}"
        return Finding(
            ours,
            "; ".join(dict.fromkeys(each.margin for each in found)),
            "; ".join(dict.fromkeys(each.test for each in found)),
            statistics.every(each.evidence for each in found),
        )

    return ask


def errs(row: str, percent: float | None = None) -> Asking:
    """A row errs on so many per cent of the test digits; None is the figure of Figure 9."""

    def ask(study: Study) -> Finding:
        result = study[row]
        target = paper.ROWS[result.row].test_error if percent is None else percent
        found = statistics.beside(result.wrong, target / 100, paper.TEST_DIGITS)
        return Finding(
            f"{row} {_percent(result.errors.mean())}, paper {target:g} %",
            _points(margins.FIGURE),
            "two one-sided tests",
            statistics.within(found, margins.FIGURE),
            margins.FIGURE,
        )

    return ask


def beside(result: Result) -> Evidence:
    """Of one result beside the figure of its row."""
    target = paper.ROWS[result.row].test_error / 100
    found = statistics.beside(result.wrong, target, paper.TEST_DIGITS)
    return statistics.within(found, margins.FIGURE)


def less(a: str, b: str, by: float = 0.0) -> Asking:
    """a errs less than b, by more than so much; below 0: not more than b by so much or more."""

    def ask(study: Study) -> Finding:
        found = statistics.estimate([study[a].wrong, study[b].wrong], (1, -1), study.test)
        return Finding(
            _difference(a, b, found),
            f"by more than {_points(by, '')}"
            if by > 0
            else f"at most {_points(-by, '')} more"
            if by < 0
            else "any order",
            "paired t, by writer",
            statistics.below(found, -by),
        )

    return ask


def in_order(*rows: str) -> Asking:
    """Each of some rows errs less than the next."""
    return every(*(less(a, b) for a, b in pairwise(rows)))


def not_below(a: str, b: str, by: float) -> Asking:
    """a does not err less than b by so much or more."""

    def ask(study: Study) -> Finding:
        found = statistics.estimate([study[b].wrong, study[a].wrong], (1, -1), study.test)
        return Finding(
            _difference(b, a, found),
            f"less than {_points(by, '')} better",
            "paired t, by writer",
            statistics.below(found, by),
        )

    return ask


def alike(a: str, b: str, margin: float = margins.ALIKE) -> Asking:
    """The errors of two differ by less than a margin."""

    def ask(study: Study) -> Finding:
        found = statistics.estimate([study[a].wrong, study[b].wrong], (1, -1), study.test)
        return Finding(
            _difference(a, b, found),
            _points(margin),
            "two one-sided paired t, by writer",
            statistics.within(found, margin),
            margin,
        )

    return ask


def rejects_less(a: str, b: str) -> Asking:
    """a has to reject less than b for the same error on the rest."""

    def ask(study: Study) -> Finding:
        groups = [(study[name].wrong, study[name].margin) for name in (a, b)]
        found = statistics.rejection(groups, (1, -1), REJECTION_TARGET, study.resamples)
        return Finding(
            _difference(a, b, found, "rejection "),
            "any order",
            "paired bootstrap, by writer",
            statistics.below(found),
        )

    return ask


def about(
    what: str, value: Callable[[Study], float], target: float, factor: float = margins.ABOUT
) -> Asking:
    """Something that is counted is a target, to a factor."""

    def ask(study: Study) -> Finding:
        ours = value(study)
        true = abs(log(ours / target)) <= log(factor)
        words = f"{what} {_number(ours)}, paper {_number(target)}"
        return Finding(words, f"a factor of {factor:g}", "count", statistics.counted(true))

    return ask


def exactly(what: str, value: Callable[[Study], float], target: float, by: float = 0) -> Asking:
    """Something that is counted is a target, give or take so much."""

    def ask(study: Study) -> Finding:
        ours = value(study)
        words = f"{what} {_number(ours)}, paper {_number(target)}"
        true = abs(ours - target) <= by
        return Finding(words, f"±{_number(by)}", "count", statistics.counted(true))

    return ask


def at_most(what: str, value: Callable[[Study], float], bound: float) -> Asking:
    """Something that is counted is not above a bound."""

    def ask(study: Study) -> Finding:
        ours = value(study)
        return Finding(
            f"{what} {_number(ours)}",
            f"at most {_number(bound)}",
            "count",
            statistics.counted(ours <= bound),
        )

    return ask


def far_below(what: str, low: Sequence[str], high: Sequence[str], metric: str) -> Asking:
    """A metric of every row of the first is far below that of every row of the second."""

    def ask(study: Study) -> Finding:
        most = max(study.cost(row, metric) for row in low)
        least = min(study.cost(row, metric) for row in high)
        return Finding(
            f"{what} at most {_number(most)} and at least {_number(least)}",
            f"a factor of {margins.FAR:g}",
            "count",
            statistics.counted(most * margins.FAR <= least),
        )

    return ask


def ratio(a: str, b: str, metric: str = "macs") -> Callable[[Study], float]:
    """A metric of a over that of b."""
    return lambda study: study.cost(a, metric) / study.cost(b, metric)


def easier_by_employees(rows: Iterable[str]) -> Asking:
    """Of every row the error on employees' digits is below that on students'."""

    def one(row: str) -> Asking:
        def ask(study: Study) -> Finding:
            found = statistics.students_less_employees(study[row].wrong, study.test)
            words = f"{row} {100 * found.value:+.2f} points on students' digits"
            flipped = Estimate(-found.value, found.variance, found.freedom)
            return Finding(words, "any order", "t, by writer", statistics.below(flipped))

        return ask

    return every(*map(one, rows))


def reads(change: str, low: float, high: float, row: str = "lenet5") -> Asking:
    """A net reads digits right that are changed by anything between two values, as far as they stay
    in the picture."""

    def ask(study: Study) -> Finding:
        study.asked[row] = None
        if row not in study.robustness.get("classifiers", {}):
            raise Untestable(f"{row} in the stage pictures")
        reader, ink = study.robustness["classifiers"][row], study.robustness["ink"].get(change)
        curve = {v: e for v, e in reader["curves"][change] if low <= v <= high}
        kept = dict(ink) if ink else dict.fromkeys(curve, 1.0)
        seen = {value: error for value, error in curve.items() if kept[value] >= margins.INK}
        worst = max(seen, key=lambda value: seen[value])
        evidence = statistics.every(
            statistics.below(_of_share(error, reader["digits"]), margins.READ)
            for error in seen.values()
        )
        lost = sorted(curve.keys() - seen.keys())
        if lost:  # it cannot hold of what was not seen
            evidence = Evidence(1.0, evidence.contradicted, evidence.estimate)
        words = f"{_percent(seen[worst])} wrong at {worst:.3g}"
        if lost:
            words += f"; out of the picture at {', '.join(f'{value:.3g}' for value in lost)}"
        return Finding(words, f"at most {100 * margins.READ:g} % wrong", "t, by digit", evidence)

    return ask


def _of_share(share: float, count: int) -> Estimate:
    return Estimate(share, share * (1 - share) / count, count - 1)


def of_seeds(found: Estimate, words: str, margin: float, rise: bool = False) -> Finding:
    """What seeds' curves say, within a margin, or rising by no more than it."""
    evidence = statistics.below(found, margin) if rise else statistics.within(found, margin)
    limit = f"at most {_points(margin, '+')}" if rise else _points(margin)
    return Finding(words, limit, "t over seeds", evidence)


def _difference(a: str, b: str, found: Estimate, what: str = "") -> str:
    interval = found.interval()
    ends = f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"
    return f"{what}{a} less {b} {100 * found.value:+.2f} points ({ends})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _points(share: float, sign: str = "±") -> str:
    return f"{sign}{100 * share:g} points"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
