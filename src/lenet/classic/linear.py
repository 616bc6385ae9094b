"""Linear classifiers (paper III.C.1): ten units, or one unit for each pair of classes.

A unit is read in two ways. Linear units that fit +-1 in the least squares are scikit-learn's
``RidgeClassifier``; here are units with the paper's sigmoid, trained by gradient descent, and the
pairwise classifier with either. docs/recipes.md compares them.
"""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.utils import check_random_state

from lenet.classic.base import ScoreClassifier, class_pairs, progress
from lenet.paper import SQUASH_AMPLITUDE, SQUASH_SLOPE


def squash(a: np.ndarray) -> np.ndarray:
    """f(a) = 1.7159 tanh(2a/3), appendix A."""
    return SQUASH_AMPLITUDE * np.tanh(SQUASH_SLOPE * a)


def train_units(
    X: np.ndarray, targets: np.ndarray, rate: float, passes: int, random_state: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent on the squared error of f(x . w + b), one pattern per update.

    As the paper trains its networks: a constant random order; the rate falls linearly to nothing.

    Args:
        X: (N, features).
        targets: (N, units), -1 or +1; a unit is not trained on a pattern whose target is 0.
        rate: of the first update.
        passes: through all patterns.
        random_state: of the order.

    Returns:
        Weights (units, features) and biases (units,).
    """
    order = check_random_state(random_state).permutation(len(X))
    trained = (targets != 0).astype(X.dtype)
    weights = np.zeros((X.shape[1], targets.shape[1]), X.dtype)
    biases = np.zeros(targets.shape[1], X.dtype)
    rates = np.linspace(rate, 0, passes, endpoint=False, dtype=X.dtype)
    for eta in progress(rates, "gradient descent"):
        for n in order:
            out = squash(X[n] @ weights + biases)
            slope = SQUASH_SLOPE * (SQUASH_AMPLITUDE - out * out / SQUASH_AMPLITUDE)
            delta = eta * trained[n] * (targets[n] - out) * slope
            weights += np.multiply.outer(X[n], delta)
            biases += delta
    return weights.T, biases


class TanhUnits(ScoreClassifier):
    """One unit 1.7159 tanh(2a/3) per class, trained to +1 on it and to -1 on the others.

    The score of a class is the weighted sum a of its unit (the same order as its output, and no
    loss of digits where the unit saturates).

    Args:
        rate: of gradient descent, at the start.
        passes: through the training patterns.
        random_state: of the order of the patterns.

    Attributes:
        coef_: (classes, features). intercept_: (classes,).
    """

    def __init__(self, rate: float = 5e-4, passes: int = 5, random_state: int | None = 0) -> None:
        self.rate = rate
        self.passes = passes
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        targets = np.where(codes[:, None] == np.arange(len(self.classes_)), 1, -1).astype(X.dtype)
        self.coef_, self.intercept_ = train_units(
            X, targets, self.rate, self.passes, self.random_state
        )

    def _scores(self, X: np.ndarray) -> np.ndarray:
        return X @ self.coef_.T + self.intercept_


class PairwiseLinear(ScoreClassifier):
    """45 units; unit i/j is trained to +1 on class i, to -1 on class j, and on nothing else.

    The score of class i is the sum of the outputs of the units i/x minus that of the units y/i.

    Args:
        units: "linear", the least squares to +-1; "tanh", 1.7159 tanh(2a/3) by gradient descent.
        ridge: of linear units, the penalty on squared weights per training pattern of the pair.
        rate, passes, random_state: of tanh units, as in ``TanhUnits``.

    Attributes:
        coef_: (pairs, features). intercept_: (pairs,).

    Raises:
        ValueError: other units.
    """

    def __init__(
        self,
        units: str = "linear",
        ridge: float = 0.1,
        rate: float = 5e-4,
        passes: int = 5,
        random_state: int | None = 0,
    ) -> None:
        self.units = units
        self.ridge = ridge
        self.rate = rate
        self.passes = passes
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        signs = pair_signs(len(self.classes_)).astype(X.dtype)
        targets = signs.T[codes]
        if self.units == "tanh":
            self.coef_, self.intercept_ = train_units(
                X, targets, self.rate, self.passes, self.random_state
            )
        elif self.units == "linear":
            fits = [self._least_squares(X, t) for t in targets.T]
            self.coef_ = np.stack([unit.coef_ for unit in fits])
            self.intercept_ = np.array([unit.intercept_ for unit in fits], X.dtype)
        else:
            raise ValueError(f'units are "linear" or "tanh", not {self.units!r}')

    def _least_squares(self, X: np.ndarray, target: np.ndarray) -> Ridge:
        rows = target != 0
        return Ridge(alpha=self.ridge * rows.sum()).fit(X[rows], target[rows])

    def _scores(self, X: np.ndarray) -> np.ndarray:
        out = X @ self.coef_.T + self.intercept_
        return (out if self.units == "linear" else squash(out)) @ pair_signs(len(self.classes_))


def pair_signs(classes: int) -> np.ndarray:
    """(pairs, classes): +1 where the unit is i/x, -1 where it is y/i, 0 elsewhere."""
    signs = np.zeros((classes * (classes - 1) // 2, classes))
    for unit, (i, j) in enumerate(class_pairs(classes)):
        signs[unit, i], signs[unit, j] = 1, -1
    return signs
