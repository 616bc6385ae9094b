"""Stochastic diagonal Levenberg-Marquardt (III.B, appendices A and C): where weights start, in
which order patterns come, and how far each parameter steps.

Each parameter's rate in the update w <- w - rate dE/dw is eta / (mu + h), where h estimates the
second derivative of the loss by that parameter and is measured anew before each pass. Two
numbers here can depart from the paper's text, and are named wherever they do: the initial range
and a factor on eta. docs/recipes.md says what was tried and why.

`reference` is the whole method in plain autograd, to read beside the paper; here it is done for
many nets at once, by the `lanes`, a chunk of patterns in a step of Lightning's loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from lenet import paper
from lenet.classifier import Task
from lenet.errors import InputError
from lenet.learning.losses import J, loss_of
from lenet.nets import SparseConv, Subsampling, TrainedNet

if TYPE_CHECKING:
    from lenet.learning.lanes import Lanes


@dataclass(frozen=True)
class SDLM:
    """The recipe of 1998: one pattern per update, all seeds of a job together.

    Its values are where one may depart from the paper's text; the defaults are the text's.

    Attributes:
        scale, power: weights start uniform in +-scale / F^power, F the fan-in.
        eta_factor: what eta is multiplied by.
        j: of the MAP loss, the penalty of the rubbish class; the text leaves it open.
        orders: of how many orders of the patterns there are to be; seed s starts from the weights
            of seed s // orders and sees the order of seed s % orders. None: both are of seed s.
        epochs: passes over the training set.
        eta: of each pass; later ones have the last.
        hessian_patterns: how many h is averaged over before each pass.
    """

    scale: float = paper.INITIAL_SCALE
    power: float = paper.INITIAL_POWER
    eta_factor: float = 1.0
    j: float = J
    orders: int | None = None
    epochs: int = paper.PASSES
    eta: Sequence[float] = paper.ETA
    hessian_patterns: int = paper.HESSIAN_PATTERNS

    together: ClassVar[bool] = True  # the seeds of a job share the lanes

    def fit(self, task: Task) -> list[TrainedNet]:
        """As `Recipe.fit`: trains nets side by side on the processor, in place, and draws their
        initial weights anew.

        Raises:
            InputError: a net that the lanes do not know.
            Diverged: a loss that is not finite.
        """
        from lenet.learning.modules import OnePatternModule  # Lightning takes seconds
        from lenet.learning.trainer import fit

        for net in task.models:
            if not isinstance(net, nn.Module):
                raise InputError("this recipe trains nets only: an estimator wants recipe=fit")
            if not isinstance(net, nn.Sequential):
                kind = type(net).__name__
                raise InputError(f"this recipe trains the nets of 1998 only: {kind} is none")
        if task.digits.classes > 10:
            raise InputError("this recipe trains the nets of 1998 only, which tell ten classes")
        if "strategy" in task.trainer:
            raise InputError("one pattern per update cannot be shared: leave trainer=ddp out")
        starts, seen = task.seeds, task.seeds
        if self.orders is not None:
            starts, seen = zip(*(divmod(seed, self.orders) for seed in task.seeds), strict=True)
        try:
            for net, seed in zip(task.models, starts, strict=True):
                initialize(net, Generator().manual_seed(seed), self.scale, self.power)
            lanes = self.lanes(task.models, task.digits.train.images.shape[-1])
        except ValueError as e:
            raise InputError(f"this recipe trains the nets of 1998 only: {e}") from e
        module = OnePatternModule(lanes, seen, task.digits, self, task.callbacks)
        options = {name: value for name, value in task.trainer.items() if name != "compile"}
        # the module measures its errors itself
        fit(module, options | {"accelerator": "cpu"}, self.epochs, False, task.folder)
        lanes.write_back(task.models)
        return [TrainedNet(net, "lanes") for net in task.models]

    def lanes(self, nets: Sequence[nn.Sequential], size: int) -> "Lanes":
        """The nets side by side, with their losses, for images of ``size`` x ``size``.

        Raises:
            ValueError: a net that the lanes do not know.
        """
        from lenet.learning.lanes import Lanes  # numba takes a second

        losses = [loss_of(net, self.j) for net in nets]
        return Lanes(nets, losses, size, torch.get_num_threads())

    def load(self, model: Any, path: Path) -> TrainedNet:
        """As `Recipe.load`."""
        return TrainedNet.load(model, path)


@torch.no_grad()
def initialize(
    net: nn.Module,
    generator: Generator,
    scale: float = paper.INITIAL_SCALE,
    power: float = paper.INITIAL_POWER,
) -> None:
    """Draws every parameter uniformly from +-scale / F^power, F the fan-in of its unit.

    A bias is drawn like the weights of its unit: to the paper it is a weight from a unit that
    is always on. A subsampling unit's coefficient has the fan-in 4 (appendix A leaves both open).

    Raises:
        ValueError: a layer with parameters whose fan-in is not known here.
    """
    for layer in net.modules():
        if not list(layer.parameters(recurse=False)):
            continue
        bounds = scale / _fan_in(layer) ** power  # one per output map or unit
        if isinstance(layer, SparseConv):
            of_weights = bounds[[o for o, maps in enumerate(layer.table) for _ in maps]]
        else:
            of_weights = bounds
        for name, values in layer.named_parameters(recurse=False):
            bound = bounds if name == "bias" else of_weights
            uniform = torch.rand(values.shape, generator=generator) * 2 - 1
            values.copy_(uniform * bound.view(-1, *[1] * (values.ndim - 1)))


def _fan_in(layer: nn.Module) -> Tensor:
    """How many inputs a unit of each output map has, its bias not counted."""
    if isinstance(layer, SparseConv):
        area = layer.weight[0].numel()
        return torch.tensor([float(len(maps) * area) for maps in layer.table])
    if isinstance(layer, Subsampling):
        return torch.full((layer.maps,), 4.0)
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return torch.full((len(layer.weight),), float(layer.weight[0].numel()))
    raise ValueError(
        f"no initial range is known for {type(layer).__name__}; extend lenet.learning.sdlm"
    )


def orders(generators: Sequence[Generator], patterns: int) -> Tensor:
    """(K, patterns): the constant random order in which each seed sees the patterns, the same
    in every pass."""
    return torch.stack([torch.randperm(patterns, generator=each) for each in generators])


def curvature_patterns(order: Tensor, number: int, count: int) -> Tensor:
    """(K, count) of the (K, M) order: pass ``number`` (from 1) measures h on patterns of its own,
    beginning anew where they are used up."""
    first = (number - 1) * count
    chosen = torch.arange(first, first + min(count, order.shape[1]))
    return order[:, chosen % order.shape[1]]


def rates(lanes: "Lanes", images: Tensor, order: Tensor, eta: float, factor: float) -> Tensor:
    """The rates eta / (mu + h) of a pass, h measured with the present weights.

    Args:
        lanes: the nets in training.
        images: the training images.
        order: (K, M), the patterns on which each net's h is measured.
        factor: what eta is multiplied by.

    Returns:
        (K, parameters), to be compared with ``paper.RATES_OF_PASS_1``.
    """
    return eta * torch.tensor(factor) / (paper.MU + lanes.curvature(images, order))
