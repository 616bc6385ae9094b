"""Recipes that begin with another recipe's nets (III.C.8 and III.C.9)."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from lenet.classifier import Recipe, Watch
from lenet.data import COPIES, Digits, training_patterns
from lenet.ensemble import boosting
from lenet.ensemble.heads import features_of
from lenet.errors import InputError
from lenet.learning import SDLM, Lanes, loss_of
from lenet.nets import Network, costs, weights_of

THRESHOLD_PATTERNS = 20_000  # on which the first net's threshold is chosen


class Head(Protocol):
    """What takes the place of a net's output layer; scores are N x units -> N x 10."""

    macs: int
    variables: int

    def fit(self, features: NDArray, labels: NDArray) -> "Head":
        """Learns from the n x units features of n labelled digits."""

    def scores(self, features: NDArray) -> NDArray:
        """N x units -> N x 10, larger is better."""


@dataclass(frozen=True)
class Cost:
    """Counted as in Figures 11 and 12, for one digit."""

    macs: int
    variables: int


class Headed:
    """A net whose output layer is replaced by a head that remembers the training set.

    Args:
        net: trained.
        head: untrained.
        features: what the output layer sees of the n training digits, n x units.
        labels: their n classes.
    """

    def __init__(self, net: nn.Sequential, head: Head, features: NDArray, labels: Tensor) -> None:
        self.net = net
        self.features = features
        self.labels = labels
        self.head = head.fit(self.features, self.labels.numpy())

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        return self.head.scores(features_of(self.net, images))

    def costs(self, images: Tensor) -> Cost:
        """The net below its output, and the head."""
        below = costs(self.net, images[0]).below("output")
        return Cost(below.macs + self.head.macs, below.variables + self.head.variables)

    def save(self, path: Path) -> None:
        """Writes the net's weights and what the head remembers."""
        memory = {"features": torch.from_numpy(self.features), "labels": self.labels}
        save_file(weights_of(self.net) | memory, path)


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

    def fit(
        self,
        models: Sequence[nn.Sequential],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> list[Headed]:
        """As `Recipe.fit`; what is watched is the training of the nets."""
        self.base.fit(models, seeds, digits, trainer, folder, watches)
        train = digits.train
        return [
            Headed(net, self.head(), features_of(net, train.images), train.labels) for net in models
        ]


class BoostedNetworks:
    """Three nets whose outputs are added.

    Args:
        nets: in the order in which they were trained.
        threshold: of the first net's margin, from which on it would end the matter alone.
    """

    def __init__(self, nets: Sequence[Network], threshold: float) -> None:
        self.nets = nets
        self.threshold = threshold

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        return np.sum([net.scores(images) for net in self.nets], axis=0)

    def costs(self, images: Tensor) -> Cost:
        """All three nets are stored; where the first is sure, the others are not called."""
        one = self.nets[0].costs(images)
        first = torch.from_numpy(self.nets[0].scores(images))
        calls = boosting.mean_calls(first, self.threshold)
        return Cost(round(calls * one.macs), len(self.nets) * one.variables)

    def save(self, path: Path) -> None:
        """Writes the weights of the three, their names led by 1, 2 and 3, and the threshold."""
        weights = {
            f"{number}.{name}": value
            for number, network in enumerate(self.nets, 1)
            for name, value in weights_of(network.net).items()
        }
        save_file(weights | {"threshold": torch.tensor(self.threshold)}, path)


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

    def fit(
        self,
        models: Sequence[nn.Sequential],
        seeds: Sequence[int],
        digits: Digits,
        trainer: dict[str, Any],
        folder: Path,
        watches: Sequence[Watch],
    ) -> list[BoostedNetworks]:
        """As `Recipe.fit`; epochs are numbered through the three trainings.

        Raises:
            InputError: too few hard patterns within the limit, a base that is not SDLM.
        """
        if not isinstance(self.base, SDLM):
            raise InputError("boosting rests on the method of 1998: recipe/base has to be paper")
        rounds: list[Sequence[Network]] = []

        def train(sets: Tensor) -> boosting.Scorer:
            number = len(rounds)
            numbers = [3 * seed + number for seed in seeds]  # of net and seed, for their own draws
            nets = [copy.deepcopy(model) for model in models]
            task = replace(digits, distorted=True)
            if rounds:
                task = replace(digits, distorted=False, mined=sets)
            before = number * self.base.epochs
            later = [_counted_from(before, watch) for watch in watches]
            part = folder / f"net{number + 1}"
            rounds.append(self.base.fit(nets, numbers, task, trainer, part, later))
            side = digits.train.images.shape[-1]
            losses: Any = [loss_of(net) for net in nets]
            return Lanes(nets, losses, side, torch.get_num_threads()).scores

        def stream(patterns: Tensor) -> tuple[Tensor, Tensor]:
            split = training_patterns(digits.train, patterns)
            return split.images, split.labels

        # net 1 learns from the whole distorted set, so mining begins behind it
        first_set = torch.arange(COPIES * len(digits.train)).expand(len(seeds), -1)
        try:
            boosting.boost(train, stream, first_set, self.size, self.limit)
        except ValueError as e:
            raise InputError(f"boosting has too little to learn from: {e}") from e
        # the stream behind all that was looked through is as good as a validation split
        images, labels = stream(
            first_set.shape[1] + 2 * self.limit + torch.arange(THRESHOLD_PATTERNS)
        )
        boosted = []
        for networks in zip(*rounds, strict=True):
            each = [torch.from_numpy(network.scores(images)) for network in networks]
            threshold = boosting.sparing_threshold(each[0], torch.stack(each).sum(0), labels)
            boosted.append(BoostedNetworks(networks, threshold))
        return boosted


def _counted_from(epochs: int, watch: Watch) -> Watch:
    """Tells a watch of the epochs of a training that others came before."""
    return lambda number, metrics: watch(epochs + number, metrics)
