"""Comparisons of methods, against values worked by hand and simulation."""

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_difference

from lenet.statistics import Writers, compare, holm, mcnemar


def disjoint(a: int, b: int, both: int = 20, count: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """Two runs: a digits only the first gets wrong, b only the second, some both."""
    at = np.arange(count)
    shared = at < both
    return shared | ((at >= both) & (at < both + a)), shared | (at >= count - b)


def test_mcnemar_by_hand() -> None:
    # 2 and 8 digits that tell the runs apart: 2 (1 + 10 + 45) / 2^10
    assert mcnemar(*disjoint(2, 8)) == pytest.approx(112 / 1024)
    assert mcnemar(*disjoint(8, 2)) == pytest.approx(112 / 1024)


def test_mcnemar_of_alike_runs_is_one() -> None:
    assert mcnemar(*disjoint(0, 0)) == 1
    assert mcnemar(*disjoint(5, 5)) == 1


def test_holm_by_hand() -> None:
    # sorted 0.01 x 3, 0.02 x 2, 0.04 x 1; never less than the one before
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_one_seed_each_has_the_paired_normal_interval() -> None:
    # d = a - b is +1 on 60 digits, -1 on 30: variance (90/N - (30/N)^2) / N
    a, b = disjoint(60, 30)
    found = compare(a[None], b[None])
    half = 1.96 * np.sqrt((90e-4 - 30e-4**2) / 10_000)
    assert found.difference == pytest.approx(30e-4)
    assert found.low == pytest.approx(30e-4 - half, abs=1e-5)
    assert found.high == pytest.approx(30e-4 + half, abs=1e-5)
    assert found.p == pytest.approx(mcnemar(a, b), abs=1e-3)


def test_a_method_beside_itself_does_not_differ() -> None:
    wrong = disjoint(50, 0)[0][None]
    found = compare(wrong, wrong)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_errors_of_one_writer_tell_less() -> None:
    a, b = disjoint(60, 30)
    strangers = Writers(np.arange(10_000), np.arange(10_000) % 2 == 0)
    tens = Writers(np.arange(10_000) // 10, np.arange(10_000) // 10 % 2 == 0)
    sure, less_sure = (compare(a[None], b[None], who) for who in (strangers, tens))
    assert sure.difference == less_sure.difference
    assert sure.p < less_sure.p < 1


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("writers", [False, True])
def test_a_difference_covers(seeds: int, writers: bool) -> None:
    method = Method.of(0.0095, between=0.001, writers=writers)
    assert 0.93 <= coverage(of_difference, method, seeds, 400) <= 0.985
