"""What each of three changes does to the error, and whether they add up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.comparisons import Comparison, holm
from lenet.statistics.estimates import Writers, estimate

if TYPE_CHECKING:
    import pandas as pd

CELLS = tuple(product((0, 1), repeat=3))


def effects(
    wrong: NDArray[np.bool_] | Sequence[Sequence[Sequence[NDArray[np.bool_]]]],
    names: tuple[str, str, str],
    writers: Writers | None = None,
) -> pd.DataFrame:
    """The effects of a 2 x 2 x 2 experiment on the error.

    - The main effect of a factor: the error at its level 1 less that at its level 0, in the mean
      over the four settings of the others.
    - The interaction of two: how much the effect of the one is larger at level 1 of the other than
      at level 0, in the mean over the third; 0 where the effects add up.
    - The interaction of three: how much the interaction of two is larger at level 1 of the third.

    (The coefficients of a linear model of the cells' errors with the levels coded -1/2 and +1/2.)
    Intervals and p values are those of `estimate`: digits, or writers, are drawn for all cells
    together, seeds for each cell by itself. The seven p values are adjusted together (Holm).

    Args:
        wrong: (2, 2, 2, S, N); or nested sequences of (S, N) where cells differ in S.
        names: of the factors, in the order of the axes.
        writers: of the N digits.

    Returns:
        A row for each effect, main effects first, with the columns effect ("a", "a × b", ...),
        difference, low, high (fractions, 95 %), p and p_holm.
    """
    import pandas as pd

    cells = [wrong[i][j][k] for i, j, k in CELLS]
    table = pd.DataFrame(
        {"effect": " × ".join(names[i] for i in factors)}
        | vars(Comparison.of(estimate(cells, _contrast(factors), writers)))
        for size in (1, 2, 3)
        for factors in combinations(range(3), size)
    )
    return table.assign(p_holm=holm(table.p.to_numpy()))


def _contrast(factors: tuple[int, ...]) -> list[float]:
    """The weights of the 8 cells in an effect: a difference along its factors, a mean along the
    others."""
    return [prod(2 * cell[i] - 1 if i in factors else 1 / 2 for i in range(3)) for cell in CELLS]
