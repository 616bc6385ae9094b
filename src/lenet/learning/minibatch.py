"""Today's way to train: mini-batches, an adaptive optimizer, a schedule; one net at a time."""

import copy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from safetensors.torch import save as packed
from torch import Tensor, nn

from lenet.classifier import Task
from lenet.data import Digits
from lenet.errors import InputError
from lenet.learning.losses import Loss, loss_of
from lenet.nets import TrainedNet, in_fast_format, weights_of

if TYPE_CHECKING:
    from lenet.learning.lanes import BatchLanes

BY_BATCH = ("strategy", "gradient_clip_val", "accumulate_grad_batches", "limit_train_batches")


@dataclass(frozen=True)
class Minibatch:
    """A recipe.

    Attributes:
        optimizer: of parameters.
        schedule: of an optimizer and ``total_steps``, stepped after every batch.
        batch_size: digits in a batch.
        epochs: over the training split.
        loss: of scores and labels; None is the one that fits the net's output.
        lanes: whether the lanes find the gradients of nets that they know; else torch does all.
    """

    optimizer: Callable[..., torch.optim.Optimizer]
    schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler]
    batch_size: int
    epochs: int
    loss: Loss | None = None
    lanes: bool = True

    together: ClassVar[bool] = False  # the seeds of a job are trained one after the other

    def fit(self, task: Task) -> list[TrainedNet]:
        """As `Recipe.fit`: trains nets in place, from the weights that they have.

        Raises:
            Diverged: a loss that is not finite or climbs far.
        """
        from lenet.learning.modules import LanesModule, MinibatchModule  # Lightning: seconds
        from lenet.learning.trainer import fit

        digits = task.digits
        if not all(isinstance(net, nn.Module) for net in task.models):
            raise InputError("this recipe trains nets only: an estimator wants recipe=fit")
        options = dict(task.trainer)
        compiled = options.pop("compile") and can_compile()
        nets = [in_fast_format(net) for net in task.models]
        rehearse(nets[0], self.loss or loss_of(nets[0]), digits, self.batch_size)
        trained = []
        for net, seed, callback in zip(nets, task.seeds, task.callbacks, strict=True):
            loss = self.loss or loss_of(net)
            wanted = self.lanes and not compiled and lanes_suit(options)
            lanes = lanes_of(net, loss, digits) if wanted else None
            learning = net, loss, self.optimizer, self.schedule, digits, self.batch_size, seed
            arguments = *learning, compiled, callback
            module = LanesModule(lanes, *arguments) if lanes else MinibatchModule(*arguments)
            threads = torch.get_num_threads()
            try:
                fit(module, options, self.epochs, len(digits.validation) > 0, task.folder)
            finally:
                torch.set_num_threads(threads)  # where the lanes had them
            trained.append(TrainedNet(net, "lanes" if lanes else "torch"))
        return trained

    def load(self, model: Any, path: Path) -> TrainedNet:
        """As `Recipe.load`."""
        return TrainedNet.load(in_fast_format(model), path)  # as trained: else last bits differ


def lanes_suit(options: Mapping[str, Any]) -> bool:
    """Whether the `trainer` config asks for one process on the processor, in single precision, and
    for nothing that Lightning does batch by batch."""
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = options["accelerator"] == "cpu" or (options["accelerator"] == "auto" and not gpu)
    single = str(options.get("precision", 32)) in ("32", "32-true")
    plain = all(options.get(name) is None for name in BY_BATCH)
    return on_cpu and single and options["devices"] == 1 and plain


def lanes_of(net: nn.Module, loss: Loss, digits: Digits) -> "BatchLanes | None":
    """The lanes that train a net, if they know it and its loss."""
    from lenet.learning.lanes import BatchLanes  # numba takes a second

    try:
        return BatchLanes(net, loss, digits.train.images.shape[-1], torch.get_num_threads())
    except ValueError:
        return None


def rehearse(net: nn.Module, loss: Loss, digits: Digits, batch_size: int) -> None:
    """Does with a few digits all that is done to a net later, but leaves it as it is.

    Raises:
        InputError: the net takes no such digits, gives no score for each class, has nothing to
            train, cannot be trained or cannot be saved.
    """
    name, size = type(net).__name__, digits.train.images.shape[-1]
    images, labels = (of[: min(2, batch_size)] for of in (digits.train.images, digits.train.labels))
    training = net.training
    try:
        with torch.no_grad():
            scores = net.eval()(images)
    except Exception as e:  # of many kinds, as the net may be anyone's
        reason = f"this net takes no digits of {size}x{size} (data.view): {_line(e)}"
        raise InputError(reason) from e
    finally:
        net.train(training)
    fits = isinstance(scores, Tensor) and scores.ndim == 2 and len(scores) == len(images)
    if not fits or scores.shape[1] < digits.classes:  # more do no harm
        given = tuple(scores.shape) if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        raise InputError(
            f"{name} has to give scores of shape {(len(images), digits.classes)} for {len(images)} "
            f"digits of {digits.classes} classes; it gives {given}"
        )
    try:
        copied = copy.deepcopy(net).train()
        loss(copied(images), labels).backward()
    except Exception as e:
        raise InputError(f"{name} cannot be trained: {_line(e)}") from e
    try:
        packed(weights_of(net))
    except Exception as e:
        raise InputError(f"{name} cannot be saved as safetensors: {_line(e)}") from e


def _line(e: Exception) -> str:
    return " ".join(str(e).split()) or type(e).__name__


def can_compile() -> bool:
    """Whether torch.compile finds the C++ compiler it needs; if not, says so."""
    if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++"):
        return True
    print("No C++ compiler here, so trainer.compile=true is not possible: running eagerly.")
    return False
