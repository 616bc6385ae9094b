"""The criteria of section II.C on scores worked by hand, and their derivatives."""

import math

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional as F

from lenet.learning.losses import MAP, MLE, SquaredError, loss_of
from lenet.nets import LeNet4, LeNet5

SCORES = -torch.tensor(
    [[1.0, 4.0, 2.0], [9.0, 3.0, 5.0]], dtype=torch.float64
)  # penalties 1, 4, 2...
LABELS = torch.tensor([2, 1])


def test_mle_is_the_mean_penalty_of_the_right_class():
    assert MLE()(SCORES, LABELS).item() == pytest.approx((2 + 3) / 2)


def test_map_is_equation_9():
    j = 2.5
    first = 2 + math.log(math.exp(-j) + math.exp(-1) + math.exp(-4) + math.exp(-2))
    second = 3 + math.log(math.exp(-j) + math.exp(-9) + math.exp(-3) + math.exp(-5))
    assert MAP(j)(SCORES, LABELS).item() == pytest.approx((first + second) / 2)


def test_map_without_a_reachable_rubbish_class_is_cross_entropy():
    assert MAP(1e4)(SCORES, LABELS).item() == pytest.approx(F.cross_entropy(SCORES, LABELS).item())


def test_squared_error_asks_for_plus_and_minus_one():
    scores = torch.tensor([[0.5, -1.0, 2.0]])
    expected = ((0.5 - 1) ** 2 + 0 + (2 + 1) ** 2) / 2
    assert SquaredError()(scores, torch.tensor([0])).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [MLE(), MAP(0.5), MAP(20.0), SquaredError()])
def test_gradients_are_exact_in_double_precision(loss):
    scores = SCORES.clone().requires_grad_()
    assert gradcheck(lambda s: loss(s, LABELS), scores)


def test_huge_penalties_leave_loss_and_gradient_finite():
    scores = torch.tensor([[-1e4, -2e4, -3e4]], requires_grad=True)
    loss = MAP(10.0)(scores, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4 - 10)  # the rubbish class takes all
    assert scores.grad.tolist() == [[0.0, -1.0, 0.0]]


@pytest.mark.parametrize("j", [0.0, -1.0, math.nan])
def test_a_rubbish_penalty_that_is_not_positive_is_refused(j):
    with pytest.raises(ValueError, match="positive"):
        MAP(j)


def test_the_loss_follows_the_output() -> None:
    assert loss_of(LeNet5(output="rbf"), j=3.0) == MAP(3.0)
    assert loss_of(LeNet4(output="squashed")) == SquaredError()
    assert loss_of(LeNet5()) is torch.nn.functional.cross_entropy
