"""The LightningModule: any net, learning by mini-batches."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from lenet.classifier import Watch
from lenet.data import Digits
from lenet.errors import InputError
from lenet.learning.batches import InOrder, Shuffled
from lenet.learning.watched import Watched
from lenet.nets import Network

Loss = Callable[[Tensor, Tensor], Tensor]  # scores N x 10, labels N -> scalar

BAR = {"train/loss", "validation/error"}  # what the progress bar shows of an epoch
DIVERGED = 10.0  # a loss so many times that of the first epoch will not come back


class Diverged(InputError):
    """Training left the finite, or climbed far above where it began."""


class LearningModule(Watched):
    """A net that learns by mini-batches of digits in memory.

    A step only keeps its loss and error; metrics are computed and logged once an epoch. On nets
    this small a log call or a metric's update per step would cost more than it tells.

    Args:
        net: N x 1 x H x W -> N x 10 scores, larger is better.
        loss: of scores and labels.
        optimizer: given the parameters, makes the optimizer.
        schedule: given the optimizer and ``total_steps``, makes a schedule that is stepped
            after every batch.
        digits: trained and validated on.
        batch_size: digits in a training batch.
        seed: of the order of the digits.
        compiled: whether torch.compile fuses the training step.
        watch: called after each epoch.
    """

    def __init__(
        self,
        net: nn.Sequential,
        loss: Loss,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        digits: Digits,
        batch_size: int,
        seed: int,
        compiled: bool,
        watch: Watch,
    ) -> None:
        super().__init__([watch])
        self.net = net
        self.loss = loss
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.digits = digits
        self.batch_size = batch_size
        self.seed = seed
        self.forward_step = torch.compile(self._step, dynamic=False) if compiled else self._step
        self.steps: list[Tensor] = []  # loss and error of each batch of the epoch
        self.validation_error = MeanMetric()

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.net(images)
        loss = self.loss(scores, labels)
        return loss, torch.stack([loss.detach(), error(scores.detach(), labels)])

    def train_dataloader(self) -> Shuffled:
        trainer = self.trainer
        return Shuffled(
            self.digits,
            self.batch_size,
            self.seed,
            self.current_epoch,
            trainer.global_rank,
            trainer.world_size,
        )

    def val_dataloader(self) -> InOrder | list[InOrder]:
        return InOrder(self.digits.validation) if len(self.digits.validation) else []

    def configure_optimizers(self) -> Any:
        steps = int(self.trainer.estimated_stepping_batches)
        try:
            optimizer = self.make_optimizer(self.net.parameters())
            schedule = self.make_schedule(optimizer, total_steps=steps)
        except (TypeError, ValueError, ZeroDivisionError) as e:
            raise InputError(
                f"recipe.optimizer or recipe.schedule does not fit {steps} batches: {e}"
            ) from e
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        self.started = time.perf_counter()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss, kept = self.forward_step(*batch)
        self.steps.append(kept)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        images, labels = batch
        self.validation_error.update(error(self.net(images), labels), len(labels))

    def on_train_epoch_end(self) -> None:
        now = time.perf_counter()
        mean = torch.stack(self.steps).mean(0)
        loss, wrong = self.trainer.strategy.reduce(mean, reduce_op="mean").tolist()
        self.steps.clear()
        metrics = {
            "train/loss": loss,
            "train/error": wrong,
            "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            "epoch_seconds": now - self.started,
        }
        self._check(loss)
        if len(self.digits.validation):
            metrics["validation/error"] = float(self.validation_error.compute())
        if self.digits.test_each_epoch:
            scores = Network(self.net).scores(self.digits.test.images)
            wrong = scores.argmax(1) != self.digits.test.labels.numpy()
            metrics["figure_5/test_error"] = float(wrong.mean())
            self.net.train()
        self.validation_error.reset()
        for name in BAR & metrics.keys():
            self.log(name, metrics[name], prog_bar=True, sync_dist=True)
        self.tell([metrics])

    def _check(self, loss: float) -> None:
        first = self.epochs[0][0]["train/loss"] if self.epochs else loss
        if not loss <= DIVERGED * first < float("inf"):  # false for NaN, too
            raise Diverged(
                f"training diverged in epoch {self.current_epoch + 1} (loss {loss:.3g}): "
                "lower recipe.optimizer.lr"
            )


def error(scores: Tensor, labels: Tensor) -> Tensor:
    """The share of patterns whose best score is another class's: N x 10, N -> scalar."""
    return (scores.argmax(1) != labels).float().mean()
