"""Support vector machines of more patterns than a whole kernel matrix has room for.

Chunking (B. Boser, I. Guyon, V. Vapnik, "A training algorithm for optimal margin classifiers",
COLT 1992): solve the problem for some patterns, add those that violate the solution most, and go
on from there until none does. That is the solution of all, and only the rows of patterns that were
ever added are computed. Each problem is solved by sequential minimal optimization, two patterns a
step, chosen as libsvm does: R.-E. Fan, P.-H. Chen, C.-J. Lin, "Working set selection using second
order information for training support vector machines", JMLR 6, 2005.
"""

from collections.abc import Callable

import numba
import numpy as np

from lenet.classic.base import chunks, require_memory

ADDED = 1024  # patterns at once
TOLERANCE = 1e-3  # libsvm's
BLOCK = 64  # kernel rows computed at once: they stay in the caches
FAST = {"contract", "nnan", "nsz"}  # arithmetic that may be vectorized; infinities are in use


def minimize(
    rows: Callable[[np.ndarray], np.ndarray], positive: np.ndarray, C: float
) -> tuple[np.ndarray, float]:
    """The machine  sum_n coef_n K(x_n, x) + bias  that separates the positive patterns from others.

    Args:
        rows: indices (M,) of patterns -> their kernel values (M, N), float32; K(x, x) is 1.
        positive: (N,) bool, some of each.
        C: bound of the multipliers.

    Returns:
        coef: (N,), 0 but for support vectors. bias.
    """
    count = len(positive)
    require_memory(4 * count**2, "the kernel matrix of a support vector machine")
    kernel = np.empty((count, count), np.float32)  # takes memory as its rows are filled, not before
    place = np.full(count, -1)  # of a pattern's row
    coef, low, high = np.zeros((3, count))  # nothing to choose yet
    residual = np.where(positive, 1.0, -1.0)  # label - sum_n coef_n K(x_n, x)
    top, bottom, filled = np.inf, -np.inf, 0
    while True:
        violation = np.where(positive, residual - bottom, top - residual)
        outside = np.flatnonzero((place < 0) & (violation > TOLERANCE))
        if not len(outside):
            return coef, (top + bottom) / 2
        added = outside[np.argsort(-violation[outside], kind="stable")[:ADDED]]
        for part in chunks(len(added), size=BLOCK):
            kernel[filled + part.start : filled + part.stop] = rows(added[part])
        place[added] = np.arange(filled, filled + len(added))
        filled += len(added)
        low[added] = np.where(positive[added], 0.0, -C)
        high[added] = np.where(positive[added], C, 0.0)
        top, bottom = _optimize(kernel, place, coef, low, high, residual)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _optimize(
    kernel: np.ndarray,
    place: np.ndarray,
    coef: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    residual: np.ndarray,
) -> tuple[float, float]:
    """Moves coefficients within their bounds, two at a time and at a constant sum, as long as the
    largest residual of one that may grow is above the smallest of one that may shrink.

    Returns:
        These two residuals.
    """
    gains = np.empty(len(coef))
    while True:
        top, bottom, best = -np.inf, np.inf, 0.0
        for n in range(len(coef)):
            top = max(top, residual[n] if coef[n] < high[n] else -np.inf)
            bottom = min(bottom, residual[n] if coef[n] > low[n] else np.inf)
        if top - bottom < TOLERANCE:  # or only one class is there
            return top, bottom
        i = 0
        while residual[i] != top or coef[i] >= high[i]:
            i += 1
        row = kernel[place[i]]
        for n in range(len(coef)):
            slope = max(top - residual[n], 0.0) if coef[n] > low[n] else 0.0
            gains[n] = slope * slope / max(2 - 2 * row[n], 1e-12)
            best = max(best, gains[n])
        j = 0
        while gains[j] != best:
            j += 1
        step = (top - residual[j]) / max(2 - 2 * row[j], 1e-12)
        step = min(step, high[i] - coef[i], coef[j] - low[j])
        coef[i] += step
        coef[j] -= step
        other = kernel[place[j]]
        for n in range(len(coef)):
            residual[n] -= step * (row[n] - other[n])
