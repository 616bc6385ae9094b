"""Shares of the variance, on made errors whose shares are known."""

import numpy as np
import pytest
from scipy.special import expit

from lenet.statistics import Writers, components

WHO = Writers(np.arange(2_000) // 20, np.arange(2_000) < 1_000)


def made(start: float, order: float, writer: float, orders: int = 6, seed: int = 0) -> np.ndarray:
    """Errors of 6 starts and some orders, by effects of these standard deviations in log odds."""
    generator = np.random.default_rng(seed)
    odds = (
        -2.0
        + start * generator.standard_normal((6, 1, 1))
        + order * generator.standard_normal((1, orders, 1))
        + writer * generator.standard_normal(100)[WHO.number]
        + 2 * generator.standard_normal(2_000)
    )
    return generator.random((6, orders, 2_000)) < expit(odds)


def test_shares_add_up_and_lie_within_their_intervals() -> None:
    found = components(made(0.3, 0.1, 0.5), WHO)
    assert list(found) == ["start", "order", "run", "digit", "writer"]
    assert sum(share.mean for share in found.values()) == pytest.approx(1)
    for share in found.values():
        assert 0 <= share.low <= share.mean <= share.high <= 1


@pytest.mark.parametrize(
    ("effects", "largest"),
    [((1.0, 0, 0), "start"), ((0, 1.0, 0), "order"), ((0, 0, 1.5), "writer"), ((0, 0, 0), "digit")],
)
def test_the_largest_share_is_that_of_what_varies_most(effects, largest: str) -> None:
    found = components(made(*effects), WHO)
    assert max(found, key=lambda name: found[name].mean) == largest


def test_runs_that_only_differ_in_their_seeds() -> None:
    found = components(made(0.5, 0, 0.3, orders=1), WHO)
    assert list(found) == ["seed", "digit", "writer"]
    still = components(made(0, 0, 0.3, orders=1), WHO)
    assert still["seed"].mean < 0.1 < found["seed"].mean


def test_by_hand() -> None:
    # starts err on 400 and 800 of 2,000 digits, the same at both orders: variance 0.02 of the
    # start's errors, none of the order; the runs' own digits are those that start 1 adds
    wrong = np.zeros((2, 2, 2_000), bool)
    wrong[0, :, ::5] = wrong[1, :, ::5] = True
    wrong[1, :, 1::5] = True
    found = components(wrong, WHO)
    by_digit = (0.2 * 0.8 + 0.4 * 0.6) / 2 / 1_999
    assert found["start"].mean == pytest.approx(0.02 / (0.02 + by_digit), rel=1e-6)
    assert found["order"].mean == found["run"].mean == 0
    assert found["writer"].mean == 0, "all writers are alike"


def test_a_share_that_is_estimated_below_0_keeps_an_interval() -> None:
    found = components(made(0, 0, 0), WHO)
    none = [share for share in found.values() if share.mean == 0]
    assert none
    assert all(share.low == 0 < share.high for share in none)
