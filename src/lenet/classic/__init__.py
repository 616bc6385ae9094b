"""The classical classifiers of the comparison, as scikit-learn estimators behind one adapter.

``Fit`` is the recipe that trains them, ``Estimator`` the classifier that it gives; the others are
what a configuration names, from III.C.1 to III.C.4, III.C.10 and III.C.11.
"""

from lenet.classic.adapter import Estimator, Fit
from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.polynomial import pca_quadratic
from lenet.classic.rbf import rbf_network
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM, VirtualSVM
from lenet.classic.tangent import TangentDistance

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
