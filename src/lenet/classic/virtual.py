"""Virtual support vectors (paper III.C.11): shifted copies of the vectors that matter, refitted.

C. Burges, B. Schoelkopf, "Improving the accuracy and speed of support vector machines", NIPS 9,
1997.
"""

import numpy as np

from lenet.classic.base import image_shape
from lenet.classic.svm import Machine, PolynomialSVM, unit_length
from lenet.paper import BACKGROUND

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # rows down, columns to the right


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images (N, H, W) moved by at most one pixel; what moves in is background."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=BACKGROUND)
    height, width = images.shape[1:]
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


class VirtualSVM(PolynomialSVM):
    """Each machine fitted twice: to its training patterns, then to its support vectors and their
    copies shifted by one pixel up, down, left and right.

    Numbers of patterns: that of row n moved by the s-th shift is  s N + n.

    Args and attributes: those of ``PolynomialSVM``.
    """

    def __init__(self, degree: int = 9, C: float = 10.0, n_jobs: int | None = None) -> None:
        super().__init__(degree, C, n_jobs)

    def _fit_pair(self, X: np.ndarray, codes: np.ndarray, i: int, j: int) -> Machine:
        first = super()._fit_pair(X, codes, i, j)
        copies = np.concatenate([first.support + s * len(X) for s in range(len(SHIFTS))])
        return self._fit_numbers(X, codes, copies, i, whole=True)

    def _patterns(self, X: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        rows, shifts = numbers % len(X), numbers // len(X)
        images = X.reshape(len(X), *image_shape(X.shape[1]))
        patterns = np.empty((len(numbers), X.shape[1]), X.dtype)
        for s in np.unique(shifts):
            moved = shifted(images[rows[shifts == s]], *SHIFTS[s])
            patterns[shifts == s] = moved.reshape(len(moved), -1)
        return unit_length(patterns)
