"""The recipe of 1998: one pattern per update, rates from the curvature, all seeds together.

The mathematics is in `sdlm` and `lanes`; here Lightning drives it, a chunk of patterns a step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn

from lenet import paper
from lenet.data.digits import Digits
from lenet.data.distort import distorted_patterns, patterns_of_pass
from lenet.errors import InputError
from lenet.learning import sdlm
from lenet.learning.lanes import Lanes
from lenet.learning.losses import J, loss_of
from lenet.learning.module import Diverged, Watch
from lenet.learning.trainer import make_trainer

CHUNK = 2_000  # patterns of each net in one step of Lightning's loop


@dataclass(frozen=True)
class SDLM:
    """A recipe: stochastic diagonal Levenberg-Marquardt (III.B, appendices A and C).

    Its values are where one may depart from the paper's text, which says 2.4, 1 and 1, and
    leaves j open.

    Attributes:
        scale, power: weights start uniform in +-scale / F^power, F the fan-in.
        eta_factor: what the paper's eta is multiplied by.
        j: of the MAP loss, the penalty of the rubbish class.
        epochs: passes over the training set.
    """

    scale: float = sdlm.INITIAL_SCALE
    power: float = sdlm.INITIAL_POWER
    eta_factor: float = 1.0
    j: float = J
    epochs: int = paper.PASSES

    together: ClassVar[bool] = True  # the seeds of a job share the lanes

    def fit(
        self,
        nets: Sequence[nn.Sequential],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> None:
        """Trains the nets side by side, in place, on the processor.

        Args:
            nets: copies of one net of 1998; their weights are drawn anew.
            seeds: one a net, of its weights and its order of patterns.
            digits: trained and validated on.
            trainer: arguments of pl.Trainer.
            folder: for checkpoints while it lasts.
            watches: one a net, called after each pass.

        Raises:
            InputError: a net that is none of the lanes'.
            Diverged: weights that are no longer finite.
        """
        options = {name: value for name, value in trainer.items() if name != "compile"}
        for net, seed in zip(nets, seeds, strict=True):
            sdlm.initialize(net, Generator().manual_seed(seed), self.scale, self.power)
        try:
            losses: Any = [loss_of(net, self.j) for net in nets]
            size = digits.train.images.shape[-1]
            lanes = Lanes(nets, losses, size, torch.get_num_threads())
        except ValueError as e:
            raise InputError(f"recipe=paper trains the nets of 1998 only: {e}") from e
        module = OnePatternModule(lanes, seeds, digits, self.eta_factor, watches)
        validate = len(digits.validation) > 0
        make_trainer(options | {"accelerator": "cpu"}, self.epochs, validate, folder).fit(module)
        lanes.write_back(nets)


class OnePatternModule(pl.LightningModule):
    """Several seeds of one net, each learning pattern by pattern in its own order."""

    def __init__(
        self,
        lanes: Lanes,
        seeds: Sequence[int],
        digits: Digits,
        eta_factor: float,
        watches: Sequence[Watch],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # the lanes make their updates themselves
        self.lanes = lanes
        self.seeds = seeds
        self.digits = digits
        self.eta_factors = [eta_factor] * len(seeds)
        self.watches = watches

    def configure_optimizers(self) -> None:
        """None: see `training_step`."""

    def train_dataloader(self) -> "Chunks":
        return Chunks(self.digits, self._order())

    def _order(self) -> Tensor:
        """(K, patterns): what each net sees in this pass, first to last."""
        count = len(self.digits.train)
        if self.digits.distorted:
            return torch.stack(
                [patterns_of_pass(self.current_epoch, count, seed) for seed in self.seeds]
            )
        # a stream of its own, apart from the one that drew the weights
        return sdlm.orders([Generator().manual_seed(~seed & 2**63 - 1) for seed in self.seeds], count)

    def on_train_epoch_start(self) -> None:
        number = self.current_epoch + 1
        first = (number - 1) * paper.HESSIAN_PATTERNS
        order = self._order().roll(-first, 1)[:, : paper.HESSIAN_PATTERNS]
        images, _, rows = shown(self.digits, order)
        self.rates = sdlm.rates(self.lanes, images, rows, number, self.eta_factors)
        self.loss = torch.zeros(len(self.seeds), dtype=torch.float64)
        self.errors = torch.zeros(len(self.seeds), dtype=torch.int64)

    def training_step(self, chunk: tuple[Tensor, Tensor, Tensor]) -> None:
        images, labels, order = chunk
        loss, errors = self.lanes.update(images, labels, order, self.rates)
        self.loss += loss * order.shape[1]
        self.errors += errors
'''
'''
