"""40 principal components and a second-degree polynomial classifier (paper III.C.3)."""

from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

INPUTS = {
    "products": {"degree": (2, 2)},  # 820 products of pairs, squares among them, and the bias
    "cross": {"degree": 2, "interaction_only": True},  # 40 + 780 products of different ones + bias
    "all": {"degree": 2},  # 40 + 820 + bias
}


def pca_quadratic(components: int = 40, inputs: str = "products", ridge: float = 1.0) -> Pipeline:
    """A linear classifier over the products of the principal components, fitted to +-1.

    Args:
        components: principal components, of patterns less their mean.
        inputs: of the linear classifier. The paper says 821 and "all products of pairs of input
            variables": "products" (820 of 40, and the bias). "cross" are 821 as well; "all", with
            the components themselves, 861.
        ridge: penalty on squared weights.

    Raises:
        ValueError: other inputs.
    """
    if inputs not in INPUTS:
        raise ValueError(f"inputs are one of {', '.join(INPUTS)}, not {inputs!r}")
    return Pipeline(
        [
            ("pca", PCA(components)),
            ("products", PolynomialFeatures(**INPUTS[inputs])),
            # the bias is one of the inputs; scikit-learn would penalise neither
            ("linear", RidgeClassifier(ridge, fit_intercept=False)),
        ]
    )
