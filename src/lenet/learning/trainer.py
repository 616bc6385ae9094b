"""Lightning's Trainer, set up the one way that every recipe uses."""

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, TQDMProgressBar

from lenet.errors import InputError

CHECKPOINT = "last.ckpt"


class KeepLast(Callback):
    """Keeps the state after the last whole epoch in ``folder``/last.ckpt, replaced all at once.

    Lightning's ModelCheckpoint saves nothing where the optimizer is not one of torch's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        part = self.path.with_suffix(".part")
        trainer.save_checkpoint(part)
        os.replace(part, self.path)


def make_trainer(options: dict[str, Any], epochs: int, validate: bool, folder: Path) -> pl.Trainer:
    """A Trainer that keeps the state of the last whole epoch in ``folder``/last.ckpt.

    Args:
        options: the `trainer` config: arguments of pl.Trainer, without ours.
        epochs: to train.
        validate: whether there is a validation split.
        folder: for the checkpoint.

    Raises:
        InputError: an option that pl.Trainer does not know, or a value that it refuses.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # hardware and tips, every run
    warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated")  # Lightning's, with torch 2.13
    warnings.filterwarnings("ignore", ".*will run with no optimizer")  # the lanes need none
    interactive = sys.stderr.isatty()
    callbacks: list[Callback] = [KeepLast(folder)]
    if interactive:
        callbacks.append(TQDMProgressBar(refresh_rate=20))
    arguments: dict[str, Any] = {
        "max_epochs": epochs,
        "logger": False,
        "callbacks": callbacks,
        "enable_checkpointing": False,
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
