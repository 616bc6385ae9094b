"""The classical classifiers of the comparison, as scikit-learn estimators behind one adapter."""

from lenet.classic.adapter import Estimator, Fit
from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.polynomial import pca_quadratic
from lenet.classic.rbf import rbf_network
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM
from lenet.classic.tangent import TangentDistance
from lenet.classic.virtual import VirtualSVM

__all__ = [
    "Estimator",
    "Fit",
    "NearestNeighbours",
    "PairwiseLinear",
    "PolynomialSVM",
    "ReducedSetSVM",
    "TangentDistance",
    "TanhUnits",
    "VirtualSVM",
    "pca_quadratic",
    "rbf_network",
]
