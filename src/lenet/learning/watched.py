"""What all LightningModules here share: each epoch's figures are told, and outlive the process."""

import signal
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from torch import distributed

from lenet.classifier import Watch


class Watched(pl.LightningModule):
    """Trains one net or several side by side, and tells each net's watch of every epoch.

    What was told goes into the checkpoint: a training that continues from it tells those epochs
    first, so that a watch always hears of all of them. Processes that share a training
    (trainer=ddp) tell nobody: the one that started them tells when they have ended.

    Args:
        watches: one a net.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        super().__init__()
        self.watches = watches
        self.epochs: list[list[dict[str, float]]] = []  # of each epoch the metrics of each net

    def on_train_start(self) -> None:
        # to end at once with the process that started them; Lightning's handler would wait for all
        if _one_of_several():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)

    def tell(self, metrics: list[dict[str, float]]) -> None:
        """Tells each watch what the epoch that ends brought for its net."""
        self.epochs.append(metrics)
        if _one_of_several():
            return
        for watch, one in zip(self.watches, metrics, strict=True):
            watch(len(self.epochs), one)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["epochs"] = self.epochs

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for metrics in checkpoint["epochs"]:
            self.tell(metrics)


def _one_of_several() -> bool:
    """Whether this process shares a training with others."""
    return distributed.is_available() and distributed.is_initialized()
