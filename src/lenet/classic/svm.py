"""Support vector machines with a polynomial kernel (paper III.C.11), and the virtual SVM.

The virtual SVM, V-SVM in the paper, is fitted again to shifted copies of its support vectors:
C. Burges, B. Schoelkopf, "Improving the accuracy and speed of support vector machines", NIPS 9,
1997. Most of its patterns end as support vectors, and their kernel matrix is too large for libsvm:
``smo`` does that fit. With scikit-learn-intelex installed its SVC does the others: the same
vectors, sooner.
"""

import warnings
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from lenet.classic.base import (
    ScoreClassifier,
    chunks,
    class_pairs,
    image_shape,
    progress,
    require_memory,
)
from lenet.paper import BACKGROUND

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own, of how it reads versions
        from sklearnex.svm import SVC
except ImportError:
    from sklearn.svm import SVC

CACHE = 600  # megabytes of kernel values kept while a machine is fitted
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # rows down, columns to the right


class Machine(NamedTuple):
    """One two-class machine  sum_s coef_s K(x_s, x) + bias."""

    support: np.ndarray  # (S,) indices of the support vectors among the training patterns
    coef: np.ndarray  # (S,)
    bias: float


def unit_length(X: np.ndarray) -> np.ndarray:
    """X: (N, features) -> the same, each row divided by its length (zeros stay zeros)."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(lengths > 0, lengths, 1)


def polynomial_kernel(X: np.ndarray, vectors: np.ndarray, degree: int) -> np.ndarray:
    """(N, F), (S, F) -> (N, S): (x . v)^degree by repeated products, faster than a power.

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
    """The machine that separates the positive patterns from the others.

    Args:
        X: (N, F) of unit length. positive: (N,) bool.
        whole: whether to compute all N x N kernel values beforehand, as matrix products: sooner
            where many of them are asked for (degree 9: a third of the time), later where few are
            (degree 4), as most values are then never used.

    Returns:
        The machine; its support indexes rows of X.
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
    """One-vs-one: 45 machines for ten classes, with the kernel (x . y / |x| |y|)^degree.

    The score of a class is the least output, in its favour, of the machines that separate it from
    another class. A class that wins all of its comparisons, so also the vote, has the one positive
    score, and how narrowly it won is what a pattern is rejected by.

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
        indices = np.unique(np.concatenate([m.support for m in machines]))
        self.vectors_ = self._patterns(X, indices)
        self.vector_codes_ = codes[indices % len(X)]
        self.coefs_ = np.zeros((len(indices), len(pairs)), X.dtype)
        for pair, machine in enumerate(machines):
            self.coefs_[np.searchsorted(indices, machine.support), pair] = machine.coef
        self.biases_ = np.array([m.bias for m in machines], X.dtype)

    def _fit_pair(self, X: np.ndarray, codes: np.ndarray, i: int, j: int) -> Machine:
        """The machine of class i against class j."""
        return self._fit_patterns(X, codes, np.flatnonzero((codes == i) | (codes == j)), i)

    def _fit_patterns(
        self, X: np.ndarray, codes: np.ndarray, indices: np.ndarray, i: int, whole: bool = False
    ) -> Machine:
        """The machine that separates class i from the others among these patterns."""
        patterns, positive = self._patterns(X, indices), codes[indices % len(X)] == i
        machine = fit_machine(patterns, positive, self.degree, self.C, whole)
        return machine._replace(support=indices[machine.support])

    def _patterns(self, X: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """The training patterns at these indices, of unit length.

        A subclass may have more patterns than rows of X: several of row n, at n, n + N, n + 2N ...
        """
        return unit_length(X[indices])

    def _scores(self, X: np.ndarray) -> np.ndarray:
        X = unit_length(X.astype(self.vectors_.dtype, copy=False))
        scores = np.full((len(X), len(self.classes_)), np.inf, X.dtype)
        for part in chunks(len(X), "support vectors"):
            outputs = polynomial_kernel(X[part], self.vectors_, self.degree) @ self.coefs_
            outputs += self.biases_
            for pair, (i, j) in enumerate(class_pairs(len(self.classes_))):
                scores[part, i] = np.minimum(scores[part, i], outputs[:, pair])
                scores[part, j] = np.minimum(scores[part, j], -outputs[:, pair])
        return scores


class VirtualSVM(PolynomialSVM):
    """Each machine fitted twice: to its training patterns, then to its support vectors and their
    copies shifted by one pixel up, down, left and right.

    Row n of X moved by the s-th of ``SHIFTS`` is the pattern at index  s N + n.

    Args and attributes: those of ``PolynomialSVM``; the second fit of a machine takes at most four
    bytes of memory for each pair of its patterns.
    """

    def __init__(self, degree: int = 9, C: float = 10.0, n_jobs: int | None = None) -> None:
        super().__init__(degree, C, n_jobs)

    def _fit_pair(self, X: np.ndarray, codes: np.ndarray, i: int, j: int) -> Machine:
        from lenet.classic.smo import minimize  # numba takes a second

        either = np.flatnonzero((codes == i) | (codes == j))
        first = self._fit_patterns(X, codes, either, i, whole=True)
        copies = np.concatenate([first.support + s * len(X) for s in range(len(SHIFTS))])
        patterns, positive = self._patterns(X, copies), codes[copies % len(X)] == i

        def rows(chosen: np.ndarray) -> np.ndarray:
            return polynomial_kernel(patterns[chosen], patterns, self.degree)

        coef, bias = minimize(rows, positive, self.C)
        support = np.flatnonzero(coef)
        return Machine(copies[support], coef[support], bias)

    def _patterns(self, X: np.ndarray, indices: np.ndarray) -> np.ndarray:
        rows, shifts = indices % len(X), indices // len(X)
        images = X.reshape(len(X), *image_shape(X.shape[1]))
        patterns = np.empty((len(indices), X.shape[1]), X.dtype)
        for s in np.unique(shifts):
            moved = shifted(images[rows[shifts == s]], *SHIFTS[s])
            patterns[shifts == s] = moved.reshape(len(moved), -1)
        return unit_length(patterns)


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images (N, H, W) moved by at most one pixel; what moves in is background."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=BACKGROUND)
    height, width = images.shape[1:]
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
