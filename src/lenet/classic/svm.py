"""Support vector machines with a polynomial kernel (paper III.C.11), one for each pair of classes.

With scikit-learn-intelex installed its SVC does the fitting: the same vectors, sooner.
"""

import warnings
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from lenet.classic.base import ScoreClassifier, chunks, class_pairs, progress, require_memory

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own, of how it reads versions
        from sklearnex.svm import SVC
except ImportError:
    from sklearn.svm import SVC

CACHE = 600  # megabytes of kernel values kept while a machine is fitted


class Machine(NamedTuple):
    """One two-class machine  sum_s coef_s K(x_s, x) + bias."""

    support: np.ndarray  # (S,) numbers of the support vectors among the training patterns
    coef: np.ndarray  # (S,)
    bias: float


def unit_length(X: np.ndarray) -> np.ndarray:
    """X: (N, features) -> the same, each row divided by its length (zeros stay zeros)."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(lengths > 0, lengths, 1)


def polynomial_kernel(X: np.ndarray, vectors: np.ndarray, degree: int) -> np.ndarray:
    """(N, F), (S, F) -> (N, S): (x . v)^degree by repeated products, which powers are slower than.

    Both are taken as they are: scale them with ``unit_length`` first.
    """
    product = X @ vectors.T
    power = product.copy()
    for _ in range(degree - 1):
        power *= product
    return power


def fit_machine(
    X: np.ndarray, positive: np.ndarray, degree: int, C: float, whole: bool = False
) -> Machine:
    """The machine that tells the positive patterns from the others.

    Args:
        X: (N, F) of unit length. positive: (N,) bool.
        whole: whether to compute all N x N kernel values beforehand, as matrix products. That is
            four times faster where most patterns end as support vectors (a refit to those of
            another machine), slower where few do, as most values are then never asked for.

    Returns:
        The machine, its support vectors numbered as rows of X.
    """
    if whole:
        require_memory(10 * len(X) ** 2, "the kernel matrix of a support vector machine")
        kernel = np.empty((len(X), len(X)))
        for part in chunks(len(X)):
            kernel[part] = polynomial_kernel(X[part], X, degree)
        svc = SVC(kernel="precomputed", C=C, cache_size=CACHE).fit(kernel, positive)
    else:
        svc = SVC(kernel="poly", degree=degree, gamma=1.0, coef0=0.0, C=C, cache_size=CACHE)
        svc.fit(X.astype(np.float64), positive)
    return Machine(svc.support_, svc.dual_coef_[0], float(svc.intercept_[0]))


class PolynomialSVM(ScoreClassifier):
    """45 machines, one per pair of classes, with the kernel (x . y / |x| |y|)^degree.

    The score of a class is its weakest duel: the least output, in its favour, of the machines that
    set it against another class. A class that wins all its duels, so also the vote, has the one
    positive score, and how narrowly it won is what a pattern is rejected by.

    Args:
        degree: of the polynomial.
        C: bound of the multipliers, for inputs of unit length.
        n_jobs: machines fitted at once, in threads; each keeps 600 MB of kernel values.

    Attributes:
        vectors_: (S, features) the support vectors of all machines, of unit length.
        coefs_: (S, pairs), 0 where a vector does not support a machine. biases_: (pairs,).
        vector_codes_: (S,) the class of each vector, an index into classes_.
    """

    def __init__(self, degree: int = 4, C: float = 10.0, n_jobs: int | None = None) -> None:
        self.degree = degree
        self.C = C
        self.n_jobs = n_jobs

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        pairs = class_pairs(len(self.classes_))
        jobs = Parallel(self.n_jobs, require="sharedmem", return_as="generator")
        fits = jobs(delayed(self._fit_pair)(X, codes, i, j) for i, j in pairs)
        machines = list(progress(fits, "support vector machines", len(pairs)))
        numbers = np.unique(np.concatenate([m.support for m in machines]))
        self.vectors_ = self._patterns(X, numbers)
        self.vector_codes_ = codes[numbers % len(X)]
        self.coefs_ = np.zeros((len(numbers), len(pairs)), X.dtype)
        for pair, machine in enumerate(machines):
            self.coefs_[np.searchsorted(numbers, machine.support), pair] = machine.coef
        self.biases_ = np.array([m.bias for m in machines], X.dtype)

    def _fit_pair(self, X: np.ndarray, codes: np.ndarray, i: int, j: int) -> Machine:
        """The machine of class i against class j."""
        return self._fit_numbers(X, codes, np.flatnonzero((codes == i) | (codes == j)), i)

    def _fit_numbers(
        self, X: np.ndarray, codes: np.ndarray, numbers: np.ndarray, i: int, whole: bool = False
    ) -> Machine:
        """The machine that tells class i from the others among these patterns."""
        patterns, positive = self._patterns(X, numbers), codes[numbers % len(X)] == i
        machine = fit_machine(patterns, positive, self.degree, self.C, whole)
        return machine._replace(support=numbers[machine.support])

    def _patterns(self, X: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The training patterns of these numbers, of unit length."""
        return unit_length(X[numbers])

    def _scores(self, X: np.ndarray) -> np.ndarray:
        X = unit_length(X.astype(self.vectors_.dtype, copy=False))
        scores = np.full((len(X), len(self.classes_)), np.inf, X.dtype)
        for part in chunks(len(X), "support vectors"):
            duels = polynomial_kernel(X[part], self.vectors_, self.degree) @ self.coefs_
            duels += self.biases_
            for pair, (i, j) in enumerate(class_pairs(len(self.classes_))):
                scores[part, i] = np.minimum(scores[part, i], duels[:, pair])
                scores[part, j] = np.minimum(scores[part, j], -duels[:, pair])
        return scores
