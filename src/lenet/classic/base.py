"""What the classical classifiers share: the contract for scores, work in chunks, and refusals."""

from collections.abc import Iterable, Iterator
from math import isqrt
from typing import Any, TypeVar

import numpy as np
import psutil
from rich.console import Console
from rich.progress import track
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

T = TypeVar("T")
FLOATS = [np.float64, np.float32]  # kept as they come; anything else becomes the first
CHUNK = 500  # patterns scored at once: 500 x 60,000 distances are 120 MB


class ScoreClassifier(ClassifierMixin, BaseEstimator):
    """A classifier with one score per class, larger is better; predicts the largest.

    A subclass gives ``_fit(X, codes)``, codes being indices into ``classes_``, and
    ``_scores(X) -> (N, classes)``. The margin between the two best scores is what a pattern is
    rejected by (paper III.D), so scores must tell how sure the classifier is.
    """

    def fit(self, X: Any, y: Any) -> "ScoreClassifier":
        """X: (N, features); y: (N,) labels of at least two classes, else ValueError."""
        X, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"all {len(y)} patterns are of one class; at least two are needed")
        self._fit(X, codes)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X: (N, features) -> (N, classes); with two classes (N,), scikit-learn's convention."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """X: (N, features) -> (N,) labels."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(1) if scores.ndim == 2 else (scores > 0).astype(int)]

    def _fit(self, X: np.ndarray, codes: np.ndarray) -> None:
        raise NotImplementedError

    def _scores(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def class_pairs(classes: int) -> list[tuple[int, int]]:
    """0/1, 0/2, ... 8/9: the 45 pairs of ten classes, in the paper's order (III.C.1)."""
    return [(i, j) for i in range(classes) for j in range(i + 1, classes)]


def image_shape(features: int) -> tuple[int, int]:
    """The (height, width) of images given as rows of pixels: square, or else one line of pixels."""
    side = isqrt(features)
    return (side, side) if side * side == features else (1, features)


def chunks(count: int, description: str = "", size: int = CHUNK) -> Iterator[slice]:
    """Slices that cover 0..count, with a progress bar where there is a description for it."""
    starts: Iterable[int] = range(0, count, size)
    if description:
        starts = progress(starts, description)
    return (slice(i, min(i + size, count)) for i in starts)


def progress(steps: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    """The steps, with a progress bar on standard error where that is a terminal.

    Args:
        total: number of steps, where they have no length of their own.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        return steps
    return track(steps, description, total, console=console, transient=True)


def require_classes(y: np.ndarray, classes: int = 10) -> None:
    """Raises ValueError where one of the labels 0..classes-1 has no pattern."""
    missing = sorted(set(range(classes)) - set(np.unique(y).tolist()))
    if missing:
        names = ", ".join(map(str, missing))
        raise ValueError(f"no training pattern of class {names}; take more or other patterns")


def require_memory(needed: float, what: str) -> None:
    """Raises MemoryError, before anything is allocated, where `needed` bytes are not free."""
    free = psutil.virtual_memory().available
    if needed > free:
        raise MemoryError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            "train on fewer patterns"
        )
