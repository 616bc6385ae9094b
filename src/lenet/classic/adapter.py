"""scikit-learn's estimators among the classifiers of this project."""

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from lenet.classic import persistence
from lenet.classic.base import require_classes
from lenet.classic.costs import costs
from lenet.classifier import Costs, Task
from lenet.data import Digits
from lenet.errors import InputError

REHEARSED = 40  # digits of each class


class Estimator:
    """Scores of a fitted estimator, its costs and its file.

    Attributes:
        estimator: fitted to N x H*W pixels and their labels; of two kinds of scores that it may
            have, decision_function and predict_proba, the first counts.
    """

    file: ClassVar[str] = "model.skops"

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @classmethod
    def load(cls, path: Path, model: Any = None) -> Self:
        """Reads what `save` wrote; the same scores to the last bit.

        Args:
            path: of the file.
            model: untrained, of a class that the file may hold besides this project's.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is another file, or a damaged one.
        """
        return cls(persistence.load(path, model))

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x classes, larger is better."""
        pixels = images.flatten(1).numpy()
        if hasattr(self.estimator, "decision_function"):
            scores = np.asarray(self.estimator.decision_function(pixels))
            # of two classes scikit-learn gives the second's lead alone
            return np.stack([-scores, scores], 1) / 2 if scores.ndim == 1 else scores
        return np.asarray(self.estimator.predict_proba(pixels))

    def costs(self, images: Tensor) -> Costs:
        """For one digit; all cost the same."""
        try:
            return costs(self.estimator)
        except TypeError:  # of a class of the user's own
            return Costs(None, None)

    def save(self, path: Path) -> None:
        """Writes parameters and arrays as a skops file, without pickle."""
        persistence.save(self.estimator, path)


@dataclass(frozen=True)
class Fit:
    """The recipe of the classical rows: scikit-learn's ``fit``."""

    together: ClassVar[bool] = False

    def fit(self, task: Task) -> list[Estimator]:
        """Fits each estimator; those that draw at random draw from the seed. There are no epochs.

        Raises:
            InputError: distorted or noisy digits, a class without digits, too little memory.
        """
        if not task.digits.as_they_are:
            raise InputError("data.distort, data.noise: only nets are trained on changed digits")
        return [
            self._fit_one(model, seed, task.digits)
            for model, seed in zip(task.models, task.seeds, strict=True)
        ]

    def load(self, model: Any, path: Path) -> Estimator:
        """As `Recipe.load`; the file holds the estimator's own values."""
        return Estimator.load(path, model)

    def _fit_one(self, model: Any, seed: int, digits: Digits) -> Estimator:
        name = type(model).__name__
        if not hasattr(model, "get_params") or not hasattr(model, "fit"):
            raise InputError(f"recipe=fit trains estimators, not {name}")
        random = {key: seed for key in model.get_params() if key.endswith("random_state")}
        estimator = Estimator(model.set_params(**random))
        pixels, labels = digits.train.images.flatten(1).numpy(), digits.train.labels.numpy()
        try:
            require_classes(labels, digits.classes)
            if persistence.foreign(model):
                rehearse(model, digits)
            model.fit(pixels, labels)
        except InputError:
            raise
        except (ValueError, MemoryError) as e:
            raise InputError(f"{name} cannot be fitted: {e}") from e
        return estimator


def rehearse(model: Any, digits: Digits) -> None:
    """Fits a copy of an estimator of the user's own to a few digits, scores and saves it.

    Raises:
        InputError: it gives no score for each class. That it cannot be fitted to so few is no
            error, to all of them it may be; that it cannot be saved without pickle, a line tells.
    """
    name, labels = type(model).__name__, digits.train.labels
    few = torch.cat([(labels == c).nonzero()[:REHEARSED, 0] for c in range(digits.classes)])
    images = digits.train.images[few]
    copied = Estimator(clone(model))
    try:
        copied.estimator.fit(images.flatten(1).numpy(), labels[few].numpy())
    except Exception:
        return
    try:
        shape = copied.scores(images).shape
    except Exception as e:
        raise InputError(
            f"{name} gives no scores: it has to have a decision_function or "
            f"predict_proba ({' '.join(str(e).split())})"
        ) from e
    if shape != (len(few), digits.classes):
        raise InputError(
            f"{name} gives scores of shape {shape} for {len(few)} digits of "
            f"{digits.classes} classes"
        )
    with TemporaryDirectory() as folder:
        try:
            copied.save(Path(folder) / copied.file)
        except ValueError as e:
            print(
                f"{name} is trained and tested, but it cannot be saved without pickle: "
                f"{' '.join(str(e).split())}",
                file=sys.stderr,
            )
