"""The two contracts on which everything rests: a classifier, and a recipe that trains some."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor

from lenet.data import Digits

Watch = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number, from 1, and its metrics."""


class Costs(Protocol):
    """What classifying one digit takes, in the paper's way of counting (Figures 11 and 12)."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""

    @property
    def variables(self) -> int:
        """Stored variables."""


class Classifier(Protocol):
    """Anything trained that has an opinion on digits."""

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""

    def costs(self, images: Tensor) -> Costs:
        """For one digit, in the mean over N x 1 x H x W if digits differ."""

    def save(self, path: Path) -> None:
        """Writes all that scores depend on, without pickle, as safetensors."""


class Recipe(Protocol):
    """A way to train. `together` tells whether the seeds of a job are trained at once."""

    together: bool

    def fit(
        self,
        models: Sequence[Any],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> Sequence[Classifier]:
        """Trains one model for each seed.

        Args:
            models: nets or estimators, untrained.
            seeds: one a model, of every random draw that is not in the model already.
            digits: trained and validated on.
            trainer: arguments of pl.Trainer, and ``compile``.
            folder: for checkpoints while it lasts.
            watches: one a model, called after each epoch.

        Raises:
            InputError: models that this recipe cannot train, a training that diverges.
        """
