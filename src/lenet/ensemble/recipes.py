"""Classifiers built on nets that another recipe trains (III.C.8 and III.C.9), and their recipes."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from lenet.classifier import Costs, EpochCallback, Recipe, Task
from lenet.data import COPIES, training_patterns
from lenet.ensemble import boosting
from lenet.ensemble.heads import CLASSES, below_output, features_of
from lenet.errors import InputError
from lenet.learning import SDLM
from lenet.nets import (
    TrainedNet,
    load_weights,
    net_costs,
    require_finite,
    save_tensors,
    weights_of,
)

THRESHOLD_PATTERNS = 20_000  # on which the first net's threshold is chosen


class Head(Protocol):
    """What takes the place of a net's output layer; scores are N x units -> N x 10."""

    macs: int
    variables: int

    def fit(self, features: NDArray, labels: NDArray) -> Self:
        """Learns from the n x units features of n labelled digits."""

    def scores(self, features: NDArray) -> NDArray:
        """N x units -> N x 10, larger is better."""


class Headed:
    """A net whose output layer is replaced by a head that remembers the training set.

    Args:
        net: trained.
        head: fitted to the features and labels.
        features: what the output layer sees of the n training digits, n x units.
        labels: their n classes.
    """

    file: ClassVar[str] = "model.safetensors"

    def __init__(self, net: nn.Sequential, head: Head, features: NDArray, labels: Tensor) -> None:
        self.net = net
        self.features = features
        self.labels = labels
        self.head = head

    @classmethod
    def fit(cls, net: nn.Sequential, head: Head, features: NDArray, labels: Tensor) -> Self:
        """Fits the head, and puts it on the net."""
        return cls(net, head.fit(features, labels.numpy()), features, labels)

    @classmethod
    def load(cls, net: nn.Sequential, head: Head, path: Path) -> Self:
        """Reads what `save` wrote into a net and a head, both untrained.

        Raises:
            KeyError: the file is that of a net without a head.
            ValueError: as `load_weights`; what the head remembers is not what it has to be.
        """
        weights = load_file(path)
        features, labels = weights.pop("features"), weights.pop("labels")
        load_weights(net, weights)
        require_finite({"features": features})
        whole = labels.dtype == torch.int64 and features.shape[:1] == labels.shape
        if not whole or features.ndim != 2 or not 0 <= labels.min() <= labels.max() < CLASSES:
            raise ValueError("the features and labels that a head remembers do not fit")
        return cls.fit(net.eval(), head, features.numpy(), labels)

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        return self.head.scores(features_of(self.net, images))

    def costs(self, images: Tensor) -> Costs:
        """The net below its output, and the head."""
        below = net_costs(below_output(self.net), images[0])
        return below.plus(self.head.macs, self.head.variables)

    def save(self, path: Path) -> None:
        """Writes the net's weights and what the head remembers."""
        memory = {"features": torch.from_numpy(self.features), "labels": self.labels}
        save_tensors(weights_of(self.net) | memory, path)


@dataclass(frozen=True)
class WithHead:
    """Trains nets by another recipe, then puts a head on each.

    Attributes:
        base: trains the nets.
        head: makes an untrained head.
    """

    base: Recipe
    head: Callable[[], Head]

    @property
    def together(self) -> bool:
        """As the nets' recipe says."""
        return self.base.together

    def fit(self, task: Task) -> list[Headed]:
        """As `Recipe.fit`; epochs are those of the nets' training."""
        try:
            for net in task.models:
                if isinstance(net, nn.Module):  # else its base tells
                    below_output(net)  # type: ignore[arg-type]
        except (TypeError, ValueError) as e:
            raise InputError(f"a head takes the place of a net's layer named output: {e}") from e
        self.base.fit(task)
        train = task.digits.train
        headed = []
        for net in task.models:
            net.to(memory_format=torch.contiguous_format)  # as `load` has it: else last bits differ
            features = features_of(net, train.images)
            headed.append(Headed.fit(net, self.head(), features, train.labels))
        return headed

    def load(self, model: nn.Sequential, path: Path) -> Headed:
        """As `Recipe.load`."""
        return Headed.load(model, self.head(), path)


