"""The training criteria of the paper (II.C), on scores: larger is better.

A Euclidean RBF layer's scores are its negated penalties, s_i = -y_i. Each criterion maps
scores (N, classes) and labels (N,) to the mean over the patterns; cross entropy for
softmax outputs is torch's own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lenet.nets import EuclideanRBF, ScaledTanh

Loss = Callable[[Tensor, Tensor], Tensor]  # scores N x classes, labels N -> scalar


@dataclass(frozen=True)
class MLE:
    """Equation 8: the penalty y_D of the right class."""

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        return -_of_right_class(scores, labels).mean()


@dataclass(frozen=True)
class MAP:
    """Equation 9: y_D + log(exp(-j) + sum_i exp(-y_i)), which is cross entropy over the classes and
    a rubbish class of constant penalty j, whose pull keeps the other penalties in reach.

    Raises:
        ValueError: j is not positive; the paper wants a positive constant.
    """

    j: float

    def __post_init__(self) -> None:
        if not self.j > 0:
            raise ValueError(f"j={self.j} is no penalty of a rubbish class: give a positive number")

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        rubbish = scores.new_full((len(scores), 1), -self.j)
        return F.cross_entropy(torch.cat([scores, rubbish], 1), labels)


@dataclass(frozen=True)
class SquaredError:
    """Half the squared distance to targets of +1 for the right class and -1 for the others, for
    output units that squash: there f(1) = 1 and f(-1) = -1 (appendix A)."""

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        targets = torch.full_like(scores, -1.0).scatter(1, labels[:, None], 1.0)
        return (scores - targets).square().sum(1).mean() / 2


def _of_right_class(scores: Tensor, labels: Tensor) -> Tensor:
    return scores.gather(1, labels[:, None])[:, 0]


J = 5.0  # open in the paper; chosen on the validation split: docs/recipes.md


def loss_of(net: nn.Module, j: float = J) -> Loss:
    """The criterion that fits a net's output: MAP for RBF units, squared error for units that
    squash, cross entropy for plain sums.

    Args:
        net: whose last layer decides.
        j: of the MAP criterion.
    """
    last = list(net.modules())[-1]
    if isinstance(last, EuclideanRBF):
        return MAP(j)
    return SquaredError() if isinstance(last, ScaledTanh) else F.cross_entropy
