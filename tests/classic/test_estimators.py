"""What every classical row promises: scikit-learn's contract, scores, predictions, refusals."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from lenet.classic.base import require_classes, require_memory
from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.polynomial import pca_quadratic
from lenet.classic.rbf import GaussianUnits, rbf_network
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM, VirtualSVM
from lenet.classic.tangent import TangentDistance

DIRECTIONS = {
    "check_classifiers_train": "patterns of unit length differ in direction alone, and the check "
    "wants blobs told apart that differ in distance from the origin",
}
EXPECTED_FAILURES: dict[type, dict[str, str]] = {
    PolynomialSVM: DIRECTIONS,
    VirtualSVM: DIRECTIONS,
    ReducedSetSVM: DIRECTIONS,
}
OURS = [
    TanhUnits(),
    PairwiseLinear(),
    PairwiseLinear(units="tanh"),
    NearestNeighbours(),
    TangentDistance(),
    GaussianUnits(),
    PolynomialSVM(),
    VirtualSVM(),
    ReducedSetSVM(vectors=10, steps=5),
]
ROWS = {
    "least squares": (RidgeClassifier(), 0.9),
    "tanh": (TanhUnits(rate=5e-3), 0.9),
    "pairwise": (PairwiseLinear(), 0.9),
    "neighbours": (NearestNeighbours(), 0.97),
    "quadratic": (pca_quadratic(20), 0.95),
    "rbf": (rbf_network(20), 0.95),
    "tangent": (TangentDistance(candidates=50), 0.97),
    "svm": (PolynomialSVM(4), 0.97),
    "virtual": (VirtualSVM(9), 0.97),
    "reduced": (ReducedSetSVM(30, steps=30), 0.97),
}


@parametrize_with_checks(
    OURS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator), {})
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", ROWS)
def test_scores_and_predictions(name, small):
    """Ten scores each, larger is better, the class is the largest; twice the same to the bit."""
    row, accuracy = ROWS[name]
    fitted = clone(row).fit(small.x, small.y)
    scores = fitted.decision_function(small.test_x)
    assert scores.shape == (len(small.test_x), 10)
    assert np.array_equal(scores.argmax(1), fitted.predict(small.test_x))
    assert (scores.argmax(1) == small.test_y).mean() >= accuracy
    again = clone(row).fit(small.x, small.y).decision_function(small.test_x)
    assert np.array_equal(scores, again)


@pytest.mark.parametrize("name", ROWS)
def test_narrow_margins_are_the_doubtful_ones(name, small):
    """Rejecting the tenth with the narrowest margins removes at least half of the errors."""
    scores = clone(ROWS[name][0]).fit(small.x, small.y).decision_function(small.test_x)
    second, best = np.sort(scores, axis=1)[:, -2:].T
    wrong = scores.argmax(1) != small.test_y
    doubtful = np.argsort(best - second)[: len(wrong) // 10]
    assert wrong[doubtful].sum() >= wrong.sum() / 2


def test_the_classes_of_a_row_may_have_any_names(small):
    names = np.array(["zero", "one", "two"])
    rows = small.y < 3
    fitted = NearestNeighbours(1).fit(small.x[rows], names[small.y[rows]])
    assert fitted.classes_.tolist() == ["one", "two", "zero"]
    assert np.array_equal(fitted.predict(small.x[rows]), names[small.y[rows]])


def test_one_class_only_is_refused(small):
    with pytest.raises(ValueError, match="one class"):
        PolynomialSVM().fit(small.x[:5], np.zeros(5, int))


def test_a_class_without_patterns_is_named():
    require_classes(np.arange(10))
    with pytest.raises(ValueError, match="no training pattern of class 3, 7"):
        require_classes(np.array([0, 1, 2, 4, 5, 6, 8, 9]))


def test_too_little_memory_is_one_line():
    require_memory(1, "one byte")
    with pytest.raises(MemoryError, match=r"the planes needs? about 1000000000.0 GB") as error:
        require_memory(1e18, "the planes")
    assert "\n" not in str(error.value)
