"""Sums of error rates, such as a mean over seeds, a difference or an effect, and how sure they are.

Two things are drawn: seeds, for each method by itself, and digits, for all methods together. Digits
come from writers, and those of one writer are read well or badly together; where the writers are
known, it is they that are drawn. Fractions, not per cent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.intervals import Interval, wilson

Wrong = NDArray[np.bool_]


@dataclass(frozen=True)
class Writers:
    """Who wrote each of N digits.

    Attributes:
        number: (N,) int, the writer; any numbers that tell writers apart.
        student: (N,) bool, whether the writer was a student, else a census employee. The two kinds
            were drawn apart, half of the digits from each.
    """

    number: NDArray[np.int64]
    student: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True)
class Estimate:
    """A quantity, the variance of its estimate, and Satterthwaite's degrees of freedom of that."""

    value: float
    variance: float
    freedom: float

    @property
    def error(self) -> float:
        """The standard error."""
        return sqrt(self.variance)

    def interval(self, confidence: float = 0.95) -> Interval:
        """By Student's quantile."""
        half = self.quantile((1 + confidence) / 2) * self.error
        return Interval(self.value, self.value - half, self.value + half)

    def above(self, bound: float) -> float:
        """The p value of the truth being at most ``bound``: small where it is surely above."""
        return self._tail(self.value - bound)

    def below(self, bound: float) -> float:
        """The p value of the truth being at least ``bound``: small where it is surely below."""
        return self._tail(bound - self.value)

    @property
    def p(self) -> float:
        """Two-sided, of the truth being 0."""
        return min(1.0, 2 * min(self.above(0), self.below(0)))

    def quantile(self, share: float) -> float:
        """Student's, of its degrees of freedom."""
        from scipy.special import ndtri, stdtrit

        return float(ndtri(share) if self.freedom == inf else stdtrit(self.freedom, share))

    def _tail(self, distance: float) -> float:
        from scipy.special import ndtr, stdtr

        if not self.variance:  # nothing varies: the value is what it is
            return 0.0 if distance > 0 else 1.0
        t = -distance / self.error
        return float(ndtr(t) if self.freedom == inf else stdtr(self.freedom, t))


def estimate(
    groups: Sequence[Wrong], weights: Sequence[float] = (1.0,), writers: Writers | None = None
) -> Estimate:
    """The weighted sum of the mean errors of some methods on the same digits.

    Seeds and digits are crossed random effects. The variance of the S seeds' errors over S is that
    of the draw of seeds, for each method by itself; what the draw of digits adds is the variance
    of the digits' weighted means over N, or, with writers, that of their sums over a writer's
    digits (`_draw`). What belongs to neither is in both and so counted twice: never negative, and
    with few seeds it covers better. A method of one seed counts as that training.

    Args:
        groups: of each method (S, N) bool, which digits each seed gets wrong.
        weights: of their errors: (1,) is a mean, (1, -1) a difference.
        writers: of the N digits; without them, digits count as strangers to one another.
    """
    seeds = [
        (weight**2 * group.mean(1).var(ddof=1) / len(group), len(group) - 1)
        for group, weight in zip(groups, weights, strict=True)
        if len(group) > 1
    ]
    digits = sum(weight * group.mean(0) for group, weight in zip(groups, weights, strict=True))
    return combined(float(np.mean(digits)), [*seeds, *_draw(np.asarray(digits), writers)])


def mean_error(wrong: Wrong, writers: Writers | None = None, confidence: float = 0.95) -> Interval:
    """The error of a method over S seeds and N digits, both of which are draws.

    The interval is for the error on fresh digits, or on those of fresh writers, and on fresh seeds:
    the variance is that of `estimate`, the quantile Student's with its degrees of freedom. The
    bounds are Wilson's for that variance and quantile, which keeps them within 0 and 1 and askew as
    binomials are.

    One seed, without writers, gives `wilson`: a seed's draw cannot be seen in one seed, so that
    interval is for this one training.

    Coverage of the 95 % interval, simulated (docs/statistics.md), at 0.95 and 3.5 % error with 0 to
    0.1 points between seeds, for 3 seeds and for 5: 95 to 98 % by digit where digits are strangers;
    where they come from writers, 94 to 96 % by writer and 80 to 88 % by digit.

    Args:
        wrong: (S, N), S and N at least 1.
        writers: of the N digits.
        confidence: the share of draws whose interval holds the error.
    """
    seeds, digits = wrong.shape
    mean = float(wrong.mean())
    if (seeds == 1 and writers is None) or mean in (0, 1):  # at most what N digits can tell
        return Interval(mean, *wilson(round(mean * digits), digits, confidence))
    found = estimate([wrong], writers=writers)
    # z^2 / n of Wilson's formula
    ratio = found.quantile((1 + confidence) / 2) ** 2 * found.variance / (mean * (1 - mean))
    centre = (mean + ratio / 2) / (1 + ratio)
    half = sqrt(ratio * mean * (1 - mean) + ratio**2 / 4) / (1 + ratio)
    return Interval(mean, centre - half, centre + half)


