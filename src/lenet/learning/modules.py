"""The LightningModules: one pattern per update as in 1998, and mini-batches as of today."""

import lenet.learning.lightning  # noqa: F401  before all that imports Lightning

# isort: split

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from lenet.classifier import EpochCallback
from lenet.data import Digits, Split, patterns_of_pass, training_patterns
from lenet.errors import InputError
from lenet.learning import sdlm
from lenet.learning.batches import InOrder, SeveralBatches, Shuffled, ahead
from lenet.learning.lanes import BatchLanes, Lanes
from lenet.learning.losses import Loss
from lenet.learning.trainer import ON_BAR, Diverged, EpochModule
from lenet.nets import TrainedNet

CHUNK = 2_000  # patterns of each net in one step of Lightning's loop
DIVERGED = 10.0  # a loss so many times that of the first epoch will not come back

Chunk = tuple[Tensor, Tensor, Tensor]  # images, labels, and (K, M) which of them each net sees


class OnePatternModule(EpochModule):
    """Several seeds of one net, each learning pattern by pattern in an order of its own.

    Args:
        lanes: the nets.
        seeds: one per net, of the order in which it sees the patterns.
        digits: trained and validated on.
        recipe: tells eta and on how many patterns h is measured.
        epoch_callbacks: one per net, called after each pass.
    """

    def __init__(
        self,
        lanes: Lanes,
        seeds: Sequence[int],
        digits: Digits,
        recipe: sdlm.SDLM,
        epoch_callbacks: Sequence[EpochCallback],
    ) -> None:
        super().__init__(epoch_callbacks)
        self.automatic_optimization = False  # the lanes make their updates themselves
        self.lanes = lanes
        self.seeds = seeds
        self.digits = digits
        self.recipe = recipe

    def configure_optimizers(self) -> None:
        """None, as the lanes make the updates."""

    def order(self) -> Tensor:
        """(K, patterns): what each net sees in this pass, first to last: the same in every pass,
        or the pass's part of the distorted set, or of what was mined for it."""
        count = len(self.digits.train)
        if self.digits.distorted:
            passes = [patterns_of_pass(self.current_epoch, count, seed) for seed in self.seeds]
            return torch.stack(passes)
        # a stream apart from the one that drew the weights
        generators = [Generator().manual_seed(seed + 2**32) for seed in self.seeds]
        if self.digits.mined is not None:
            order = sdlm.orders(generators, self.digits.mined.shape[1])
            return self.digits.mined.gather(1, order)
        return sdlm.orders(generators, count)

    def chunk(self, order: Tensor) -> Chunk:
        """The patterns of an order, ready for the lanes."""
        train = self.digits.train
        if self.digits.as_they_are:
            return train.images, train.labels, order
        patterns = training_patterns(train, order.flatten(), self.digits.noise, self.current_epoch)
        return patterns.images, patterns.labels, torch.arange(order.numel()).view_as(order)

    def train_dataloader(self) -> "Chunks":
        return Chunks(self)

    def transfer_batch_to_device(self, batch: Chunk, *_: Any) -> Chunk:
        return batch

    def on_train_epoch_start(self) -> None:
        self.started = time.perf_counter()
        recipe, number = self.recipe, self.current_epoch + 1
        measured_on = sdlm.curvature_patterns(self.order(), number, recipe.hessian_patterns)
        images, _, order = self.chunk(measured_on)
        eta = recipe.eta[min(number, len(recipe.eta)) - 1]
        self.rates = sdlm.rates(self.lanes, images, order, eta, recipe.eta_factor)
        self.norms = self.lanes.weights.norm(dim=1)
        self.loss = torch.zeros(len(self.seeds), dtype=torch.float64)
        self.wrong = torch.zeros(len(self.seeds), dtype=torch.int64)
        self.seen = 0

    def training_step(self, chunk: Chunk) -> None:
        images, labels, order = chunk
        try:
            loss, wrong = self.lanes.update(images, labels, order, self.rates)
        except SystemError as e:  # what a signal's exit becomes inside compiled code
            raise e.__cause__ or e from None
        self.loss += loss * order.shape[1]
        self.wrong += wrong
        self.seen += order.shape[1]

    def on_train_epoch_end(self) -> None:
        seconds = time.perf_counter() - self.started
        measured = {}
        if len(self.digits.validation):
            measured["validation/error"] = self.errors(self.digits.validation)
        if self.digits.test_each_epoch:
            measured["figure_5/test_error"] = self.errors(self.digits.test)
        reports = []
        for k in range(len(self.seeds)):
            metrics = {
                "train/loss": float(self.loss[k]) / self.seen,
                "train/error": int(self.wrong[k]) / self.seen,
                "learning_rate": float(self.rates[k].median()),
                "learning_rate_lowest": float(self.rates[k].min()),
                "learning_rate_highest": float(self.rates[k].max()),
                "weight_norm": float(self.norms[k]),  # before the pass
                "epoch_seconds": seconds / len(self.seeds),
            }
            metrics |= {name: errors[k] for name, errors in measured.items()}
            if not metrics["train/loss"] < float("inf"):
                raise Diverged(
                    f"training diverged in pass {self.current_epoch + 1}: lower recipe.eta_factor"
                )
            reports.append(metrics)
        self.report(reports)
        means = {"train/loss": self.loss.mean() / self.seen} | {
            name: sum(errors) / len(errors) for name, errors in measured.items()
        }
        for name in ON_BAR & means.keys():
            self.log(name, means[name], prog_bar=True)

    def errors(self, split: Split) -> list[float]:
        """The error of each net."""
        wrong = self.lanes.scores(split.images).argmax(2) != split.labels
        return wrong.float().mean(1).tolist()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["lanes"] = self.lanes.weights

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.lanes.weights = checkpoint["lanes"]