class BoostedNets:
    """Three nets whose outputs are added.

    Args:
        nets: in the order in which they were trained.
        threshold: of the first net's margin, from which on it would end the matter alone.
    """

    file: ClassVar[str] = "model.safetensors"

    def __init__(self, nets: Sequence[TrainedNet], threshold: float) -> None:
        self.nets = nets
        self.threshold = threshold

    @classmethod
    def load(cls, net: nn.Sequential, path: Path) -> Self:
        """Reads what `save` wrote into copies of an untrained net; raises as `load_weights`."""
        weights = load_file(path)
        threshold = float(weights.pop("threshold", torch.inf))  # without one, all three are called
        if math.isnan(threshold):
            raise ValueError("its threshold is not a number")
        of_nets: dict[str, dict[str, Tensor]] = {number: {} for number in ("1", "2", "3")}
        for name, value in weights.items():
            number, _, own = name.partition(".")
            if number not in of_nets:
                raise ValueError(f"{name} belongs to none of the three nets")
            of_nets[number][own] = value
        nets = [TrainedNet(copy.deepcopy(net)) for _ in of_nets]
        for trained, own_weights in zip(nets, of_nets.values(), strict=True):
            load_weights(trained.net, own_weights)
        return cls(nets, threshold)

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        return np.sum([net.scores(images) for net in self.nets], axis=0)

    def costs(self, images: Tensor) -> Costs:
        """All three nets are stored; where the first is sure, the others are not called."""
        one = self.nets[0].costs(images)
        first = torch.from_numpy(self.nets[0].scores(images))
        calls = boosting.mean_calls(first, self.threshold)
        others = len(self.nets) - 1
        return one.plus(round((calls - 1) * (one.macs or 0)), others * (one.variables or 0))

    def save(self, path: Path) -> None:
        """Writes the weights of the three, their names led by 1, 2 and 3, and the threshold."""
        weights = {
            f"{number}.{name}": value
            for number, trained in enumerate(self.nets, 1)
            for name, value in weights_of(trained.net).items()
        }
        save_tensors(weights | {"threshold": torch.tensor(self.threshold)}, path)


@dataclass(frozen=True)
class Boosting:
    """Drucker's three nets: the second learns what the first gets wrong, the third what those two
    disagree on (III.C.9), all on patterns of the endless distorted stream.

    Attributes:
        base: trains each of the nets, for all seeds at once.
        size: patterns in the training sets of nets 2 and 3.
        limit: patterns of the stream to look through for each of these.
    """

    base: SDLM
    size: int
    limit: int

    together: ClassVar[bool] = True  # as SDLM's

    def fit(self, task: Task) -> list[BoostedNets]:
        """As `Recipe.fit`; epochs are numbered through the three trainings.

        Raises:
            InputError: too few hard patterns within the limit, a base that is not SDLM.
        """
        if not isinstance(self.base, SDLM):
            raise InputError("boosting rests on the method of 1998: recipe/base has to be paper")
        seeds, digits = task.seeds, task.digits
        rounds: list[Sequence[TrainedNet]] = []

        def train(sets: Tensor) -> boosting.Scorer:
            number = len(rounds)
            nets = [copy.deepcopy(model) for model in task.models]
            patterns = {"distorted": False, "mined": sets} if rounds else {"distorted": True}
            before = number * self.base.epochs
            part = replace(
                task,
                models=nets,
                seeds=[3 * seed + number for seed in seeds],  # each net's draws are its own
                digits=replace(digits, **patterns),
                folder=task.folder / f"{task.folder.name}-net{number + 1}",
                callbacks=[_counted_from(before, callback) for callback in task.callbacks],
            )
            rounds.append(self.base.fit(part))
            return self.base.lanes(nets, digits.train.images.shape[-1]).scores

        def stream(patterns: Tensor) -> tuple[Tensor, Tensor]:
            split = training_patterns(digits.train, patterns)
            return split.images, split.labels

        # net 1 learns from the whole distorted set, so mining begins behind it
        first_set = torch.arange(COPIES * len(digits.train)).expand(len(seeds), -1)
        try:
            boosting.boost(train, stream, first_set, self.size, self.limit)
        except InputError:  # of the base
            raise
        except ValueError as e:
            raise InputError(f"boosting has too little to learn from: {e}") from e
        # the stream behind all that was looked through is as good as a validation split
        images, labels = stream(
            first_set.shape[1] + 2 * self.limit + torch.arange(THRESHOLD_PATTERNS)
        )
        boosted = []
        for nets in zip(*rounds, strict=True):
            each = [torch.from_numpy(net.scores(images)) for net in nets]
            threshold = boosting.sparing_threshold(each[0], torch.stack(each).sum(0), labels)
            boosted.append(BoostedNets(nets, threshold))
        return boosted

    def load(self, model: nn.Sequential, path: Path) -> BoostedNets:
        """As `Recipe.load`."""
        return BoostedNets.load(model, path)


def _counted_from(epochs: int, callback: EpochCallback) -> EpochCallback:
    """A callback for a training that others of so many epochs came before."""
    return lambda number, metrics: callback(epochs + number, metrics)
