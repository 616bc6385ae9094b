"""Whether data show a claim, contradict it or cannot tell, against values worked by hand."""

from math import inf

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_paper
from scipy.stats import norm

from lenet.statistics import (
    CONTRADICTED,
    HOLDS,
    OPEN,
    Estimate,
    Evidence,
    below,
    beside,
    counted,
    detectable,
    every,
    within,
)


def test_equivalence_is_two_one_sided_tests() -> None:
    # 0.01 of standard error 0.02 within 0.06: 3.5 and 2.5 standard errors from the ends
    found = within(Estimate(0.01, 4e-4, inf), 0.06)
    assert found.holds == pytest.approx(norm.sf(2.5))
    assert found.contradicted == pytest.approx(1, abs=0.01)
    assert found.verdict(0.01) == HOLDS


def test_a_truth_surely_outside_contradicts() -> None:
    found = within(Estimate(-0.2, 4e-4, inf), 0.06)  # 7 standard errors beyond the end
    assert found.contradicted == pytest.approx(norm.sf(7) + norm.sf(13))
    assert found.verdict(0.01) == CONTRADICTED
    assert found.verdict(0.06) == OPEN


def test_the_size_of_the_test_against_equivalence_is_its_p() -> None:
    generator = np.random.default_rng(0)  # truth on the margin, where it is largest
    values = generator.normal(0.06, 0.02, 4_000)
    rejected = np.mean([within(Estimate(v, 4e-4, inf), 0.06).contradicted < 0.05 for v in values])
    assert rejected == pytest.approx(0.05, abs=0.012)


def test_an_order() -> None:
    found = below(Estimate(-0.02, 1e-4, inf))
    assert (found.holds, found.contradicted) == pytest.approx((norm.sf(2), norm.cdf(2)))
    assert found.p == pytest.approx(2 * norm.sf(2))
    assert below(Estimate(-0.02, 1e-4, inf), -0.03).holds > 0.5, "less by more than 0.03"


def test_every_part_has_to_hold_and_any_may_contradict() -> None:
    sure, unsure = Evidence(0.001, 0.999), Evidence(0.4, 0.6)
    against = Evidence(0.99, 0.004)
    assert every([sure, unsure]).holds == 0.4
    assert every([sure, unsure, against]).contradicted == pytest.approx(0.012)
    assert every([sure, counted(False)]).verdict(0.0) == CONTRADICTED
    assert every([counted(True), counted(True)]).verdict(0.0) == HOLDS


def test_the_smallest_difference_that_could_have_been_shown() -> None:
    found = below(Estimate(0.0, 1e-4, inf))
    quantiles = norm.ppf(1 - 0.025 / 10) + norm.ppf(0.8)
    assert found.showable(10) == pytest.approx(0.01 * quantiles)
    assert counted(True).showable(10) == 0


def test_beside_the_paper_by_hand() -> None:
    # ours one seed, 120 errors of 10,000; the paper's 95
    found = beside(np.arange(10_000)[None] < 120, 0.0095, 10_000)
    assert found.value == pytest.approx(0.0025)
    assert found.variance == pytest.approx((0.012 * 0.988 + 0.0095 * 0.9905) / 10_000, rel=1e-3)


def test_beside_the_papers_own_method_it_covers() -> None:
    # more often than 95 %: that the digits and their writers are the same is not used
    method = Method.of(0.0095, between=0.001, writers=True)
    assert coverage(of_paper, method, 5, 300) >= 0.94


def test_what_is_detectable_beside_the_paper_by_hand() -> None:
    # all seeds err on the same 100 of 10,000 digits: only these, and the paper's, are drawn
    wrong = np.zeros((50, 10_000), bool)
    wrong[:, :100] = True
    variance = 0.01 * 0.99 / 9_999 + 0.0095 * 0.9905 / 10_000
    expected = (1.95996 + 0.84162) * variance**0.5  # normal quantiles of 97.5 and 80 %
    for seeds in (1, 5):
        found = detectable([wrong], seeds, paper=(0.0095, 10_000))
        assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seeds", [1, 2])
def test_what_is_detectable_between_two_nets_by_hand(seeds: int) -> None:
    # both err alike on each digit, so only seeds are drawn: errors of 1/10 and 3/10, variance 1/75
    # for each of four seeds, 3 + 3 degrees of freedom
    wrong = np.zeros((4, 10), bool)
    wrong[:, 0] = wrong[:2, 1:3] = True
    expected = (2.44691 + 0.90570) * (2 / 75 / seeds) ** 0.5  # Student's quantiles
    assert detectable([wrong, wrong], seeds) == pytest.approx(expected, rel=1e-4)
