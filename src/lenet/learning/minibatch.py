"""Today's way to train: mini-batches, an adaptive optimizer, a schedule; one net at a time."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from lenet.classifier import Watch
from lenet.data import Digits
from lenet.errors import InputError
from lenet.learning.losses import loss_of
from lenet.learning.module import LearningModule, Loss
from lenet.learning.trainer import fit
from lenet.nets import Network


@dataclass(frozen=True)
class Minibatch:
    """A recipe.

    Attributes:
        optimizer: of parameters.
        schedule: of an optimizer and ``total_steps``, stepped after every batch.
        batch_size: digits in a batch.
        epochs: over the training split.
        loss: of scores and labels; None is the one that fits the net's output.
    """

    optimizer: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    batch_size: int
    epochs: int
    loss: Loss | None = None

    together: ClassVar[bool] = False  # the seeds of a job are trained one after the other

    def fit(
        self,
        models: Sequence[nn.Sequential],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> list[Network]:
        """As `Recipe.fit`: trains nets in place, from the weights that they have.

        Raises:
            Diverged: a loss that is not finite or climbs far.
        """
        if not all(isinstance(net, nn.Module) for net in models):
            raise InputError("this recipe trains nets only: an estimator wants recipe=fit")
        size = digits.train.images.shape[-1]
        try:
            models[0](digits.train.images[:1])
        except RuntimeError as e:
            raise InputError(f"this net takes no digits of {size}x{size} (data.view): {e}") from e
        options = dict(trainer)
        compiled = options.pop("compile") and can_compile()
        for net, seed, watch in zip(models, seeds, watches, strict=True):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
            module = LearningModule(
                net,
                self.loss or loss_of(net),
                self.optimizer,
                self.schedule,
                digits,
                self.batch_size,
                seed,
                compiled,
                watch,
            )
            validate = len(digits.validation) > 0
            fit(module, options, self.epochs, validate, folder)
        return [Network(net) for net in models]


def can_compile() -> bool:
    """Whether torch.compile finds the C++ compiler it needs; if not, says so."""
    if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++"):
        return True
    print("No C++ compiler here, so trainer.compile=true is not possible: running eagerly.")
    return False
