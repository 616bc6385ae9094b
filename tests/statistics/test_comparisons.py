"""Comparisons of methods, against values worked by hand and simulation."""

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_difference

from lenet.statistics import holm, mcnemar, paired_bootstrap
from lenet.statistics.comparisons import resampled_errors


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


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
    found = paired_bootstrap(a[None], b[None], generator())
    half = 1.96 * np.sqrt((90e-4 - 30e-4**2) / 10_000)
    assert found.difference == pytest.approx(30e-4)
    assert found.low == pytest.approx(30e-4 - half, abs=1e-4)
    assert found.high == pytest.approx(30e-4 + half, abs=1e-4)
    assert found.p == pytest.approx(mcnemar(a, b), abs=1e-3)


def test_the_bootstraps_variance_by_hand() -> None:
    # of one method: variance of the seeds' means over S, and of the digits' means over N
    wrong = generator().random((5, 10_000)) < np.array([[0.01], [0.02], [0.03], [0.04], [0.05]])
    variance = wrong.mean(1).var(ddof=1) / 5 + wrong.mean(0).var() / 10_000
    resampled = resampled_errors([wrong], generator(), 20_000)
    assert resampled.var() == pytest.approx(variance, rel=0.03)
    assert resampled.mean() == pytest.approx(wrong.mean(), rel=0.01)


def test_a_method_beside_itself_does_not_differ() -> None:
    wrong = disjoint(50, 0)[0][None]
    found = paired_bootstrap(wrong, wrong, generator(), 500)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_great_difference_is_as_sure_as_resamples_can_tell() -> None:
    a, b = disjoint(500, 20)
    found = paired_bootstrap(np.stack([a, a]), b[None], generator(), 999)
    assert found.low > 0
    assert found.p == pytest.approx(2 / 1_000)


def test_the_generator_decides() -> None:
    a, b = disjoint(60, 30)
    first = paired_bootstrap(a[None], b[None], generator(), 500)
    assert first == paired_bootstrap(a[None], b[None], generator(), 500)
    assert first != paired_bootstrap(a[None], b[None], np.random.default_rng(1), 500)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_bootstrap_covers_a_difference(seeds: int) -> None:
    assert 0.93 <= coverage(of_difference, Method.of(0.0095, between=0.001), seeds, 400) <= 0.98
