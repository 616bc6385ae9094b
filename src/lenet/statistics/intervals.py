"""Intervals of one error rate, and the verdict beside the paper's. Fractions, not per cent."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """An error rate and its bounds."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """How an error rate stands to the paper's."""

    name: str  # reproduced, better or worse
    difference: float  # ours less the paper's
    low: float  # its 95 % interval
    high: float


def wilson(errors: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the error rate of one classifier on ``count`` patterns.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927.

    Args:
        errors: 0 to ``count``.
        count: at least 1.
        confidence: the share of draws of patterns whose interval holds the error rate.

    Returns:
        The lower and the upper bound, fractions.

    Raises:
        ValueError: numbers outside their ranges.
    """
    from scipy.special import ndtri  # scipy.stats takes three times as long to import

    if not 0 <= errors <= count or count < 1:
        raise ValueError(f"{errors} errors on {count} patterns")
    rate = errors / count
    z = float(ndtri((1 + confidence) / 2))
    denominator = 2 * (count + z**2)
    centre = (2 * count * rate + z**2) / denominator
    half = z / denominator * sqrt(4 * count * rate * (1 - rate) + z**2)
    return (centre - half if errors else 0.0), (centre + half if errors < count else 1.0)


def mean_error(wrong: NDArray[np.bool_], confidence: float = 0.95) -> Interval:
    """The error of a method over S seeds and N digits, both of which are draws.

    The interval is for the error on fresh digits and fresh seeds. Seeds and digits are crossed
    random effects: with variances A of the seed, B of the digit and E of what is left, the mean
    varies by A/S + B/N + E/SN. The variance of the seeds' means over S estimates A/S + E/SN, that
    of the digits' means over N estimates B/N + E/SN. Their sum counts E twice, is never negative,
    and with few seeds covers better than the unbiased one. The quantile is Student's with
    Satterthwaite's degrees of freedom. The bounds are Wilson's for that variance and quantile,
    which keeps them within 0 and 1 and askew as binomials are.

    One seed gives `wilson`: a seed's draw cannot be seen in one seed, so that interval is for
    this one training.

    Coverage of the 95 % interval, simulated (docs/statistics.md; 10,000 digits at 0.95 and 3.5 %
    error): with 0 to 0.1 points between seeds 95 to 98 % for 3 seeds and for 5; with 0.2 points
    at 0.95 % error 94 % for 3 seeds, 95 % for 5.

    Args:
        wrong: (S, N), S and N at least 1.
        confidence: the share of draws whose interval holds the error.
    """
    from scipy.special import stdtrit

    seeds, digits = wrong.shape
    mean = float(wrong.mean())
    if seeds == 1 or mean in (0, 1):  # nothing varies: at most what N digits can tell
        return Interval(mean, *wilson(round(mean * digits), digits, confidence))
    of_seeds = wrong.mean(1).var(ddof=1) / seeds
    of_digits = wrong.mean(0).var(ddof=1) / digits
    variance = of_seeds + of_digits
    freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_digits**2 / (digits - 1))
    quantile = stdtrit(freedom, (1 + confidence) / 2)
    ratio = quantile**2 * variance / (mean * (1 - mean))  # z^2 / n of Wilson's formula
    centre = (mean + ratio / 2) / (1 + ratio)
    half = np.sqrt(ratio * mean * (1 - mean) + ratio**2 / 4) / (1 + ratio)
    return Interval(mean, float(centre - half), float(centre + half))


def verdict(
    ours: Interval | NDArray[np.bool_],
    paper_error: float,
    paper_count: int,
    tolerance: float,
) -> Verdict:
    """Whether an error rate reproduces the paper's.

    "reproduced" where the 95 % interval of the difference meets [-tolerance, +tolerance]: the
    data do not contradict a difference within it. "better" where it lies wholly below, "worse"
    where wholly above.

    The paper's rate is one run on ``paper_count`` digits and gets Wilson's interval; the two
    intervals are put together as if independent (R. G. Newcombe, "Interval estimation for the
    difference between independent proportions", Statistics in Medicine 17, 1998, method 10). Two
    things are left out that cancel in part: the test digits are the same, which makes the
    difference surer, and the paper's seed is a draw, which makes it less sure. The paper's
    rounding is left out, too.

    Args:
        ours: an interval of 95 %, or the (S, N) matrix to make it from.
        paper_error: a fraction.
        paper_count: digits it was measured on.
        tolerance: a fraction, by which the paper calls its rates uncertain (III.C).
    """
    if not isinstance(ours, Interval):
        ours = mean_error(ours)
    low, high = wilson(round(paper_error * paper_count), paper_count)
    difference = ours.mean - paper_error
    below = difference - np.hypot(ours.mean - ours.low, high - paper_error)
    above = difference + np.hypot(ours.high - ours.mean, paper_error - low)
    name = "better" if above < -tolerance else "worse" if below > tolerance else "reproduced"
    return Verdict(name, difference, float(below), float(above))
