"""Checkpoints of a training: the last two whole epochs, and which of them can be continued from.

A checkpoint is a zip archive in which torch keeps a CRC-32 of each tensor. torch.load does not look
at these: it takes flipped bytes for weights. Here they are checked first. As the checksums lie in
the file itself, no kill can part them from it, and checkpoints of earlier versions have them, too.
"""

import lenet.learning.lightning  # noqa: F401  before all that imports Lightning

# isort: split

import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class KeepLast(Checkpoint):
    """Keeps the state after the last whole epoch in ``folder``/last.ckpt, and the one before it in
    previous.ckpt. Files are replaced all at once, so a kill leaves whole ones.

    Lightning's ModelCheckpoint saves nothing where the optimizer is not one of torch's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state_dict(self) -> dict[str, Any]:
        """A part of each checkpoint: the folder's name tells the training, which the shapes of a
        net do not."""
        return {"folder": self.folder.name}

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        part = self.folder / "part.ckpt"
        trainer.save_checkpoint(part)
        if not trainer.is_global_zero:
            return
        if (self.folder / LAST).exists():
            os.replace(self.folder / LAST, self.folder / PREVIOUS)
        os.replace(part, self.folder / LAST)


def to_continue_from(folder: Path, module: pl.LightningModule) -> Path | None:
    """The newest whole checkpoint of a module's training, if there is one.

    What is damaged or of another training gets the ending .damaged, so that it never takes the
    place of a whole one; a line on standard error says so.
    """
    whole, odd = [], []
    for path in (folder / LAST, folder / PREVIOUS):
        if not path.exists():
            continue
        if reason := _why_not(path, module):
            odd.append(f"{path.name} ({reason})")
            _set_aside(path)
        else:
            whole.append(path)
    if odd:
        then = f"goes on from {whole[0].name}" if whole else "starts anew"
        print(f"{folder}: left aside {' and '.join(odd)}: training {then}", file=sys.stderr)
    return whole[0] if whole else None


def _why_not(path: Path, module: pl.LightningModule) -> str | None:
    """Why a module cannot continue from a file; None if it can."""
    if not path.is_file():  # a pipe would be waited for, a device may never end
        return "damaged"
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return "damaged"
        checkpoint = torch.load(path, weights_only=True, mmap=True)
    except Exception:  # of many kinds: no zip, a header that makes no sense, a pickle with code
        return "damaged"
    own: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(own)
    kept = checkpoint if isinstance(checkpoint, dict) else {}
    same = all(_shapes(kept.get(name)) == _shapes(value) for name, value in own.items())
    states, callback = kept.get("callbacks"), KeepLast(path.parent)
    here = isinstance(states, dict) and states.get(callback.state_key) == callback.state_dict()
    whole = isinstance(kept.get("loops"), dict)  # without, Lightning would count from 0
    return None if same and here and whole else "of another training"


def _shapes(value: Any) -> Any:
    """The shapes of the tensors in a part of a checkpoint; of anything else, its type."""
    if isinstance(value, torch.Tensor):
        return value.shape
    if isinstance(value, dict):
        return {name: _shapes(each) for name, each in value.items()}
    return type(value)


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
    path.rename(aside)
