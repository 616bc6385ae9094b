"""The lanes against the plain reference, for updates and second derivatives, and on their own."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from lenet.learning import reference
from lenet.learning.lanes import Lanes
from lenet.learning.lanes.kernels import compiled, scaled_tanh
from lenet.learning.lanes.vector import LaneCount, load, store
from lenet.learning.losses import MAP, MLE, SquaredError
from lenet.nets.layers import EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling
from lenet.nets.lenet import LeNet1, LeNet4, LeNet5
from lenet.nets.mlp import MLP

C3_TABLE = ((0,), (0, 1), (1,))
C5_TABLE = ((0, 1), (1, 2), (0, 2), (2,))
CENTRES = torch.tensor([[1.0, 1, 1, -1, -1, -1], [1, -1, 1, -1, 1, -1], [-1, -1, 1, 1, 1, 1]])


def lenet5() -> nn.Sequential:
    return LeNet5("subsampling", "scaled_tanh", "rbf", "table1")


def small(output: str = "rbf") -> nn.Sequential:
    """Every kind of layer, on 18x18 images."""
    last = [EuclideanRBF(CENTRES.clone())] if output == "rbf" else [ScaledTanh()]
    return nn.Sequential(
        Pad(),  # 1 @ 22x22
        nn.Conv2d(1, 2, 5),  # 2 @ 18x18
        ScaledTanh(),
        nn.Sequential(Subsampling(2), ScaledTanh()),  # 2 @ 9x9
        SparseConv(C3_TABLE, 5),  # 3 @ 5x5
        ScaledTanh(),
        SparseConv(C5_TABLE, 5),  # 4 @ 1x1
        ScaledTanh(),
        nn.Flatten(),
        nn.Linear(4, 6 if output == "rbf" else 3),
        *([ScaledTanh()] if output == "rbf" else []),
        *last,
    )


def full(hidden: int = 5) -> nn.Sequential:
    """One hidden layer, no shared weights, on 6x6 images."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, hidden), ScaledTanh(), nn.Linear(hidden, 3), ScaledTanh()
    )


