"""What a fitted classical classifier costs, in the paper's way of counting (Figures 11 and 12)."""

from functools import singledispatch
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.rbf import GaussianUnits
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM
from lenet.classic.tangent import TRANSFORMATIONS, TangentDistance
from lenet.classifier import Costs


@singledispatch
def costs(estimator: Any) -> Costs:
    """The costs of a fitted estimator; TypeError for one that is not of this project's rows.

    Weights count once in both, distances and scalar products one multiply-accumulate per input;
    the few operations per unit that follow (squashing, exponentials, comparisons) are not counted.
    """
    raise TypeError(f"no way to count the costs of a {type(estimator).__name__} is known")


@costs.register
def _pipeline(estimator: Pipeline) -> Costs:
    steps = [costs(step) for _, step in estimator.steps]  # all known
    return Costs(sum(s.macs or 0 for s in steps), sum(s.variables or 0 for s in steps))


@costs.register(RidgeClassifier)
@costs.register(TanhUnits)
def _linear(estimator: Any) -> Costs:
    weights = estimator.coef_.size + np.count_nonzero(estimator.intercept_)  # 0.0: there is none
    return Costs(weights, weights)


@costs.register
def _pairwise(estimator: PairwiseLinear) -> Costs:
    weights = estimator.coef_.size + estimator.intercept_.size
    return Costs(weights + 2 * len(estimator.coef_), weights)  # each output enters two scores


@costs.register
def _pca(estimator: PCA) -> Costs:
    return Costs(estimator.components_.size, estimator.components_.size + estimator.mean_.size)


@costs.register
def _products(estimator: PolynomialFeatures) -> Costs:
    return Costs(0, 0)  # multiplications, but nothing is accumulated or stored


@costs.register
def _units(estimator: GaussianUnits) -> Costs:
    widths = 1 if estimator.shared else len(estimator.centres_)
    return Costs(estimator.centres_.size, estimator.centres_.size + widths)


@costs.register
def _neighbours(estimator: NearestNeighbours) -> Costs:
    return Costs(estimator.patterns_.size, estimator.patterns_.size)


@costs.register
def _tangent(estimator: TangentDistance) -> Costs:
    """Planes are not stored: those of the candidates are made anew from the patterns."""
    patterns, pixels = estimator.patterns_.shape
    t = len(TRANSFORMATIONS)
    plane = 2 * t * t + t  # per pixel: products of the tangent vectors, and making them orthonormal
    pair = t * t + 2 * t + 1  # per pixel: T'U, T'd, U'd, d'd
    candidates = min(estimator.candidates, patterns)
    macs = pixels * (patterns + plane + candidates * (plane + pair))
    return Costs(macs, estimator.patterns_.size)


@costs.register
def _svm(estimator: PolynomialSVM) -> Costs:
    weights = int((estimator.coefs_ != 0).sum()) + estimator.biases_.size
    return Costs(estimator.vectors_.size + weights, estimator.vectors_.size + weights)


@costs.register
def _reduced_set(estimator: ReducedSetSVM) -> Costs:
    weights = estimator.coefs_.size + estimator.biases_.size
    return Costs(estimator.vectors_.size + weights, estimator.vectors_.size + weights)
