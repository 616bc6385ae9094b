"""The recipe of 1998: one pattern per update, rates from the curvature, all seeds together.

The mathematics is in `sdlm` and `lanes`; here Lightning drives it, a chunk of patterns a step.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from lenet import paper
from lenet.classifier import Watch
from lenet.data import Digits, Split, patterns_of_pass, training_patterns
from lenet.errors import InputError
from lenet.learning import sdlm
from lenet.learning.lanes import Lanes
from lenet.learning.losses import J, loss_of
from lenet.learning.module import BAR, Diverged
from lenet.learning.trainer import fit
from lenet.learning.watched import Watched
from lenet.nets import Network

CHUNK = 2_000  # patterns of each net in one step of Lightning's loop

Chunk = tuple[Tensor, Tensor, Tensor]  # images, labels, and (K, M) which of them each net sees


@dataclass(frozen=True)
class SDLM:
    """A recipe: stochastic diagonal Levenberg-Marquardt (III.B, appendices A and C).

    Its values are where one may depart from the paper's text; the defaults are the text's.

    Attributes:
        scale, power: weights start uniform in +-scale / F^power, F the fan-in.
        eta_factor: what the paper's eta is multiplied by.
        j: of the MAP loss, the penalty of the rubbish class; the text leaves it open.
        epochs: passes over the training set.
    """

    scale: float = paper.INITIAL_SCALE
    power: float = paper.INITIAL_POWER
    eta_factor: float = 1.0
    j: float = J
    epochs: int = paper.PASSES

    together: ClassVar[bool] = True  # the seeds of a job share the lanes

    def fit(
        self,
        models: Sequence[nn.Sequential],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> list[Network]:
        """As `Recipe.fit`: trains nets side by side on the processor, in place, and draws their
        initial weights anew.

        Raises:
            InputError: a net that the lanes do not know.
            Diverged: a loss that is not finite.
        """
        if not all(isinstance(net, nn.Sequential) for net in models):
            raise InputError("this recipe trains nets only: an estimator wants recipe=fit")
        if "strategy" in trainer:
            raise InputError("one pattern per update cannot be shared: leave trainer=ddp out")
        options = {name: value for name, value in trainer.items() if name != "compile"}
        for net, seed in zip(models, seeds, strict=True):
            sdlm.initialize(net, Generator().manual_seed(seed), self.scale, self.power)
        try:
            losses: Any = [loss_of(net, self.j) for net in models]
            size = digits.train.images.shape[-1]
            lanes = Lanes(models, losses, size, torch.get_num_threads())
        except ValueError as e:
            raise InputError(f"this recipe trains the nets of 1998 only: {e}") from e
        module = OnePatternModule(lanes, seeds, digits, self.eta_factor, watches)
        fit(module, options | {"accelerator": "cpu"}, self.epochs, False, folder)
        lanes.write_back(models)
        return [Network(net) for net in models]


class OnePatternModule(Watched):
    """Several seeds of one net, each learning pattern by pattern in an order of its own.

    Args:
        lanes: the nets.
        seeds: one a net.
        digits: trained and validated on.
        eta_factor: what the paper's eta is multiplied by.
        watches: one a net, called after each pass.
    """

    def __init__(
        self,
        lanes: Lanes,
        seeds: Sequence[int],
        digits: Digits,
        eta_factor: float,
        watches: Sequence[Watch],
    ) -> None:
        super().__init__(watches)
        self.automatic_optimization = False  # the lanes make their updates themselves
        self.lanes = lanes
        self.seeds = seeds
        self.digits = digits
        self.eta_factors = [eta_factor] * len(seeds)

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
        number = self.current_epoch + 1
        images, _, order = self.chunk(sdlm.curvature_patterns(self.order(), number))
        self.rates = sdlm.rates(self.lanes, images, order, number, self.eta_factors)
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
        told = []
        for k in range(len(self.seeds)):
            metrics = {
                "train/loss": float(self.loss[k]) / self.seen,
                "train/error": int(self.wrong[k]) / self.seen,
                "learning_rate": float(self.rates[k].median()),
                "learning_rate_lowest": float(self.rates[k].min()),
                "learning_rate_highest": float(self.rates[k].max()),
                "epoch_seconds": seconds / len(self.seeds),
            }
            metrics |= {name: errors[k] for name, errors in measured.items()}
            if not metrics["train/loss"] < float("inf"):
                raise Diverged(
                    f"training diverged in pass {self.current_epoch + 1}: lower recipe.eta_factor"
                )
            told.append(metrics)
        self.tell(told)
        means = {"train/loss": self.loss.mean() / self.seen} | {
            name: sum(errors) / len(errors) for name, errors in measured.items()
        }
        for name in BAR & means.keys():
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
        return (self.module.chunk(part) for part in self.module.order().split(CHUNK, dim=1))
