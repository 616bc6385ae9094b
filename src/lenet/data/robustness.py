"""How far digits can be changed before they are misread (III.E).

Raw digits are changed, then seen by each classifier in its own view. A picture stays 28x28, so
what a shift or a larger scale moves beyond its edge is lost, as it is for a classifier that is
given just this field.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from lenet.data.affine import resample
from lenet.data.distortions import inverted_pixels
from lenet.data.views import SIDE

NOISE_SEED = 13  # of a noise that no net was trained on

Curves = dict[str, list[tuple[float, float]]]
"""Values and errors (fractions) of each transformation, by name."""


class Scorer(Protocol):
    """A classifier that brings raw digits into its view itself."""

    def scores(self, raw: Tensor, /) -> NDArray:
        """N x 28 x 28 uint8 -> N x 10, larger is better."""


@dataclass(frozen=True)
class Transformation:
    """A way to change digits.

    Attributes:
        label: what its values are, with their unit.
        values: those that are measured, among them the one that changes nothing.
        apply: N x 28 x 28 uint8 and a value -> N x 28 x 28 uint8.
    """

    label: str
    values: Sequence[float]
    apply: Callable[[Tensor, float], Tensor]


def rotated(raw: Tensor, degrees: float) -> Tensor:
    """Raw digits turned counterclockwise about the picture's centre."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _mapped(raw, [[c, -s, 0], [s, c, 0]])


def scaled(raw: Tensor, factor: float) -> Tensor:
    """Raw digits larger by a factor, about the picture's centre."""
    return _mapped(raw, [[1 / factor, 0, 0], [0, 1 / factor, 0]])


def squeezed(raw: Tensor, factor: float) -> Tensor:
    """Raw digits wider by a factor and flatter by the same."""
    return _mapped(raw, [[1 / factor, 0, 0], [0, factor, 0]])


def moved_right(raw: Tensor, pixels: float) -> Tensor:
    """Raw digits shifted to the right."""
    return _mapped(raw, [[1, 0, -pixels], [0, 1, 0]])


def moved_down(raw: Tensor, pixels: float) -> Tensor:
    """Raw digits shifted down."""
    return _mapped(raw, [[1, 0, 0], [0, 1, -pixels]])


def noisy(raw: Tensor, probability: float) -> Tensor:
    """Raw digits, each pixel inverted with a probability."""
    inverted = inverted_pixels(torch.arange(len(raw)), SIDE * SIDE, probability, (NOISE_SEED,))
    return torch.where(inverted.view_as(raw), 255 - raw, raw)


def _mapped(raw: Tensor, source: Sequence[Sequence[float]]) -> Tensor:
    """Under the map whose inverse is `source`, 2 x 3, as `resample` takes it."""
    sources = torch.tensor(source, dtype=torch.float32).expand(len(raw), 2, 3)
    return resample(raw[:, None].float(), sources, SIDE, 0.0)[:, 0].round().to(torch.uint8)


_FACTORS = [2 ** (k / 4) for k in range(-4, 5)]  # half the size to twice
_SHIFTS = (-14, -10, -7, -4, -2, 0, 2, 4, 7, 10, 14)

TRANSFORMATIONS: dict[str, Transformation] = {
    "rotation": Transformation("counterclockwise, degrees", range(-40, 41, 10), rotated),
    "scale": Transformation("factor of the size", _FACTORS, scaled),
    "vertical shift": Transformation("down, pixels", _SHIFTS, moved_down),
    "horizontal shift": Transformation("to the right, pixels", _SHIFTS, moved_right),
    "squeeze": Transformation("factor of the width", _FACTORS[1:-1], squeezed),
    "noise": Transformation("share of pixels inverted", [k / 20 for k in range(7)], noisy),
}


def curves(classifier: Scorer, raw: Tensor, labels: Tensor) -> Curves:
    """The error of a classifier on digits under each transformation and value.

    It reads the digits of all values at once: what a classifier makes once for all that it is
    given, such as tangent planes, is not made for each value.

    Args:
        classifier: of raw digits.
        raw: N x 28 x 28 uint8.
        labels: N.
    """

    def curve(t: Transformation) -> list[tuple[float, float]]:
        changed = torch.cat([t.apply(raw, value) for value in t.values])
        given = classifier.scores(changed).argmax(1).reshape(len(t.values), -1)
        errors = (given != labels.numpy()).mean(1)
        return list(zip(t.values, errors.tolist(), strict=True))

    return {name: curve(t) for name, t in TRANSFORMATIONS.items()}


def ink_kept(raw: Tensor) -> Curves:
    """The share of the ink that each transformation but noise leaves in the picture, beside what
    would lie in a picture without edges; as `curves`."""
    ink = raw.double().sum()

    def kept(name: str, value: float) -> float:
        size = value**2 if name == "scale" else 1.0
        return float(TRANSFORMATIONS[name].apply(raw, value).double().sum() / (size * ink))

    names = [name for name in TRANSFORMATIONS if name != "noise"]
    return {name: [(v, kept(name, v)) for v in TRANSFORMATIONS[name].values] for name in names}
