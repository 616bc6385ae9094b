"""The reduced set (paper III.C.11): few vectors that stand for the many of a trained machine.

C. Burges, "Simplified support vector decision rules", ICML 1996: vectors z and coefficients b whose
combination comes nearest to the machine's in feature space, |sum a_s f(x_s) - sum b_m f(z_m)|^2.
"""

import numpy as np
import torch

from lenet.classic.base import ScoreClassifier, progress
from lenet.classic.svm import PolynomialSVM, fit_machine, polynomial_kernel, unit_length

RIDGE = 1e-6  # keeps the coefficients solvable where two vectors of the reduced set coincide


def coefficients(
    z: torch.Tensor, x: torch.Tensor, a: torch.Tensor, degree: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The best b for given z, in closed form, and the squared distance less its constant part.

    Args:
        z: (M, F) reduced set. x: (S, F) support vectors. a: (S,) their coefficients.

    Returns:
        b: (M,), and  b' K(z, z) b - 2 b' K(z, x) a, with a gradient in z.
    """
    among = (z @ z.T) ** degree
    onto = (z @ x.T) ** degree @ a
    scale = RIDGE * torch.eye(len(z), dtype=z.dtype) * among.detach().diagonal().mean()
    b = torch.linalg.solve(among.detach() + scale, onto.detach())  # stationary: needs no gradient
    return b, b @ among @ b - 2 * b @ onto


def reduce_set(
    x: np.ndarray, a: np.ndarray, size: int, degree: int, steps: int, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Adam, from the support vectors with the largest coefficients.

    Args:
        x: (S, F), of unit length. a: (S,).
        size: number of vectors; no more than S are used.

    Returns:
        z: (size, F), of any length, and b: (size,).
    """
    start = np.sort(np.argsort(-np.abs(a), kind="stable")[:size])
    tx, ta = torch.from_numpy(x), torch.from_numpy(a.astype(x.dtype))
    z = tx[torch.from_numpy(start)].clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        coefficients(z, tx, ta, degree)[1].backward()
        optimizer.step()
    z = z.detach()
    return z.numpy(), coefficients(z, tx, ta, degree)[0].numpy()


class ReducedSetSVM(ScoreClassifier):
    """One machine per class, each with a reduced set of vectors.

    A ``PolynomialSVM`` finds the patterns that matter; on them one machine per class is fitted
    against all others; its vectors are replaced by the reduced set.

    Args:
        vectors: of the reduced set of each class.
        degree, C, n_jobs: as in ``PolynomialSVM``.
        steps, rate: of Adam, for the vectors of the reduced set.

    Attributes:
        vectors_: (classes, M, features). coefs_: (classes, M). biases_: (classes,).
    """

    def __init__(
        self,
        vectors: int = 160,
        degree: int = 5,
        C: float = 10.0,
        steps: int = 150,
        rate: float = 3e-3,
        n_jobs: int | None = None,
    ) -> None:
        self.vectors = vectors
        self.degree = degree
        self.C = C
        self.steps = steps
        self.rate = rate
        self.n_jobs = n_jobs

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        pairwise = PolynomialSVM(self.degree, self.C, self.n_jobs).fit(X, codes)
        classes, support = len(self.classes_), pairwise.vectors_
        self.vectors_ = np.zeros((classes, min(self.vectors, len(support)), X.shape[1]), X.dtype)
        self.coefs_ = np.zeros(self.vectors_.shape[:2], X.dtype)
        self.biases_ = np.zeros(classes, X.dtype)
        for c in progress(range(classes), "reduced set, class by class"):
            own = pairwise.vector_codes_ == c
            machine = fit_machine(support, own, self.degree, self.C, whole=True)
            z, b = reduce_set(
                support[machine.support],
                machine.coef,
                self.vectors,
                self.degree,
                self.steps,
                self.rate,
            )
            self.vectors_[c, : len(z)], self.coefs_[c, : len(b)] = z, b
            self.biases_[c] = machine.bias

    def _scores(self, X: np.ndarray) -> np.ndarray:
        X = unit_length(X.astype(self.vectors_.dtype, copy=False))
        rules = zip(self.vectors_, self.coefs_, self.biases_, strict=True)
        return np.stack(
            [polynomial_kernel(X, z, self.degree) @ b + bias for z, b, bias in rules], 1
        )
