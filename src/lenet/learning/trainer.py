"""Lightning's Trainer, set up the one way that every recipe uses, and what its modules share."""

import lenet.learning.lightning  # noqa: F401  before all that imports Lightning

# isort: split

import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, TQDMProgressBar
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher
from torch import distributed
from torch.multiprocessing import ProcessRaisedException

from lenet.classifier import EpochCallback
from lenet.errors import InputError
from lenet.learning.checkpoints import LAST, KeepLast, to_continue_from

ON_BAR = {"train/loss", "validation/error"}  # what the progress bar shows of an epoch


class Diverged(InputError):
    """Training left the finite, or climbed far above where it began."""


class EpochModule(pl.LightningModule):
    """Trains one net or several side by side, and reports the metrics of every epoch.

    Metrics go into the checkpoint: a training that continues from it first reports the epochs
    before, so that a callback always hears of all of them. Processes that share a training
    (trainer=ddp) report nothing: the one that started them does when they have ended.

    Args:
        epoch_callbacks: one per net.
    """

    def __init__(self, epoch_callbacks: Sequence[EpochCallback]) -> None:
        super().__init__()
        self.epoch_callbacks = epoch_callbacks
        self.epochs: list[list[dict[str, float]]] = []  # of each epoch the metrics of each net

    def on_train_start(self) -> None:
        # to end at once with the process that started them; Lightning's handler would wait for all
        if _one_of_several():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)

    def report(self, metrics: list[dict[str, float]]) -> None:
        """Calls each net's callback with its metrics of the epoch that ends."""
        self.epochs.append(metrics)
        if _one_of_several():
            return
        for callback, of_net in zip(self.epoch_callbacks, metrics, strict=True):
            callback(len(self.epochs), of_net)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["epochs"] = self.epochs

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for metrics in checkpoint["epochs"]:
            self.report(metrics)


def _one_of_several() -> bool:
    """Whether this process shares a training with others."""
    return distributed.is_available() and distributed.is_initialized()


class EpochBar(TQDMProgressBar):
    """Lightning's, which counts epochs from 0, with epochs from 1."""

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description(f"Epoch {trainer.current_epoch + 1}")


def fit(
    module: EpochModule, options: dict[str, Any], epochs: int, validate: bool, folder: Path
) -> None:
    """Trains a module, from the checkpoint in ``folder`` on if there is one.

    Args:
        options: the `trainer` config: arguments of pl.Trainer, without ours.
        epochs: to train, in all.
        validate: whether Lightning runs the module's validation.
        folder: for checkpoints.

    Raises:
        InputError: an option that pl.Trainer does not know, or a value that it refuses; a
            checkpoint that looks whole and is not; whatever is the user's to mend in processes
            that share the training.
    """
    trainer = _trainer(options, epochs, validate, folder)
    start, done = to_continue_from(folder, module), 0
    if start:
        done = len(torch.load(start, weights_only=True, mmap=True)["epochs"])
        print(f"Goes on after epoch {done} of {epochs}.", flush=True)
    try:
        trainer.fit(module, ckpt_path=start, weights_only=True)
    except ProcessRaisedException as e:  # its text is the traceback, as a process wrote it
        kind, _, reason = str(e).strip().splitlines()[-1].partition(": ")
        if kind.startswith("lenet."):
            raise InputError(reason) from e
        raise
    except SystemExit:  # SIGTERM, or what Lightning makes of Ctrl-C
        if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
            trainer.strategy.launcher.kill(signal.SIGKILL)
        raise
    except Exception as e:
        if start is None or isinstance(e, InputError) or len(module.epochs) > done:
            raise
        reason = f"{type(e).__name__}: {' '.join(str(e).split())[:100]}"
        raise InputError(f"training cannot go on from {start} ({reason}): remove it") from e
    if trainer.world_size > 1:
        last = torch.load(folder / LAST, weights_only=True, mmap=True)
        module.on_load_checkpoint(last)  # what happened in other processes


def _trainer(options: dict[str, Any], epochs: int, validate: bool, folder: Path) -> pl.Trainer:
    for library in ("pytorch_lightning", "lightning_fabric"):  # hardware and tips, every run
        logging.getLogger(library).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated")  # Lightning's, with torch 2.13
    warnings.filterwarnings("ignore", ".*will run with no optimizer")  # the lanes need none
    warnings.filterwarnings("ignore", ".*`srun` command is available")  # sweeps go to Slurm whole
    interactive = sys.stderr.isatty()
    callbacks: list[Callback] = [KeepLast(folder)]
    if interactive:
        callbacks.append(EpochBar(refresh_rate=20))
    arguments: dict[str, Any] = {
        "max_epochs": epochs,
        "logger": False,
        "callbacks": callbacks,
        "enable_progress_bar": interactive,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "reload_dataloaders_every_n_epochs": 1,  # each epoch has an order of its own
        "limit_val_batches": None if validate else 0,
    }
    try:
        return pl.Trainer(**(arguments | options))
    except Exception as e:  # of many kinds, Lightning's own among them
        reason = str(e).splitlines()[0]
        raise InputError(f"Lightning's Trainer refuses the trainer config: {reason}") from e