def on_two_sets(
    a: Wrong, b: Wrong, writers_a: Writers | None = None, writers_b: Writers | None = None
) -> Estimate:
    """How much larger the error of the same seeds is on some digits than on others. No digit and,
    where writers are known, no writer is in both sets, so that the two draws are independent.

    Args:
        a, b: (S, N) and (S, M).
        writers_a, writers_b: of the N and of the M digits.
    """
    difference = a.mean(1) - b.mean(1)
    seeds = [(difference.var(ddof=1) / len(a), len(a) - 1)] if len(a) > 1 else []
    draws = [*_draw(a.mean(0), writers_a), *_draw(b.mean(0), writers_b)]
    return combined(float(difference.mean()), [*seeds, *draws])


def students_less_employees(wrong: Wrong, writers: Writers) -> Estimate:
    """How much larger the error is on students' digits than on those of census employees.

    Args:
        wrong: (S, N).
        writers: of the N digits.
    """
    (students, of_students), (employees, of_employees) = (
        (wrong[:, half], Writers(writers.number[half], writers.student[half]))
        for half in (writers.student, ~writers.student)
    )
    return on_two_sets(students, employees, of_students, of_employees)


def of_values(values: NDArray[np.float64], target: float = 0.0, runs: int = 0) -> Estimate:
    """The mean of S seeds' values less a target, when nothing but the seed is drawn.

    Args:
        values: (S,), at least two.
        target: a value of the paper, or 0.
        runs: of how many runs the target is the mean; 0 is of none.
    """
    variance = values.var(ddof=1) * (1 / len(values) + (1 / runs if runs else 0))
    return combined(float(values.mean() - target), [(float(variance), len(values) - 1)])


def combined(value: float, parts: Sequence[tuple[float, float]]) -> Estimate:
    """An estimate whose variance is the sum of independent parts, each with its degrees of freedom
    (F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2, 1946)."""
    variance = sum(part for part, _ in parts)
    if not variance:
        return Estimate(value, 0.0, inf)
    lost = sum(part**2 / freedom for part, freedom in parts)
    return Estimate(value, float(variance), float(variance**2 / lost) if lost else inf)


def _draw(digits: NDArray[np.float64], writers: Writers | None) -> list[tuple[float, float]]:
    """The variance that the draw of digits, or of writers, gives the mean of the digits' values,
    in parts with their degrees of freedom."""
    if writers is None:
        return [(digits.var(ddof=1) / len(digits), len(digits) - 1)]
    return [(variance, freedom) for _, variance, freedom in _by_kind(digits, writers)]


def _by_kind(digits: NDArray[np.float64], writers: Writers) -> Iterator[tuple[bool, float, float]]:
    """Of students and of employees: what the draw of m of them adds to the variance of the mean.

    Writers are clusters, the kinds strata: m / (m - 1) times the sum over writers of the squared
    sum of their digits' distances from the kind's mean, over N squared (W. G. Cochran, "Sampling
    techniques", 1977, 9A; it is that of the ratio of sums, as writers wrote more digits or less).
    """
    for student in (True, False):
        own = writers.student == student
        if not own.any():
            continue
        _, cluster = np.unique(writers.number[own], return_inverse=True)
        sums = np.bincount(cluster, digits[own] - digits[own].mean())
        if len(sums) < 2:
            raise ValueError("a single writer tells nothing of others")
        variance = len(sums) / (len(sums) - 1) * (sums**2).sum() / len(digits) ** 2
        yield student, float(variance), len(sums) - 1
