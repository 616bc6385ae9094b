"""Tangent distance (paper III.C.10): how far apart two digits stay when both may move a little.

Small transformations move an image along a surface; its tangent plane at the image stands for it.
The two-sided distance is the least one between points of two such planes (P. Simard, Y. LeCun,
J. Denker, "Efficient pattern recognition using a new transformation distance", NIPS 5, 1993).
"""

import numpy as np
import torch
from scipy.ndimage import correlate1d, gaussian_filter

from lenet.classic.base import CHUNK, ScoreClassifier, chunks, image_shape, require_memory
from lenet.classic.neighbours import vote_scores

TRANSFORMATIONS = ("x", "y", "scaling", "rotation", "axis", "diagonal", "thickness")


def tangent_vectors(images: np.ndarray) -> np.ndarray:
    """How images change under seven small transformations, per unit of each.

    Translations by a pixel, scaling, rotation by a radian (about the middle), the two hyperbolic
    transformations (squeezing along the axes, along the diagonals), and line thickness.

    Args:
        images: (N, H, W), smooth: differences between neighbours stand for derivatives.

    Returns:
        (N, 7, H, W), in the order of ``TRANSFORMATIONS``.
    """
    height, width = images.shape[1:]
    y = (np.arange(height, dtype=images.dtype) - (height - 1) / 2)[:, None]
    x = np.arange(width, dtype=images.dtype) - (width - 1) / 2
    dy = correlate1d(images, [-0.5, 0, 0.5], axis=1, mode="nearest")
    dx = correlate1d(images, [-0.5, 0, 0.5], axis=2, mode="nearest")
    return np.stack(
        [
            dx,
            dy,
            x * dx + y * dy,
            y * dx - x * dy,
            x * dx - y * dy,
            y * dx + x * dy,
            dx * dx + dy * dy,
        ],
        axis=1,
    )


def tangent_planes(images: np.ndarray) -> np.ndarray:
    """Orthonormal vectors that span the tangent planes.

    Args:
        images: (N, H, W).

    Returns:
        (N, 7, H * W) of the same type; vectors of zeros where a plane has fewer dimensions.
    """
    planes = np.empty((len(images), len(TRANSFORMATIONS), images[0].size), images.dtype)
    for part in chunks(len(images), size=2_000):
        t = tangent_vectors(images[part].astype(np.float64)).reshape(planes[part].shape)
        lengths, axes = np.linalg.eigh(t @ t.swapaxes(1, 2))
        real = lengths > 1e-9 * np.maximum(lengths[:, -1:], np.finfo(np.float64).tiny)
        inverse = np.where(real, 1 / np.sqrt(np.where(real, lengths, 1)), 0)
        planes[part] = (axes * inverse[:, None, :]).swapaxes(1, 2) @ t
    return planes


def tangent_distances(
    x: torch.Tensor,
    x_planes: torch.Tensor,
    patterns: torch.Tensor,
    planes: torch.Tensor,
    spring: float = 1e-3,
) -> torch.Tensor:
    """Two-sided tangent distances between images and the candidates of each.

    The square is the least of  |x + T a - p - U b|^2 + spring (|a|^2 + |b|^2)  over a and b, T and
    U orthonormal: a 7x7 system for each pair. The spring keeps it solvable where planes coincide.

    Args:
        x: (B, F). x_planes: (B, 7, F).
        patterns: (B, M, F) candidates p. planes: (B, M, 7, F).

    Returns:
        (B, M), at least 0.
    """
    b, m, t, f = planes.shape
    stiff = 1 + spring
    apart = x[:, None] - patterns
    u = apart @ x_planes.mT  # (B, M, 7)  T'd
    v = (planes @ apart[..., None])[..., 0]  # (B, M, 7)  U'd
    overlap = (x_planes @ planes.view(b, m * t, f).mT).view(b, t, m, t).transpose(1, 2)  # T'U
    system = stiff**2 * torch.eye(t, dtype=x.dtype) - overlap.mT @ overlap
    right = stiff * v - (overlap.mT @ u[..., None])[..., 0]
    q = torch.linalg.solve(system, right)
    p = ((overlap @ q[..., None])[..., 0] - u) / stiff
    squared = (apart * apart).sum(-1) + (p * u).sum(-1) - (q * v).sum(-1)
    return squared.clamp_min(0).sqrt()


class TangentDistance(ScoreClassifier):
    """Nearest neighbours in two-sided tangent distance, among those nearest in Euclidean distance.

    Args:
        k: number of neighbours that vote.
        candidates: training patterns, nearest in Euclidean distance, whose tangent distance
            is measured.
        blur: standard deviation in pixels of the Gaussian that smooths all images.

    Attributes:
        patterns_: (N, features), smoothed. codes_: (N,) their classes.

    Raises:
        ValueError: k below 1 or above the number of training patterns.
    """

    def __init__(self, k: int = 1, candidates: int = 500, blur: float = 0.5) -> None:
        self.k = k
        self.candidates = candidates
        self.blur = blur

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        if not 1 <= self.k <= len(X):
            raise ValueError(f"k must lie in 1..{len(X)}, the training patterns, not be {self.k}")
        self.patterns_, self.codes_ = self._smooth(X), codes

    def _smooth(self, X: np.ndarray) -> np.ndarray:
        images = X.reshape(len(X), *image_shape(X.shape[1]))
        return gaussian_filter(images, (0, self.blur, self.blur), mode="nearest").reshape(X.shape)

    def _scores(self, X: np.ndarray) -> np.ndarray:
        x = self._smooth(X.astype(self.patterns_.dtype, copy=False))
        candidates = self._candidates(x)
        used, inverse = np.unique(candidates, return_inverse=True)  # each plane is made once
        require_memory(8 * self.patterns_[0].nbytes * len(used), "the tangent planes")
        patterns = torch.from_numpy(self.patterns_[used])
        planes = torch.from_numpy(self._planes(self.patterns_[used]))
        rows = torch.from_numpy(inverse.reshape(candidates.shape))  # of patterns and planes
        distances = np.empty(candidates.shape, x.dtype)
        for part in chunks(len(x), "tangent distances", 4):  # 4 x 500 planes are 14 MB
            own, own_planes = torch.from_numpy(x[part]), torch.from_numpy(self._planes(x[part]))
            near = rows[part]
            distances[part] = tangent_distances(own, own_planes, patterns[near], planes[near])
        return self._votes(distances, self.codes_[candidates])

    def _planes(self, X: np.ndarray) -> np.ndarray:
        return tangent_planes(X.reshape(len(X), *image_shape(X.shape[1])))

    def _votes(self, distances: np.ndarray, codes: np.ndarray) -> np.ndarray:
        scores = np.empty((len(codes), len(self.classes_)))
        for part in chunks(len(codes)):
            scores[part] = vote_scores(distances[part], codes[part], len(self.classes_), self.k)
        return scores

    def _candidates(self, x: np.ndarray) -> np.ndarray:
        """(N, features) -> (N, M) indices of the patterns nearest in Euclidean distance."""
        require_memory(8 * CHUNK * len(self.patterns_), "the distances to the neighbours")
        count = min(max(self.candidates, self.k), len(self.patterns_))
        patterns = torch.from_numpy(self.patterns_)
        norms = (patterns * patterns).sum(1)
        near = np.empty((len(x), count), np.int64)
        for part in chunks(len(x), "Euclidean candidates"):
            distance = torch.addmm(norms, torch.from_numpy(x[part]), patterns.T, alpha=-2)
            near[part] = distance.topk(count, largest=False).indices
        return near
