"""1,000 Gaussian units and a linear classifier (paper III.C.4)."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from lenet.classic.base import FLOATS, chunks, progress, require_memory


class GaussianUnits(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Units exp(-|x - c|^2 / (2 s^2)), their centres c found by k-means class by class.

    Args:
        units: per class; a class with fewer different patterns gets one unit for each.
        width: s^2 as a multiple of the mean squared distance of patterns to their centre.
        shared: whether that mean is over all patterns, so that all units have one width, or for
            each unit over its own patterns.
        random_state: of k-means.

    Attributes:
        centres_: (units, features), class by class. variances_: (units,) s^2.
    """

    def __init__(
        self,
        units: int = 100,
        width: float = 1.0,
        shared: bool = False,
        random_state: int | None = 0,
    ) -> None:
        self.units = units
        self.width = width
        self.shared = shared
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "GaussianUnits":
        """X: (N, features); y: (N,) the class that each pattern's centre is found in."""
        X, y = validate_data(self, X, y, dtype=FLOATS)
        centres, spreads, sizes = [], [], []
        for c in progress(np.unique(y), "k-means, class by class"):
            own = X[y == c]
            units = min(self.units, len(np.unique(own, axis=0)))
            clusters = KMeans(units, random_state=self.random_state).fit(own)
            distance = ((own - clusters.cluster_centers_[clusters.labels_]) ** 2).sum(1)
            size = np.bincount(clusters.labels_, minlength=clusters.n_clusters)
            spread = np.bincount(clusters.labels_, distance, clusters.n_clusters)
            centres.append(clusters.cluster_centers_)
            sizes.append(size)
            spreads.append(np.where(size > 1, spread, 0))  # what rounding leaves of one pattern
        self.centres_ = np.concatenate(centres)
        spread, size = np.concatenate(spreads), np.concatenate(sizes)
        mean = spread.sum() / size.sum() or 1.0  # every pattern its own centre: any width will do
        own_mean = np.where(spread > 0, spread / size, mean)  # a unit of one pattern has none
        self.variances_ = self.width * (np.full(len(size), mean) if self.shared else own_mean)
        self._n_features_out = len(self.centres_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """X: (N, features) -> (N, units) in 0..1, float64: what the pseudo-inverse needs."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        require_memory(3 * 8 * len(X) * len(self.centres_), "the outputs of the units")
        out = np.empty((len(X), len(self.centres_)))
        for part in chunks(len(X), "Gaussian units", 5_000):
            squared = euclidean_distances(X[part], self.centres_, squared=True)
            out[part] = np.exp(squared / (-2 * self.variances_))
        return out


def rbf_network(
    units: int = 100,
    width: float = 1.0,
    shared: bool = False,
    ridge: float = 1e-4,
    random_state: int | None = 0,
) -> Pipeline:
    """Gaussian units, and a second layer by regularised pseudo-inverse, fitted to +-1.

    Args:
        units, width, shared, random_state: see ``GaussianUnits``.
        ridge: the regularisation: penalty on squared weights of the second layer.
    """
    return Pipeline(
        [
            ("units", GaussianUnits(units, width, shared, random_state)),
            ("linear", RidgeClassifier(ridge, copy_X=False)),
        ]
    )
