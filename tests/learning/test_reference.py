"""The plain method of 1998 against hand-made second derivatives and torch's own optimizer."""

import copy

import pytest
import torch
from torch import nn

from lenet import paper
from lenet.learning import reference
from lenet.learning.losses import MLE, SquaredError
from lenet.nets import EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def hidden_layer() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(9, 5), ScaledTanh(), nn.Linear(5, 3), ScaledTanh()
    ).double()


def images(count: int, size: int = 3) -> torch.Tensor:
    return torch.rand(count, 1, size, size, dtype=torch.float64) * 1.275 - 0.1


def slope(a: torch.Tensor) -> torch.Tensor:
    return paper.SQUASH_AMPLITUDE * paper.SQUASH_SLOPE / torch.cosh(paper.SQUASH_SLOPE * a) ** 2


def test_with_one_hidden_layer_it_is_the_gauss_newton_diagonal():
    net, some = hidden_layer(), images(8)
    squares = [
        torch.autograd.grad(net(image[None])[0, i], list(net.parameters()))
        for image in some
        for i in range(3)
    ]
    expected = sum(torch.cat([g.flatten() ** 2 for g in gradient]) for gradient in squares) / 8
    assert torch.allclose(reference.curvature(net, some), expected)


def test_a_shared_weight_adds_up_its_connections():
    """One 2x2 kernel and one subsampling coefficient, each in several connections."""
    net = nn.Sequential(
        nn.Conv2d(1, 1, 2), ScaledTanh(), Subsampling(1), ScaledTanh(), nn.Flatten()
    ).double()
    image = images(1)[0]
    a1 = net[0](image[None])[0, 0]  # 2x2
    x1 = ScaledTanh()(a1)
    h_a2 = slope(net[2](x1[None, None]).squeeze()) ** 2  # of the one output, whose h is 1
    h_a1 = slope(a1) ** 2 * net[2].weight ** 2 * h_a2
    kernel = sum(
        h_a1[r, c] * image[0, r : r + 2, c : c + 2] ** 2 for r in range(2) for c in range(2)
    )
    expected = torch.stack([*kernel.flatten(), h_a1.sum(), (x1**2).sum() * h_a2, h_a2])
    assert torch.allclose(reference.second_derivatives(net, image), expected)


def test_absent_connections_and_the_margin_do_not_count():
    sparse = nn.Sequential(
        Pad(), SparseConv(((0,), (0,)), 3), ScaledTanh(), SparseConv(((1,), (0, 1)), 3)
    )
    dense = nn.Sequential(Pad(), nn.Conv2d(1, 2, 3), ScaledTanh(), nn.Conv2d(2, 2, 3))
    with torch.no_grad():
        for place in (1, 3):
            dense[place].weight.copy_(sparse[place].dense_weight())
            dense[place].bias.copy_(sparse[place].bias.uniform_(-1, 1))
    image = images(1, 4)[0]
    h_sparse, h_dense = (
        reference.second_derivatives(net.double(), image) for net in (sparse, dense)
    )
    kept = torch.ones(len(h_dense), dtype=torch.bool)
    first = sum(p.numel() for p in dense[1].parameters())
    kept[first : first + 9] = False  # of output map 0 from input map 0
    assert torch.allclose(h_sparse, h_dense[kept])


def test_rbf_units_ask_for_the_right_class_alone():
    net = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), EuclideanRBF(torch.ones(3, 4))).double()
    image = images(1)[0]
    loss = lambda w: -net[2](image.view(1, 9) @ w.T + net[1].bias)[0, 1]  # noqa: E731
    exact = torch.autograd.functional.hessian(loss, net[1].weight.detach()).view(36, 36).diagonal()
    assert torch.allclose(reference.second_derivatives(net, image)[:36], exact)


def test_an_update_is_a_step_of_gradient_descent():
    net, [image] = hidden_layer(), images(1)
    other, label = copy.deepcopy(net), torch.tensor(2)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.3)
    scores = other(image[None])
    before = SquaredError()(scores, label[None])
    before.backward()
    optimizer.step()
    rates = torch.full((sum(p.numel() for p in net.parameters()),), 0.3)
    value, wrong = reference.update(net, SquaredError(), image, label, rates)
    assert (value, wrong) == (before.item(), scores.argmax().item() != 2)
    for ours, expected in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, expected)


def test_passes_make_the_loss_smaller():
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(9, 6), ScaledTanh(), EuclideanRBF(torch.eye(3, 6))
    ).double()
    some, labels = images(30), torch.arange(30) % 3
    some[torch.arange(30), 0, 0, labels] = 1.5  # tells the class
    losses = [reference.train_pass(net, MLE(), some, labels, n, 20.0)[0] for n in range(1, 6)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2
