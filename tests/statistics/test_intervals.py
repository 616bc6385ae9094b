"""Intervals of an error and verdicts, against values worked by hand and simulation."""

import subprocess
import sys

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_mean, of_verdict
from scipy.stats import binomtest

from lenet.statistics import Interval, mean_error, verdict, wilson


def test_wilson_by_hand() -> None:
    # centre (p + z^2/2n) / (1 + z^2/n), z = 1.959964: p = 95 / 10,000
    low, high = wilson(95, 10_000)
    assert low == pytest.approx(0.0077782, abs=1e-7)
    assert high == pytest.approx(0.0115986, abs=1e-7)


@pytest.mark.parametrize(("errors", "count"), [(0, 60), (60, 60), (1, 7), (95, 10_000)])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_wilson_is_scipys_to_the_last_bit(errors: int, count: int, confidence: float) -> None:
    expected = binomtest(errors, count).proportion_ci(confidence, method="wilson")
    assert wilson(errors, count, confidence) == tuple(expected)


@pytest.mark.parametrize(("errors", "count"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_what_is_no_rate(errors: int, count: int) -> None:
    with pytest.raises(ValueError, match="patterns"):
        wilson(errors, count)


def test_wilson_needs_none_of_the_slow_libraries() -> None:
    code = (
        "import sys; from lenet.statistics import wilson; wilson(95, 10_000); "
        "print({'scipy.stats', 'pandas', 'statsmodels'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_wilson_covers_95_per_cent() -> None:
    generator = np.random.default_rng(0)
    rates = generator.uniform(0.005, 0.05, size=20_000)
    errors = generator.binomial(10_000, rates)
    bounds = {k: wilson(int(k), 10_000) for k in np.unique(errors)}
    covered = np.mean(
        [bounds[k][0] <= p <= bounds[k][1] for k, p in zip(errors, rates, strict=True)]
    )
    assert 0.94 <= covered <= 0.96


def test_one_seed_has_wilsons_interval() -> None:
    wrong = np.arange(10_000)[None] < 95
    assert mean_error(wrong) == Interval(0.0095, *wilson(95, 10_000))
    assert mean_error(wrong, 0.5) == Interval(0.0095, *wilson(95, 10_000, 0.5))


def test_mean_error_by_hand() -> None:
    # seeds err on 1 and 2 of 4 digits, on digit 0 both: seed means 1/4, 1/2 of variance 1/32;
    # digit means 1, 1/2, 0, 0 of variance 11/48. 1/32/2 + 11/48/4 = 7/96,
    # freedom (7/96)^2 / ((1/64)^2 / 1 + (11/192)^2 / 3) = 3.9730, t = 2.7839,
    # ratio t^2 (7/96) / (3/8 5/8) = 2.4112: (3/8 + 1.2056 -+ sqrt(.5651 + 1.4534)) / 3.4112
    found = mean_error(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=bool))
    assert found.mean == 0.375
    assert found.low == pytest.approx(0.0469, abs=1e-4)
    assert found.high == pytest.approx(0.8799, abs=1e-4)


def test_seeds_that_agree_are_worth_one_seed() -> None:
    wrong = np.repeat(np.arange(10_000)[None] < 95, 5, axis=0)
    found = mean_error(wrong)
    assert (found.low, found.high) == pytest.approx(wilson(95, 10_000), rel=1e-3)


def test_no_error_at_all_is_not_certainty() -> None:
    assert mean_error(np.zeros((5, 10_000), bool)) == Interval(0.0, *wilson(0, 10_000))


def test_a_seed_that_failed_widens_the_interval_but_not_beyond_a_rate() -> None:
    wrong = np.zeros((3, 1_000), bool)
    wrong[0] = True
    found = mean_error(wrong)
    assert 0 < found.low < 0.02
    assert 0.95 < found.high < 1


@pytest.mark.parametrize("error", [0.0095, 0.035])
@pytest.mark.parametrize("seeds", [3, 5])
def test_mean_error_covers(error: float, seeds: int) -> None:
    assert 0.93 <= coverage(of_mean, Method.of(error, between=0.001), seeds, 600) <= 0.98


@pytest.mark.parametrize(
    ("error", "name"),
    [(0.0050, "better"), (0.0070, "reproduced"), (0.0130, "reproduced"), (0.0150, "worse")],
)
def test_verdict(error: float, name: str) -> None:
    wrong = np.arange(10_000)[None] < 10_000 * error
    found = verdict(wrong, 0.0095, 10_000, 0.001)
    assert found.name == name
    assert found.low < found.difference < found.high
    assert found == verdict(mean_error(wrong), 0.0095, 10_000, 0.001)


def test_verdict_by_hand() -> None:
    # Newcombe: ours 0.8 (0.7, 0.95), the paper's 50 of 100 with Wilson's (0.40383, 0.59617):
    # 0.3 - sqrt(0.1^2 + 0.09617^2), 0.3 + sqrt(0.15^2 + 0.09617^2)
    found = verdict(Interval(0.8, 0.7, 0.95), 0.5, 100, 0.001)
    assert (found.difference, found.low, found.high) == pytest.approx(
        (0.3, 0.16126, 0.47818), abs=1e-5
    )


def test_the_tolerance_decides_at_the_edge() -> None:
    ours = Interval(0.0140, 0.0130, 0.0150)
    low = verdict(ours, 0.0095, 10_000, 0.001).low
    assert verdict(ours, 0.0095, 10_000, low - 1e-6).name == "worse"
    assert verdict(ours, 0.0095, 10_000, low + 1e-6).name == "reproduced"


def test_a_verdict_on_the_papers_own_method_covers() -> None:
    # more often than 95 %: that the digits are the same is not used
    assert coverage(of_verdict, Method.of(0.0095, between=0.001), 5, 300) >= 0.95