def digits(count: int, size: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(count, 1, size, size) * 1.275 - 0.1, torch.randint(classes, (count,))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


NETS = {
    "lenet5": (lenet5, 28, [MAP(10.0), MAP(0.5), MLE()]),
    "small-rbf": (small, 18, [MAP(2.0), MLE()]),
    "small-squashed": (lambda: small("squashed"), 18, [SquaredError()]),
    "full": (full, 6, [SquaredError(), SquaredError()]),
    "full-softmax": (lambda: MLP((13, 16), 6), 6, [F.cross_entropy]),
    "lenet1": (lambda: LeNet1(output="squashed"), 16, [SquaredError()]),
    "lenet4": (lambda: LeNet4(output="squashed"), 28, [SquaredError()]),
    "lenet4-softmax": (lambda: LeNet4(output="softmax"), 28, [F.cross_entropy]),
}


@pytest.mark.parametrize(("build", "size", "losses"), NETS.values(), ids=NETS)
def test_a_hundred_updates_agree_with_the_reference(build, size, losses):
    nets = [build() for _ in losses]
    lanes = Lanes(nets, losses, size)
    images, labels = digits(40, size, lanes.architecture.shape[0])
    order = torch.randint(40, (len(nets), 100))
    start = lanes.weights
    rates = torch.rand(start.shape) * 2e-3
    loss, errors = lanes.update(images, labels, order, rates)
    for k, net in enumerate(nets):
        values, wrong = zip(
            *(reference.update(net, losses[k], images[n], labels[n], rates[k]) for n in order[k]),
            strict=True,
        )
        moved = parameters_to_vector(net.parameters()).detach() - start[k]
        assert moved.abs().max() > 1e-3
        assert (lanes.weights[k] - start[k] - moved).norm() < 1e-4 * moved.norm()
        assert loss[k].item() == pytest.approx(np.mean(values), rel=1e-4)
        assert errors[k].item() == sum(wrong)


@pytest.mark.parametrize(("build", "size", "losses"), NETS.values(), ids=NETS)
def test_curvature_agrees_with_the_reference(build, size, losses):
    nets = [build() for _ in losses]
    images, _ = digits(6, size, 3)
    order = torch.tensor([[4, 1, 5], [0, 2, 2], [3, 1, 0]])[: len(nets)]
    h = Lanes(nets, losses, size).curvature(images, order)
    for k, net in enumerate(nets):
        expected = reference.curvature(copy.deepcopy(net).double(), images[order[k]].double())
        assert torch.allclose(h[k].double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", ["lenet5", "small-rbf", "full-softmax"])
def test_scores_are_those_of_the_torch_net(name):
    build, size, losses = NETS[name]
    net = build()
    images, _ = digits(5, size, 3)
    scores = Lanes([net], losses[-1:], size).scores(images.reshape(5, -1))
    assert torch.allclose(scores[0], net(images), rtol=1e-5, atol=1e-4)


def test_a_lane_computes_the_same_bits_in_any_company_and_on_any_width():
    nets = [small() for _ in range(10)]
    losses = [MAP(1.0 + k) for k in range(9)] + [MLE()]
    images, labels = digits(30, 18, 3)
    order = torch.randint(30, (10, 60))

    def train(chosen: list[int], threads: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        lanes = Lanes([nets[k] for k in chosen], [losses[k] for k in chosen], 18, threads)
        rates = 1e-3 / (0.02 + lanes.curvature(images, order[chosen]))
        lanes.update(images, labels, order[chosen], rates)
        return lanes.weights, lanes.scores(images)

    together, scores = train([*range(10)])  # one group of 16
    for chosen, threads in (([*range(10)], 1), ([*range(10)], 2), ([9, 3, 8], 1), ([7], 1)):
        weights, some = train(chosen, threads)
        assert torch.equal(weights, together[chosen])
        assert torch.equal(some, scores[chosen])


def test_training_goes_on_from_restored_weights_as_if_never_stopped():
    nets = [small(), small()]
    images, labels = digits(30, 18, 3)
    order = torch.randint(30, (2, 40))
    lanes = Lanes(nets, [MLE()] * 2, 18)
    rates = torch.full_like(lanes.weights, 1e-3)
    lanes.update(images, labels, order, rates)
    resumed = Lanes(nets, [MLE()] * 2, 18)
    first = Lanes(nets, [MLE()] * 2, 18)
    first.update(images, labels, order[:, :15], rates)
    resumed.weights = first.weights
    resumed.update(images, labels, order[:, 15:], rates)
    assert torch.equal(resumed.weights, lanes.weights)
    resumed.write_back(nets)
    assert torch.equal(parameters_to_vector(nets[1].parameters()), lanes.weights[1])


def test_the_rational_squashing_function_is_that_of_appendix_a():
    @compiled
    def apply(lanes, values):
        for i in range(len(values) // 8):
            store(lanes, values, i, scaled_tanh(lanes, load(lanes, values, i)))

    a = np.linspace(-40, 40, 80_000).astype(np.float32)
    f = a.copy()
    apply(LaneCount(8), f)
    assert np.abs(f - 1.7159 * np.tanh(2 / 3 * a.astype(float))).max() < 7e-7
    assert np.abs(f).max() <= np.float32(1.7159)
    nothing = np.full(8, np.nan, np.float32)
    apply(LaneCount(8), nothing)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize(
    ("net", "loss", "message"),
    [
        (lambda: LeNet5(output="rbf"), MLE(), r"'C1_f': Tanh is none of"),
        (lambda: LeNet5("max", "scaled_tanh", "rbf"), MLE(), r"'S2': MaxPool2d is none of"),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), ScaledTanh()), SquaredError(), "5x5"),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 5, 2), ScaledTanh()), SquaredError(), "stride"),
        (lambda: nn.Sequential(nn.Linear(9, 3), ScaledTanh()), SquaredError(), "9 inputs.*784"),
        (lenet5, SquaredError(), "ScaledTanh, not in EuclideanRBF"),
        (full, MAP(1.0), "EuclideanRBF, not in ScaledTanh"),
        (full, F.cross_entropy, "Linear, not in ScaledTanh"),
    ],
)
def test_a_net_or_loss_that_does_not_fit_is_refused_by_name(net, loss, message):
    size = 6 if net is full else 28
    with pytest.raises(ValueError, match=message):
        Lanes([net()], [loss], size)


def test_wrong_arguments_are_refused_before_anything_moves():
    lanes = Lanes([full(), full()], [SquaredError()] * 2, 6)
    images, labels = digits(4, 6, 3)
    order, rates, before = torch.zeros(2, 3, dtype=torch.int64), lanes.weights, lanes.weights
    wrong = [
        ("images", (images.double(), labels, order, rates)),
        ("images", (images[..., 1:], labels, order, rates)),
        ("labels", (images, labels + 3, order, rates)),
        ("labels", (images, labels[1:], order, rates)),
        ("order", (images, labels, order + 4, rates)),
        ("order", (images, labels, order[:1], rates)),
        ("order", (images, labels, order[:, :0], rates)),
        ("rates", (images, labels, order, rates[:, 1:])),
    ]
    for name, arguments in wrong:
        with pytest.raises(ValueError, match=name):
            lanes.update(*arguments)
    assert torch.equal(lanes.weights, before)
    with pytest.raises(ValueError, match="differ"):
        Lanes([full(), full(4)], [SquaredError()] * 2, 6)
    with pytest.raises(ValueError, match="one loss per net"):
        Lanes([full()], [], 6)
