"""Where the variance of a test error comes from: start, order, digits, or their writers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.estimates import Writers, combined, estimate
from lenet.statistics.intervals import Interval

Crossed = NDArray[np.bool_]  # (A, B, N): A starts, each with B orders, on N digits


def components(wrong: Crossed, writers: Writers) -> dict[str, Interval]:
    """The shares of the variance of one training's test error that each draw has.

    Starts and orders are crossed random effects on the errors (an analysis of variance with one
    run a cell, S. R. Searle, G. Casella, C. E. McCulloch, "Variance components", 1992, 4). What a
    run does otherwise on single digits is taken from the rest of the run and left to the digits. A
    share below 0 counts as 0, but its interval is that of what it was. The intervals are of a
    jackknife over starts, orders and writers.

    Args:
        wrong: (A, B, N), A at least 2; where B is 1, runs differ in their seeds alone.
        writers: of the N digits.

    Returns:
        The shares with 95 % intervals of "start", "order", "run" (what start and order have
        together), or "seed"; of "digit" and "writer". They add up to 1.
    """
    names, shares = _names(wrong), _shares(wrong, writers)
    numbers = np.unique(writers.number)

    def without_writer(each: int) -> NDArray[np.float64]:
        kept = writers.number != numbers[each]
        return _shares(wrong[..., kept], Writers(writers.number[kept], writers.student[kept]))

    def without(axis: int) -> Callable[[int], NDArray[np.float64]]:
        return lambda each: _shares(np.delete(wrong, each, axis), writers)

    deleted = [_jackknife(len(numbers), without_writer)]
    deleted += [_jackknife(wrong.shape[a], without(a)) for a in (0, 1) if wrong.shape[a] > 2]
    found = {}
    for at, name in enumerate(names):
        parts = [(float(variance[at]), freedom) for variance, freedom in deleted]
        interval = combined(float(shares[at]), parts).interval()
        found[name] = Interval(
            *(float(np.clip(end, 0, 1)) for end in (interval.mean, interval.low, interval.high))
        )
    return found


def _names(wrong: Crossed) -> tuple[str, ...]:
    runs = ("seed",) if wrong.shape[1] == 1 else ("start", "order", "run")
    return (*runs, "digit", "writer")


def _shares(wrong: Crossed, writers: Writers) -> NDArray[np.float64]:
    starts, orders, digits = wrong.shape
    runs = wrong.reshape(-1, digits)
    errors = wrong.mean(2)
    own = runs - runs.mean(0) - (runs.mean(1) - runs.mean())[:, None]
    alone = (own**2).sum() / ((len(runs) - 1) * (digits - 1)) / digits  # of a run on single digits
    if orders == 1:
        parts = [errors.var(ddof=1) - alone]
    else:
        of_starts, of_orders = errors.mean(1), errors.mean(0)
        left = errors - of_starts[:, None] - of_orders + errors.mean()
        rest = (left**2).sum() / ((starts - 1) * (orders - 1))
        parts = [
            of_starts.var(ddof=1) - rest / orders,
            of_orders.var(ddof=1) - rest / starts,
            rest - alone,
        ]
    by_digit = float(np.mean([estimate([run[None]]).variance for run in runs]))
    by_writer = float(np.mean([estimate([run[None]], writers=writers).variance for run in runs]))
    variances = np.array([*parts, by_digit, by_writer - by_digit])
    return variances / variances.clip(0).sum()


def _jackknife(
    count: int, without: Callable[[int], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], int]:
    """The variance that the draw of some things gives, by leaving out each of them in turn."""
    left_out = np.stack([without(each) for each in range(count)])
    variance = (count - 1) / count * ((left_out - left_out.mean(0)) ** 2).sum(0)
    return variance, count - 1
