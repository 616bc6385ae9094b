"""Today's way to train: mini-batches, an adaptive optimizer, a schedule; one net at a time."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from lenet.classifier import Task
from lenet.errors import InputError
from lenet.learning.losses import Loss, loss_of
from lenet.nets import TrainedNet


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

    def fit(self, task: Task) -> list[TrainedNet]:
        """As `Recipe.fit`: trains nets in place, from the weights that they have.

        Raises:
            Diverged: a loss that is not finite or climbs far.
        """
        from lenet.learning.modules import MinibatchModule  # Lightning takes seconds
        from lenet.learning.trainer import fit

        digits = task.digits
        if not all(isinstance(net, nn.Module) for net in task.models):
            raise InputError("this recipe trains nets only: an estimator wants recipe=fit")
        size = digits.train.images.shape[-1]
        try:
            task.models[0](digits.train.images[:1])
        except RuntimeError as e:
            raise InputError(f"this net takes no digits of {size}x{size} (data.view): {e}") from e
        options = dict(task.trainer)
        compiled = options.pop("compile") and can_compile()
        for net, seed, callback in zip(task.models, task.seeds, task.callbacks, strict=True):
            module = MinibatchModule(
                net.to(memory_format=torch.channels_last),  # twice as fast
                self.loss or loss_of(net),
                self.optimizer,
                self.schedule,
                digits,
                self.batch_size,
                seed,
                compiled,
                callback,
            )
            fit(module, options, self.epochs, len(digits.validation) > 0, task.folder)
        return [TrainedNet(net) for net in task.models]

    def load(self, model: Any, path: Path) -> TrainedNet:
        """As `Recipe.load`."""
        # as trained: else last bits of scores differ
        return TrainedNet.load(model.to(memory_format=torch.channels_last), path)


def can_compile() -> bool:
    """Whether torch.compile finds the C++ compiler it needs; if not, says so."""
    if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++"):
        return True
    print("No C++ compiler here, so trainer.compile=true is not possible: running eagerly.")
    return False
