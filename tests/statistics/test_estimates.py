"""Estimates and the variance of what was drawn, against values worked by hand and simulation."""

import numpy as np
import pytest
from benchmarks.interval_coverage import Method, coverage, of_mean, of_writers

from lenet.statistics import (
    Estimate,
    Interval,
    Writers,
    estimate,
    mean_error,
    of_values,
    on_two_sets,
    students_less_employees,
    wilson,
)
from lenet.statistics.estimates import combined

FOUR = Writers(np.array([7, 7, 8, 9, 3, 3, 4, 4]), np.array([True] * 4 + [False] * 4))


def wrong(*digits: int) -> np.ndarray:
    return np.isin(np.arange(8), digits)[None]


def test_one_seed_has_wilsons_interval() -> None:
    wrong = np.arange(10_000)[None] < 95
    assert mean_error(wrong) == Interval(0.0095, *wilson(95, 10_000))
    assert mean_error(wrong, confidence=0.5) == Interval(0.0095, *wilson(95, 10_000, 0.5))


def test_mean_error_by_hand() -> None:
    # seeds err on 1 and 2 of 4 digits, on digit 0 both: seed means 1/4, 1/2 of variance 1/32;
    # digit means 1, 1/2, 0, 0 of variance 11/48. 1/32/2 + 11/48/4 = 7/96,
    # freedom (7/96)^2 / ((1/64)^2 / 1 + (11/192)^2 / 3) = 3.9730, t = 2.7839,
    # ratio t^2 (7/96) / (3/8 5/8) = 2.4112: (3/8 + 1.2056 -+ sqrt(.5651 + 1.4534)) / 3.4112
    found = mean_error(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=bool))
    assert found.mean == 0.375
    assert found.low == pytest.approx(0.0469, abs=1e-4)
    assert found.high == pytest.approx(0.8799, abs=1e-4)


def test_writers_are_drawn_within_their_kind_by_hand() -> None:
    # students err on 3 of 4 (writers 7: 2 of 2, 8: 1 of 1, 9: 0 of 1): sums of distances from 3/4
    # are 1/2, 1/4, -3/4, squared 7/8, times 3/2 over 8^2; employees on 1 of 4 (writers 3: 1 of 2,
    # 4: 0 of 2): 1/2, -1/2, squared 1/2, times 2 over 8^2
    found = estimate([wrong(0, 1, 2, 4)], writers=FOUR)
    students, employees = 1.5 * 7 / 8 / 64, 2 * 1 / 2 / 64
    assert found.value == 0.5
    assert found.variance == pytest.approx(students + employees)
    freedom = (students + employees) ** 2 / (students**2 / 2 + employees**2 / 1)
    assert found.freedom == pytest.approx(freedom)


def test_writers_of_one_digit_each_are_nearly_digits() -> None:
    generator = np.random.default_rng(0)
    errors = generator.random((3, 4_000)) < 0.03
    who = Writers(np.arange(4_000), np.arange(4_000) < 2_000)
    by_digit, by_writer = estimate([errors]), estimate([errors], writers=who)
    assert by_writer.variance == pytest.approx(by_digit.variance, rel=0.01)


def test_a_difference_by_hand() -> None:
    # seeds of a: 2/8 and 4/8, variance 1/32 over 2; one seed of b: 1/8
    a, b = np.concatenate([wrong(0, 1), wrong(0, 1, 2, 3)]), wrong(0)
    digits = np.array([0, 1, 0.5, 0.5, 0, 0, 0, 0])
    found = estimate([a, b], (1, -1))
    assert found.value == pytest.approx(0.25)
    assert found.variance == pytest.approx(1 / 64 + digits.var(ddof=1) / 8)


def test_two_sets_by_hand() -> None:
    # seeds differ by 1/4 and 1/2: variance 1/32 over 2; digits' means 1, 1/2 and 0, 1/2, 0, 1
    a, b = np.array([[1, 0], [1, 1]], bool), np.array([[0, 0, 0, 1], [0, 1, 0, 1]], bool)
    found = on_two_sets(a, b)
    assert found.value == pytest.approx(3 / 8)
    assert found.variance == pytest.approx(1 / 64 + 1 / 8 / 2 + 11 / 48 / 4)


def test_halves_by_hand() -> None:
    # as of the writers above, told as parts of a half: variances times 4
    found = students_less_employees(wrong(0, 1, 2, 4), FOUR)
    assert found.value == pytest.approx(0.5)
    assert found.variance == pytest.approx(4 * (1.5 * 7 / 8 + 2 * 1 / 2) / 64)


def test_p_values_are_students() -> None:
    found = Estimate(2.0, 1.0, 4)  # t of 4 degrees of freedom: 0.0581 beyond 2, 0.1870 beyond 1
    assert (found.above(0), found.above(1)) == pytest.approx((0.0581, 0.1870), abs=1e-4)
    assert found.below(3) == pytest.approx(0.1870, abs=1e-4)
    assert found.p == pytest.approx(0.1161, abs=1e-4)
    interval = found.interval()
    assert (interval.low, interval.high) == pytest.approx((2 - 2.7764, 2 + 2.7764), abs=1e-4)


def test_what_does_not_vary_is_certain() -> None:
    same = wrong(0, 1)
    found = estimate([same, same], (1, -1))
    assert (found.value, found.variance, found.p) == (0, 0, 1)
    assert (found.above(-0.1), found.above(0), found.below(0.1)) == (0, 1, 0)


def test_a_paper_of_one_run_makes_a_mean_less_sure() -> None:
    values = np.array([0.01, 0.02, 0.03])
    assert of_values(values).variance == pytest.approx(1e-4 / 3)
    assert of_values(values, 0.02, runs=1).variance == pytest.approx(1e-4 * 4 / 3)
    assert of_values(values, 0.02).value == pytest.approx(0)


def test_degrees_of_freedom_are_satterthwaites() -> None:
    assert combined(0.0, [(1.0, 4), (1.0, 4)]).freedom == pytest.approx(8)
    assert combined(0.0, [(1.0, 4), (0.0, 9)]).freedom == pytest.approx(4)


def test_no_error_at_all_is_not_certainty() -> None:
    assert mean_error(np.zeros((5, 10_000), bool)) == Interval(0.0, *wilson(0, 10_000))


def test_seeds_that_agree_are_worth_one_seed() -> None:
    wrong = np.repeat(np.arange(10_000)[None] < 95, 5, axis=0)
    found = mean_error(wrong)
    assert (found.low, found.high) == pytest.approx(wilson(95, 10_000), rel=1e-3)


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


def test_by_writer_it_covers_where_by_digit_it_does_not() -> None:
    method = Method.of(0.0095, between=0.0005, writers=True)
    assert 0.93 <= coverage(of_writers, method, 5, 400) <= 0.975
    assert coverage(of_mean, method, 5, 400) < 0.92
