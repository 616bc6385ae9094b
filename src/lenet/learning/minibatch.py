"""Today's way to train: mini-batches, an adaptive optimizer, a schedule; one net at a time."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from lenet.data.digits import Digits
from lenet.learning.module import LearningModule, Loss, Watch
from lenet.learning.trainer import make_trainer


@dataclass(frozen=True)
class Minibatch:
    """A recipe.

    Attributes:
        optimizer: of parameters.
        schedule: of an optimizer and ``total_steps``, stepped after every batch.
        batch_size: digits in a batch.
        epochs: over the training split.
        loss: of scores and labels.
    """

    optimizer: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    batch_size: int
    epochs: int
    loss: Loss = nn.functional.cross_entropy

    together: ClassVar[bool] = False  # the seeds of a job are trained one after the other

    def fit(
        self,
        nets: Sequence[nn.Module],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> None:
        """Trains each net, in place.

        Args:
            nets: N x 1 x H x W -> N x 10 scores, with their initial weights.
            seeds: one a net, of the order of the digits.
            digits: trained and validated on.
            trainer: arguments of pl.Trainer, and ``compile``.
            folder: for checkpoints while it lasts.
            watches: one a net, called after each epoch.

        Raises:
            Diverged: a loss that is not finite or climbs far.
        """
        options = dict(trainer)
        compiled = options.pop("compile") and can_compile()
        for net, seed, watch in zip(nets, seeds, watches, strict=True):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast
            module = LearningModule(
                net,
                self.loss,
                self.optimizer,
                self.schedule,
                digits,
                self.batch_size,
                seed,
                compiled,
                watch,
            )
            validate = len(digits.validation) > 0
            make_trainer(options, self.epochs, validate, folder).fit(module)
            net.eval()


def can_compile() -> bool:
    """Whether torch.compile finds the C++ compiler it needs; if not, says so."""
    if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++"):
        return True
    print("No C++ compiler here, so trainer.compile=true is not possible: running eagerly.")
    return False
