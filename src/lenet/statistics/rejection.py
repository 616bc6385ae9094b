"""The share of digits to reject for some error on the rest (III.D), and how sure it is.

A threshold is no sum over digits, so its variance comes from a bootstrap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.estimates import Estimate, Writers, combined

Answers = tuple[NDArray[np.bool_], NDArray[np.float16]]
"""Of S seeds on N digits: which they get wrong, (S, N), and the margins that rejection goes by."""


@dataclass(frozen=True)
class Resamples:
    """R draws of digits, or of writers with all their digits.

    Attributes:
        cluster: (N,) int, what each digit is drawn with.
        times: (R, C), how often each cluster is in a draw.
    """

    cluster: NDArray[np.int64]
    times: NDArray[np.float64]

    @classmethod
    def draw(
        cls,
        digits: int,
        writers: Writers | None,
        generator: np.random.Generator,
        resamples: int = 500,
    ) -> "Resamples":
        """Draws digits of N, or of m writers of a kind m - 1, which makes the variance come out
        right (J. N. K. Rao, C. F. J. Wu, "Resampling inference with complex survey data", JASA 83,
        1988); the kinds keep their shares of the digits."""
        if writers is None:
            shares = np.full(digits, 1 / digits)
            return cls(
                np.arange(digits), generator.multinomial(digits, shares, resamples).astype(float)
            )
        kind = writers.student.astype(np.int64)
        pairs = np.stack([kind, writers.number])
        [kinds, _], cluster = np.unique(pairs, axis=1, return_inverse=True)
        size = np.bincount(cluster)
        times = np.empty((resamples, len(size)))
        for each in np.unique(kinds):
            own = kinds == each
            drawn = generator.multinomial(
                own.sum() - 1, np.full(own.sum(), 1 / own.sum()), resamples
            )
            times[:, own] = drawn * (size[own].sum() / (drawn @ size[own]))[:, None]
        return cls(cluster, times)


def rejection(
    groups: Sequence[Answers], weights: Sequence[float], target: float, resamples: Resamples
) -> Estimate:
    """The weighted sum of the shares that methods have to reject, each in the mean over its seeds.

    Args:
        groups: of each method its answers, on the same digits.
        weights: (1,) is one method's share, (1, -1) a difference.
        target: the error on the rest, a fraction.
        resamples: of the digits, for all methods alike.
    """
    value, drawn, seeds = 0.0, np.zeros(len(resamples.times)), []
    for (wrong, margin), weight in zip(groups, weights, strict=True):
        runs = list(zip(wrong, margin, strict=True))
        shares = np.array([rejected(*run, target) for run in runs])
        value += weight * shares.mean()
        drawn += weight * np.mean([rejected(*run, target, resamples) for run in runs], 0)
        if len(runs) > 1:
            seeds.append((weight**2 * shares.var(ddof=1) / len(runs), len(runs) - 1))
    clusters = resamples.times.shape[1]
    return combined(float(value), [*seeds, (float(drawn.var(ddof=1)), clusters - 1)])


def rejected(
    wrong: NDArray[np.bool_],
    margin: NDArray[np.float16],
    target: float,
    resamples: Resamples | None = None,
) -> NDArray[np.float64]:
    """The share of one run, (1,), or of each resample, (R,).

    Most may be kept just above the margin of a digit that is wrong, so only these margins count:
    digits are told apart by how many of them are not below their own.

    Args:
        wrong: (N,).
        margin: (N,), the difference of the two best scores.
        target: the error on the rest, a fraction.
        resamples: of the N digits; None is these digits as they are.
    """
    levels = np.unique(margin[wrong])[::-1]
    level = np.searchsorted(-levels, -margin, side="right")
    cluster, times = (0, np.ones((1, 1))) if resamples is None else vars(resamples).values()
    at, shape = cluster * (len(levels) + 1) + level, (times.shape[1], len(levels) + 1)
    kept, missed = (
        np.cumsum(times @ np.bincount(at, counted, shape[0] * shape[1]).reshape(shape), axis=1)
        for counted in (None, wrong)
    )
    good = missed <= target * kept
    last = len(levels) - good[:, ::-1].argmax(1)
    return 1 - kept[np.arange(len(kept)), last] / kept[:, -1]
