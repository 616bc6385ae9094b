"""Methods beside one another, on the same test digits. Fractions, not per cent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 1_000  # resamples whose digits are in memory at once


@dataclass(frozen=True)
class Comparison:
    """The difference of two error rates, its 95 % interval and two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


def mcnemar(wrong_a: NDArray[np.bool_], wrong_b: NDArray[np.bool_]) -> float:
    """The exact p value of two runs having the same error, (N,) and (N,) on the same digits.

    Only digits count on which one errs and the other does not: McNemar's test with the binomial
    distribution, which is exact for many such digits as for few. It is about these two trainings,
    not about what other seeds would give.
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


def paired_bootstrap(
    wrong_a: NDArray[np.bool_],
    wrong_b: NDArray[np.bool_],
    generator: np.random.Generator,
    resamples: int = 10_000,
) -> Comparison:
    """The error of a less that of b, with the draw of digits and of seeds both counted.

    The digits are drawn anew for both methods together, the seeds for each by itself
    (`resampled_errors`). A method of one seed is compared as that one training: what another seed
    of it would give is not in the interval. For a method that draws nothing (nearest neighbours)
    there is nothing else to count; for a net say that it is one training.

    Coverage of a difference of two rows, simulated (docs/statistics.md; 10,000 digits at 0.95 and
    3.5 % error, 0 to 0.1 points between seeds): 94 to 98 % for 3 seeds, 95 to 98 % for 5; with
    0.2 points at 0.95 % error 89 % for 3 seeds, 94 % for 5.

    Args:
        wrong_a: (S_a, N).
        wrong_b: (S_b, N), on the same digits.
        generator: what the resamples are drawn with.
        resamples: their number; p is no smaller than 2 / (resamples + 1).
    """
    a, b = resampled_errors([wrong_a, wrong_b], generator, resamples).T
    return compared(float(wrong_a.mean() - wrong_b.mean()), a - b)


def compared(observed: float, resampled: NDArray[np.float64]) -> Comparison:
    """An observed difference with the percentiles of the resampled ones, (R,), and the p value
    that belongs to them: twice the share of resamples on the smaller side of 0."""
    low, high = np.quantile(resampled, (0.025, 0.975))
    smaller = min(np.sum(resampled <= 0), np.sum(resampled >= 0))
    p = min(1.0, 2 * (smaller + 1) / (len(resampled) + 1))
    return Comparison(observed, float(low), float(high), float(p))


def resampled_errors(
    groups: Sequence[NDArray[np.bool_]], generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Mean errors of G groups of seeds, each (S_g, N), by bootstrap: (resamples, G).

    A resample draws N of the N digits, the same for all groups, and S - 1 of the S seeds of each
    group by itself, both with replacement; S - 1, as S would make the variance between seeds too
    small by that ratio (J. N. K. Rao, C. F. J. Wu, "Resampling inference with complex survey
    data", JASA 83, 1988). What the draw of digits changes at all seeds and what the draw of seeds
    changes at all digits are added: the variance is that of `mean_error`. Taking the drawn seeds
    at the drawn digits would count the residual three times (A. B. Owen, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1, 2007). A single seed stays.
    """
    patterns, counts = _pooled(np.concatenate(groups))
    digits = counts.sum()
    by_digits = np.empty((resamples, len(patterns)))  # the error of each seed on drawn digits
    for start in range(0, resamples, CHUNK):
        part = by_digits[start : start + CHUNK]
        part[:] = generator.multinomial(digits, counts / digits, len(part)) @ patterns.T / digits
    errors, at = [], 0
    for group in groups:
        seeds = len(group)
        of_seeds = group.mean(1)
        draws = max(seeds - 1, 1)
        times = generator.multinomial(draws, np.full(seeds, 1 / seeds), resamples)
        by_seeds = times @ of_seeds / draws - of_seeds.mean()
        errors.append(by_digits[:, at : at + seeds].mean(1) + by_seeds)
        at += seeds
    return np.stack(errors, 1)


def _pooled(wrong: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The K different columns of an R x N matrix, R x K, and how often each occurs.

    Nearly all digits are right for all, and digits with the same column are one outcome to a
    multinomial draw: the bootstrap is the same and hundreds of outcomes stand for 10,000.
    """
    packed = np.ascontiguousarray(np.packbits(wrong, axis=0).T)
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return wrong[:, first].astype(float), counts
