"""Effects of a 2 x 2 x 2 experiment, against cells worked by hand and simulation."""

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_effects

from lenet.statistics import effects

NAMES = ("pooling", "activation", "loss")


def cells(errors: dict[tuple[int, int, int], int], seeds: int = 2) -> np.ndarray:
    """Each cell errs on the first so many of 1,000 digits, at every seed."""
    wrong = np.zeros((2, 2, 2, seeds, 1_000), bool)
    for cell, count in errors.items():
        wrong[cell][:, :count] = True
    return wrong


def test_effects_by_hand() -> None:
    # 20 errors, 6 fewer with i, 4 more with k, 8 more where i and j are both 1
    count = {(i, j, k): 20 - 6 * i + 4 * k + 8 * i * j for i, j, k in np.ndindex(2, 2, 2)}
    table = effects(cells(count), NAMES)
    assert table.effect.tolist() == [
        "pooling",
        "activation",
        "loss",
        "pooling × activation",
        "pooling × loss",
        "activation × loss",
        "pooling × activation × loss",
    ]
    expected = np.array([-6 + 4, 4, 4, 8, 0, 0, 0]) / 1_000
    assert table.difference.to_numpy() == pytest.approx(expected, abs=1e-12)
    assert (table.low <= table.difference + 1e-12).all()
    assert (table.difference <= table.high + 1e-12).all()


def test_the_interaction_of_three_by_hand() -> None:
    table = effects(cells({(1, 1, 1): 8}), NAMES)
    # one cell of 8: a mean over four cells holds a quarter of it, over two a half
    assert table.difference.to_numpy() == pytest.approx(np.array([2, 2, 2, 4, 4, 4, 8]) / 1_000)


def test_p_values_are_adjusted_together() -> None:
    table = effects(cells({(1, 1, 1): 8}), NAMES)
    assert (table.p < 0.05).all()  # 8 errors in one cell, none elsewhere
    assert table.p_holm.min() == pytest.approx(7 * table.p.min())


def test_cells_may_differ_in_seeds() -> None:
    wrong = cells({(1, 0, 0): 12})
    ragged = [[[wrong[i, j, k][: 1 + i] for k in (0, 1)] for j in (0, 1)] for i in (0, 1)]
    table = effects(ragged, NAMES)
    assert table.difference[0] == pytest.approx(0.003)


@pytest.mark.slow
def test_intervals_of_effects_cover() -> None:
    assert 0.93 <= coverage(of_effects, Method.of(0.0095, between=0.001), 3, 25) <= 0.99
