"""Units and pairs of III.C.1, by hand."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from lenet.classic.linear import PairwiseLinear, TanhUnits, pair_signs, squash, train_units


def test_squash_is_one_at_one():
    assert squash(np.array([1.0, -1.0, 0.0])) == pytest.approx([1, -1, 0], abs=1e-4)


def test_one_update_by_hand():
    """From zero weights f = 0 and f' = 2/3 * 1.7159, so w = rate * target * f' * x."""
    x, target = np.array([[0.5, -2.0]]), np.array([[1.0, -1.0, 0.0]])
    weights, biases = train_units(x, target, rate=0.1, passes=1, random_state=0)
    step = 0.1 * 1.7159 * 2 / 3
    assert weights == pytest.approx(step * np.array([[0.5, -2.0], [-0.5, 2.0], [0.0, 0.0]]))
    assert biases == pytest.approx([step, -step, 0.0])


def test_the_second_update_follows_the_gradient():
    """The step is -rate times the numerical gradient of half the squared error."""
    x, target, rate = np.array([[0.5, -2.0]]), np.array([[1.0]]), 0.1
    w1, b1 = train_units(x, target, rate, passes=1, random_state=0)
    w2, _ = train_units(x, target, rate, passes=2, random_state=0)  # the second at half the rate

    def error(w: np.ndarray) -> float:
        return 0.5 * float((1 - squash(w @ x[0] + b1[0])) ** 2)

    for k in range(2):
        tiny = 1e-6 * np.eye(2)[k]
        gradient = (error(w1[0] + tiny) - error(w1[0] - tiny)) / 2e-6
        assert w2[0, k] - w1[0, k] == pytest.approx(-rate / 2 * gradient, rel=1e-5)


def test_pair_score_is_units_i_x_less_units_y_i():
    """Three classes: units 0/1, 0/2, 1/2."""
    assert pair_signs(3).tolist() == [[1, -1, 0], [1, 0, -1], [0, 1, -1]]
    row = PairwiseLinear().fit(np.eye(3), [0, 1, 2])
    row.coef_, row.intercept_ = np.zeros((3, 3)), np.array([0.5, 2.0, -1.0])
    assert row.decision_function(np.zeros((1, 3))).tolist() == [[2.5, -1.5, -1.0]]


@pytest.mark.parametrize("units", ["linear", "tanh"])
def test_a_unit_is_trained_on_its_two_classes_only(units, small):
    """Unit 0/1 stays as it is when patterns of the other classes change."""
    changed = np.where(small.y[:, None] > 1, 0.3 * small.x, small.x)
    settings = {"units": units, "random_state": None}
    if units == "tanh":  # the order must be the same, it is drawn over all patterns
        settings["random_state"] = 3
    fits = [PairwiseLinear(**settings).fit(x, small.y) for x in (small.x, changed)]
    assert np.array_equal(fits[0].coef_[0], fits[1].coef_[0])
    assert not np.array_equal(fits[0].coef_[-1], fits[1].coef_[-1])


def test_linear_pair_is_least_squares_on_the_pair(small):
    """Unit 8/9, the last, against scikit-learn's two-class least squares with the same penalty."""
    rows = small.y >= 8
    row = PairwiseLinear(ridge=0.01).fit(small.x, small.y)
    alone = RidgeClassifier(0.01 * rows.sum()).fit(small.x[rows], small.y[rows] == 8)
    assert row.coef_.shape == (45, 64)
    assert row.coef_[-1] == pytest.approx(alone.coef_.ravel(), abs=1e-4)


def test_unknown_units_are_refused(small):
    with pytest.raises(ValueError, match=r"not 'relu'"):
        PairwiseLinear(units="relu").fit(small.x, small.y)


def test_tanh_units_are_ten_weighted_sums(small):
    row = TanhUnits().fit(small.x, small.y)
    assert row.coef_.shape == (10, 64)
    expected = small.test_x @ row.coef_.T + row.intercept_
    assert np.array_equal(row.decision_function(small.test_x), expected)
