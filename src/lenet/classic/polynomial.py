"""40 principal components and a second-degree polynomial classifier (paper III.C.3)."""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

INPUTS: dict[str, dict[str, Any]] = {
    "products": {"degree": (2, 2)},  # 820 products of pairs, squares among them, and the bias
    "cross": {"degree": 2, "interaction_only": True},  # 40 + 780 products of different ones + bias
    "all": {"degree": 2},  # 40 + 820 + bias
}


class UncentredPCA(PCA):
    """The principal components of patterns less their mean, but patterns projected as they are.

    The other way to read the paper, where the mean is subtracted to find the components. Products
    of such projections contain the projections themselves, each times a constant.
    """

    def transform(self, X: Any) -> np.ndarray:
        """X: (N, features) -> (N, components)."""
        return super().transform(X) + self.mean_ @ self.components_.T

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fits, then transforms, X: (N, features) -> (N, components)."""
        return self.fit(X).transform(X)


def pca_quadratic(
    components: int = 40, inputs: str = "products", centred: bool = True, ridge: float = 1.0
) -> Pipeline:
    """A linear classifier over the products of the principal components, fitted to +-1.

    Args:
        components: number of principal components.
        inputs: of the linear classifier. The paper says 821 and "all products of pairs of input
            variables": "products" (820 of 40, and the bias). "cross" are 821 as well; "all", with
            the components themselves, 861.
        centred: whether the mean is removed from patterns before they are projected, or only to
            find the components.
        ridge: penalty on squared weights.

    Raises:
        ValueError: other inputs.
    """
    if inputs not in INPUTS:
        raise ValueError(f"inputs are one of {', '.join(INPUTS)}, not {inputs!r}")
    return Pipeline(
        [
            ("pca", PCA(components) if centred else UncentredPCA(components)),
            ("products", PolynomialFeatures(**INPUTS[inputs])),
            # the bias is among the inputs
            ("linear", RidgeClassifier(ridge, fit_intercept=False)),
        ]
    )
