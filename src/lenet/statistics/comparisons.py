"""Methods beside one another, on the same test digits. Fractions, not per cent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.estimates import Estimate, Writers, estimate


@dataclass(frozen=True)
class Comparison:
    """A difference, its 95 % interval and two-sided p value."""

    difference: float
    low: float
    high: float
    p: float

    @classmethod
    def of(cls, found: Estimate) -> "Comparison":
        """What an estimate says."""
        interval = found.interval()
        return cls(found.value, interval.low, interval.high, found.p)


def compare(
    wrong_a: NDArray[np.bool_], wrong_b: NDArray[np.bool_], writers: Writers | None = None
) -> Comparison:
    """The error of a less that of b, with the draw of digits, or of their writers, and that of the
    seeds counted (`estimate`).

    A method of one seed is compared as that one training: what another seed of it would give is not
    in the interval. For a method that draws nothing (nearest neighbours) there is nothing else to
    count; for a net say that it is one training.

    Args:
        wrong_a: (S_a, N).
        wrong_b: (S_b, N), on the same digits.
        writers: of the N digits.
    """
    return Comparison.of(estimate([wrong_a, wrong_b], (1, -1), writers))


def mcnemar(wrong_a: NDArray[np.bool_], wrong_b: NDArray[np.bool_]) -> float:
    """The exact p value of two runs having the same error, (N,) and (N,) on the same digits.

    Only digits count on which one errs and the other does not: McNemar's test with the binomial
    distribution, which is exact for many such digits as for few. It is about these two trainings,
    not about what other seeds would give, and takes digits for strangers.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    table = [[np.sum((wrong_a == a) & (wrong_b == b)) for b in (0, 1)] for a in (0, 1)]
    return float(test(table, exact=True).pvalue)


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """p values adjusted for being looked at together (Holm): (K,) -> (K,).

    Where nothing differs at all, the chance that any of them falls below 0.05 is at most 5 %.
    """
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, method="holm")[1]
