"""What each of three changes does to the error, and whether they add up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.comparisons import compared, holm, resampled_errors

if TYPE_CHECKING:
    import pandas as pd

CELLS = tuple(product((0, 1), repeat=3))


def effects(
    wrong: NDArray[np.bool_] | Sequence[Sequence[Sequence[NDArray[np.bool_]]]],
    names: tuple[str, str, str],
    generator: np.random.Generator,
    resamples: int = 10_000,
) -> pd.DataFrame:
    """The effects of a 2 x 2 x 2 experiment on the error.

    - The main effect of a factor: the error at its level 1 less that at its level 0, in the mean
      over the four settings of the others.
    - The interaction of two: how much the effect of the one is larger at level 1 of the other than
      at level 0, in the mean over the third; 0 where the effects add up.
    - The interaction of three: how much the interaction of two is larger at level 1 of the third.

    (The coefficients of a linear model of the cells' errors with the levels coded -1/2 and +1/2.)
    Intervals and p values are those of `paired_bootstrap`: the digits are drawn for all cells
    together, the seeds for each cell by itself. The seven p values are adjusted together (Holm).

    Args:
        wrong: (2, 2, 2, S, N); or nested sequences of (S, N) where cells differ in S.
        names: of the factors, in the order of the axes.
        generator: what the resamples are drawn with.
        resamples: their number.

    Returns:
        A row for each effect, main effects first, with the columns effect ("a", "a × b", ...),
        difference, low, high (fractions, 95 %), p and p_holm.
    """
    import pandas as pd

    cells = [wrong[i][j][k] for i, j, k in CELLS]
    observed = np.array([cell.mean() for cell in cells])
    resampled = resampled_errors(cells, generator, resamples)
    rows = []
    for factors in (f for size in (1, 2, 3) for f in combinations(range(3), size)):
        weights = _contrast(factors)
        rows.append(
            {"effect": " × ".join(names[i] for i in factors)}
            | vars(compared(float(observed @ weights), resampled @ weights))
        )
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table.p.to_numpy()))


def _contrast(factors: tuple[int, ...]) -> NDArray[np.float64]:
    """The weights of the 8 cells in an effect: a difference along its factors, a mean along the
    others."""
    return np.array(
        [np.prod([2 * cell[i] - 1 if i in factors else 1 / 2 for i in range(3)]) for cell in CELLS]
    )
