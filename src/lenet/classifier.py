"""The two contracts on which everything rests: a classifier, and a recipe that trains some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:  # the nets, which use this module, know no data; the runs no torch
    from numpy.typing import NDArray
    from torch import Tensor

    from lenet.data import Digits

EpochCallback = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number, from 1, and its metrics."""


MODEL_FILES = ("model.safetensors", "model.skops")


class Costs(NamedTuple):
    """What classifying one digit takes, counted as in the paper's Figures 11 and 12; None is not
    known, as of a layer of a kind that nobody has counted."""

    macs: int | None  # multiply-accumulates
    variables: int | None  # stored

    def plus(self, macs: int, variables: int) -> "Costs":
        """With so many more."""
        return Costs(
            None if self.macs is None else self.macs + macs,
            None if self.variables is None else self.variables + variables,
        )


class Classifier(Protocol):
    """Anything trained that gives scores to digits. Its class reads back what `save` wrote, by a
    class method ``load`` that takes what the file does not hold, such as an untrained net.

    `file` is the name that such a file has in a run, one of `MODEL_FILES`.
    """

    file: str

    def scores(self, images: "Tensor") -> "NDArray":
        """N x 1 x H x W -> N x classes, larger is better."""

    def costs(self, images: "Tensor") -> Costs:
        """For one digit, in the mean over N x 1 x H x W if digits differ."""

    def save(self, path: Path) -> None:
        """Writes all that scores depend on, without pickle, as safetensors or skops."""


@dataclass(frozen=True)
class Task:
    """What a recipe is asked to train.

    Attributes:
        models: nets or estimators, untrained.
        seeds: one per model, of every random draw that is not in the model already.
        digits: trained and validated on.
        trainer: arguments of pl.Trainer, and ``compile``.
        folder: for checkpoints while training lasts.
        callbacks: one per model, called after each epoch.
    """

    models: Sequence[Any]
    seeds: Sequence[int]
    digits: "Digits"
    trainer: dict[str, Any]
    folder: Path
    callbacks: Sequence[EpochCallback]


class Recipe(Protocol):
    """A way to train. `together` tells whether the seeds of a job are trained at once."""

    together: bool

    def fit(self, task: Task) -> Sequence[Classifier]:
        """Trains one classifier for each model.

        Raises:
            InputError: models that this recipe cannot train, a training that diverges.
        """

    def load(self, model: Any, path: Path) -> Classifier:
        """Reads what a classifier of this recipe saved; scores are the same to the last bit.

        Args:
            model: untrained, as it went into `fit`.
            path: a file that `Classifier.save` wrote.

        Raises:
            OSError, SafetensorError: no such file, or none of its kind.
            KeyError, RuntimeError, ValueError: a file of another classifier.
        """
