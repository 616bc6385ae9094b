"""scikit-learn's estimators among the classifiers of this project."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lenet.classic import persistence
from lenet.classic.base import require_classes
from lenet.classic.costs import costs
from lenet.classifier import Costs, Task
from lenet.data import Digits
from lenet.errors import InputError


class Estimator:
    """Scores of a fitted estimator, its costs and its file.

    Attributes:
        estimator: fitted to N x H*W pixels and the labels 0-9.
    """

    file: ClassVar[str] = "model.skops"

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote; the same scores to the last bit.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is another file, or a damaged one.
        """
        return cls(persistence.load(path))

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        return np.asarray(self.estimator.decision_function(images.flatten(1).numpy()))

    def costs(self, images: Tensor) -> Costs:
        """For one digit; all cost the same."""
        return costs(self.estimator)

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
        return Estimator.load(path)

    def _fit_one(self, model: Any, seed: int, digits: Digits) -> Estimator:
        if not hasattr(model, "decision_function"):
            raise InputError(f"recipe=fit trains estimators, not {type(model).__name__}")
        random = {name: seed for name in model.get_params() if name.endswith("random_state")}
        estimator = Estimator(model.set_params(**random))
        try:
            require_classes(digits.train.labels.numpy(), 10)
            model.fit(digits.train.images.flatten(1).numpy(), digits.train.labels.numpy())
        except (ValueError, MemoryError) as e:
            raise InputError(f"{type(model).__name__} cannot be fitted: {e}") from e
        return estimator
