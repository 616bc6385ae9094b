"""Nearest neighbours in Euclidean distance (paper III.C.2), exact."""

import numpy as np
import torch

from lenet.classic.base import CHUNK, ScoreClassifier, chunks, require_memory


def vote_scores(distances: np.ndarray, codes: np.ndarray, classes: int, k: int) -> np.ndarray:
    """The votes of the k nearest; ties are broken by distance.

    A class scores its votes among the k nearest plus  d / d_c  in [0, 1]: the distance of the
    nearest pattern over that of its own nearest one, 0 for a class without candidates. So the
    class with most votes wins, of equal ones the nearest, and where all k agree the margin still
    says how much farther the second class is (votes alone could not tell doubt: they are whole).

    Args:
        distances: (N, M) to M candidates, any monotone measure >= 0.
        codes: (N, M) the class of each candidate.

    Returns:
        (N, classes).
    """
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    voters = np.take_along_axis(codes, nearest, axis=1)
    of_class = codes[:, :, None] == np.arange(classes)
    own = np.where(of_class, distances[:, :, None], np.inf).min(1)
    best = own.min(1, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 / 0: as near as can be
        closeness = np.where(own == best, 1.0, best / own)
    # votes of a class that ties must not overtake by closeness: half a vote at most
    return (voters[:, :, None] == np.arange(classes)).sum(1) + closeness / 2


class NearestNeighbours(ScoreClassifier):
    """The class of the majority among the k nearest training patterns.

    Squared distances come from matrix products, in chunks; the k nearest of each class, measured
    again pattern by pattern, decide, so that rounding in the products (1e-4 of a squared distance
    between digits) can at most exchange two patterns of one class that are as near.

    Args:
        k: number of neighbours that vote.

    Attributes:
        patterns_: (N, features), sorted by class. counts_: (classes,) patterns of each class.

    Raises:
        ValueError: k below 1 or above the number of training patterns.
    """

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        if not 1 <= self.k <= len(X):
            raise ValueError(f"k must lie in 1..{len(X)}, the training patterns, not be {self.k}")
        self.patterns_ = X[np.argsort(codes, kind="stable")]
        self.counts_ = np.bincount(codes)

    def _scores(self, X: np.ndarray) -> np.ndarray:
        require_memory(8 * CHUNK * len(self.patterns_), "the distances to the neighbours")
        classes = len(self.classes_)
        code_of = np.repeat(np.arange(classes), self.counts_)
        patterns = torch.from_numpy(self.patterns_)
        norms = (patterns * patterns).sum(1)
        scores = np.empty((len(X), classes))
        for part in chunks(len(X), "neighbours"):
            x = torch.from_numpy(X[part]).to(patterns.dtype)
            candidates = self._nearest_of_each_class(x, patterns, norms)
            distances = torch.stack([(x - patterns[c]).norm(dim=1) for c in candidates.T], 1)
            codes = code_of[candidates.numpy()]
            scores[part] = vote_scores(distances.numpy(), codes, classes, self.k)
        return scores

    def _nearest_of_each_class(
        self, x: torch.Tensor, patterns: torch.Tensor, norms: torch.Tensor
    ) -> torch.Tensor:
        """(n, features) -> (n, up to classes * k) indices of training patterns."""
        distance = torch.addmm(norms, x, patterns.T, alpha=-2)  # less |x|^2, the same for all
        nearest, start = [], 0
        for of_class in distance.split(self.counts_.tolist(), dim=1):
            k = min(self.k, of_class.shape[1])
            nearest.append(of_class.topk(k, largest=False).indices + start)
            start += of_class.shape[1]
        return torch.cat(nearest, 1)