class Chunks:
    """One pass, chunk by chunk, as Lightning iterates over it."""

    def __init__(self, module: OnePatternModule) -> None:
        self.module = module

    def __len__(self) -> int:
        return -(-self.module.order().shape[1] // CHUNK)

    def __iter__(self) -> Iterator[Chunk]:
        return ahead(self.module.chunk, self.module.order().split(CHUNK, dim=1))


class MinibatchModule(EpochModule):
    """A net that learns by mini-batches of digits in memory.

    A step only keeps its loss and error; metrics are computed and logged once an epoch. On nets
    this small a log call or a metric's update per step would cost more than it tells.

    Args:
        net: N x 1 x H x W -> N x classes, larger is better.
        loss: of scores and labels.
        optimizer: given the parameters, makes the optimizer.
        schedule: given the optimizer and ``total_steps``, makes a schedule that is stepped
            after every batch.
        digits: trained and validated on.
        batch_size: digits in a training batch.
        seed: of the order of the digits.
        compiled: whether torch.compile fuses the training step.
        epoch_callback: called after each epoch.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Loss,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        digits: Digits,
        batch_size: int,
        seed: int,
        compiled: bool,
        epoch_callback: EpochCallback,
    ) -> None:
        super().__init__([epoch_callback])
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

    def train_dataloader(self) -> Shuffled | SeveralBatches:
        return self.batches()

    def batches(self) -> Shuffled:
        """Of this epoch."""
        trainer = self.trainer
        return Shuffled(
            self.digits,
            self.batch_size,
            self.seed,
            self.current_epoch,
            trainer.global_rank,
            trainer.world_size,
        )

    def total_steps(self) -> int:
        """Of the optimizer, in all epochs."""
        return int(self.trainer.estimated_stepping_batches)

    def val_dataloader(self) -> InOrder | list[InOrder]:
        return InOrder(self.digits.validation) if len(self.digits.validation) else []

    def configure_optimizers(self) -> Any:
        steps = self.total_steps()
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
        # for nets that draw, as dropout does: an epoch is the same after an interruption, too
        place = (self.seed, self.current_epoch, self.trainer.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def training_step(self, batch: Any) -> Tensor | None:
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
            scores = TrainedNet(self.net).scores(self.digits.test.images)
            wrong = scores.argmax(1) != self.digits.test.labels.numpy()
            metrics["figure_5/test_error"] = float(wrong.mean())
            self.net.train()
        self.validation_error.reset()
        for name in ON_BAR & metrics.keys():
            self.log(name, metrics[name], prog_bar=True, sync_dist=True)
        self.report([metrics])

    def _check(self, loss: float) -> None:
        first = self.epochs[0][0]["train/loss"] if self.epochs else loss
        if not loss <= DIVERGED * first < float("inf"):  # false for NaN, too
            raise Diverged(
                f"training diverged in epoch {self.current_epoch + 1} (loss {loss:.3g}): "
                "lower recipe.optimizer.lr"
            )


class LanesModule(MinibatchModule):
    """By the lanes. A step of Lightning's loop takes several batches, since its own work for each
    would be a third of all.

    Args:
        lanes: of the net and its loss.
        arguments: those of `MinibatchModule`.
    """

    def __init__(self, lanes: BatchLanes, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.automatic_optimization = False
        self.lanes = lanes

    def train_dataloader(self) -> SeveralBatches:
        return SeveralBatches(self.batches())

    def total_steps(self) -> int:
        assert self.trainer.max_epochs is not None
        return self.trainer.max_epochs * len(self.batches())

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        # torch's own would hold their cores for milliseconds after all work, in wait for more
        torch.set_num_threads(1)

    def training_step(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        schedule = cast(LRScheduler, self.lr_schedulers())
        for batch in batches:
            optimizer.step(partial(self._find_gradient, optimizer, batch))
            schedule.step()

    def _find_gradient(self, optimizer: LightningOptimizer, batch: tuple[Tensor, Tensor]) -> Tensor:
        optimizer.zero_grad()
        try:
            loss, kept = self.lanes.step(*batch)
        except SystemError as e:  # what a signal's exit becomes inside compiled code
            raise e.__cause__ or e from None
        self.steps.append(kept)
        self.manual_backward(loss)
        return loss

    def on_validation_start(self) -> None:
        torch.set_num_threads(self.lanes.threads)

    def on_train_epoch_end(self) -> None:
        torch.set_num_threads(self.lanes.threads)
        super().on_train_epoch_end()


def error(scores: Tensor, labels: Tensor) -> Tensor:
    """The share of patterns whose best score is another class's: N x 10, N -> scalar."""
    return (scores.argmax(1) != labels).float().mean()
