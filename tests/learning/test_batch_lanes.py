"""Mini-batches in the lanes: autograd's gradients, and training as with torch."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lenet.classifier import Task
from lenet.data.digits import Digits, split
from lenet.data.source import stand_in
from lenet.learning.lanes import BatchLanes
from lenet.learning.losses import MAP, MLE, Loss, SquaredError
from lenet.learning.minibatch import Minibatch
from lenet.nets import MLP, LeNet1, LeNet4, LeNet5, ScaledTanh, in_fast_format

OPTIONS = {"accelerator": "cpu", "devices": 1, "compile": False}


def own() -> nn.Sequential:
    """Not of the family: other sizes, and a layer that is there more than once."""
    f = ScaledTanh()
    return nn.Sequential(
        nn.Conv2d(1, 4, 5),  # 4 @ 16x16
        f,
        nn.MaxPool2d(2, 2),  # 4 @ 8x8
        nn.Conv2d(4, 6, 8),  # 6 @ 1x1
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(6, 13),
        f,
        nn.Linear(13, 3),
        f,
    )


NETS: dict[str, tuple[Callable[[], nn.Module], Loss, int]] = {
    **{
        f"lenet5 {pooling} {activation} {output}": (
            partial(LeNet5, pooling, activation, output),
            F.cross_entropy if output == "softmax" else MAP(5.0),
            28,
        )
        for pooling in ("average", "max", "subsampling")
        for activation in ("tanh", "relu", "scaled_tanh")
        for output in ("softmax", "rbf", "learned_rbf")
    },
    "lenet5 of MLE": (partial(LeNet5, output="learned_rbf"), MLE(), 28),
    "lenet5 of 1998": (partial(LeNet5, "subsampling", "scaled_tanh", "rbf", "table1"), MLE(), 28),
    "lenet5 without F6": (
        partial(LeNet5, output="squashed", connections="table1", f6=False),
        SquaredError(),
        28,
    ),
    "lenet1": (partial(LeNet1, "tanh"), F.cross_entropy, 16),
    "lenet4": (partial(LeNet4, "scaled_tanh", "squashed"), SquaredError(), 28),
    "own": (own, SquaredError(), 20),
}


def digits_of(count: int, size: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    return torch.rand(count, 1, size, size) * 1.275 - 0.1, torch.randint(classes, (count,))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(1)


@pytest.mark.parametrize(("build", "loss", "size"), NETS.values(), ids=NETS)
@pytest.mark.parametrize("threads", [1, 2])
def test_loss_errors_and_gradients_agree_with_autograd(
    build: Callable[[], nn.Module], loss: Loss, size: int, threads: int
) -> None:
    net = in_fast_format(build())
    images, labels = digits_of(37, size)  # the last lanes are empty
    value, kept = BatchLanes(net, loss, size, threads).step(images, labels)
    (3 * value).backward()
    exact = copy.deepcopy(net).double()
    exact.zero_grad()
    scores = exact(images.double())
    (3 * loss(scores, labels)).backward()
    assert value.item() == pytest.approx(loss(scores, labels).item(), rel=1e-5)
    assert kept.tolist() == pytest.approx(
        [value.item(), (scores.argmax(1) != labels).float().mean().item()]
    )
    for (name, weight), right in zip(net.named_parameters(), exact.parameters(), strict=True):
        assert weight.grad is not None
        assert (weight.grad - right.grad).norm() < 1e-5 * right.grad.norm(), name


@pytest.mark.parametrize("batch", [1, 16, 50])
def test_any_size_of_batch_one_after_the_other(batch: int) -> None:
    net = LeNet5()
    lanes = BatchLanes(net, F.cross_entropy, 28, 3)
    for count in (64, batch):
        images, labels = digits_of(count, 28)
        net.zero_grad()
        lanes.step(images, labels)[0].backward()
        found = [weight.grad.clone() for weight in net.parameters()]
        net.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        for one, other in zip(found, net.parameters(), strict=True):
            assert torch.allclose(one, other.grad, rtol=1e-3, atol=1e-6)


def test_of_equal_inputs_the_first_is_the_largest() -> None:
    """As torch has it; here all inputs of a pool are equal."""
    net = LeNet5("max", "scaled_tanh")
    images, labels = torch.full((16, 1, 28, 28), -0.1), torch.arange(16) % 10
    BatchLanes(net, F.cross_entropy, 28, 1).step(images, labels)[0].backward()
    found = net.C1.weight.grad.clone()
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    assert torch.allclose(found, net.C1.weight.grad, rtol=1e-3, atol=1e-6)


def test_weights_that_are_no_numbers_give_a_loss_that_is_none() -> None:
    for activation in ("tanh", "relu", "scaled_tanh"):
        net = LeNet5("max", activation)
        with torch.no_grad():
            net.C1.weight[0, 0, 0, 0] = torch.nan
        value, _ = BatchLanes(net, F.cross_entropy, 28, 1).step(*digits_of(16, 28))
        assert value.isnan()


class Forward(LeNet5):
    """Does more than its layers."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def hooked() -> nn.Module:
    net = LeNet5()
    net.C1.register_forward_hook(lambda layer, seen, out: out * 2)
    return net


def test_what_the_lanes_do_not_know_is_told() -> None:
    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(scores, labels)

    unknown: list[tuple[nn.Module, Loss]] = [
        (MLP(), F.cross_entropy),
        (LeNet5(output="learned_rbf"), F.cross_entropy),
        (LeNet5(), SquaredError()),
        (LeNet5(), MAP(5.0)),
        (LeNet5(), loss),
        (LeNet5().double(), F.cross_entropy),
        (Forward(), F.cross_entropy),
        (hooked(), F.cross_entropy),
        (nn.Sequential(LeNet5(), nn.Dropout(), nn.Linear(10, 10)), F.cross_entropy),
        (nn.Sequential(nn.Conv2d(1, 3, 5), nn.Flatten(), nn.Linear(1728, 10)), F.cross_entropy),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=1), LeNet5()), F.cross_entropy),
    ]
    for net, of in unknown:
        with pytest.raises(ValueError, match=r"\w"):
            BatchLanes(net, of, 28, 1)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return split(stand_in(), train_size=600)


def recipe(epochs: int = 3) -> Minibatch:
    return Minibatch(
        partial(torch.optim.AdamW, lr=4e-3, fused=True),
        partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=4e-3),
        batch_size=32,
        epochs=epochs,
    )


def fit(
    digits: Digits,
    folder: Path,
    recipe: Minibatch,
    options: dict = OPTIONS,
    build: Callable[[], nn.Module] = LeNet5,
    stop_after: int = 99,
) -> tuple[str, Tensor, list[dict[str, float]]]:
    """The engine, the weights and the epochs of a training."""
    epochs: list[dict[str, float]] = []

    def callback(number: int, metrics: dict[str, float]) -> None:
        epochs.append(metrics)
        if number == stop_after:
            raise KeyboardInterrupt

    torch.manual_seed(0)
    [trained] = recipe.fit(Task([build()], [0], digits, options, folder, [callback]))
    weights = torch.cat([weight.detach().flatten() for weight in trained.net.parameters()])
    return trained.engine, weights, epochs


def test_training_is_that_of_torch_but_for_rounding(digits: Digits, tmp_path: Path) -> None:
    engine, weights, epochs = fit(digits, tmp_path / "a", recipe(1))
    by_torch, expected, others = fit(digits, tmp_path / "b", replace(recipe(1), lanes=False))
    assert (engine, by_torch) == ("lanes", "torch")
    assert (weights - expected).norm() < 1e-2 * expected.norm()
    for name in ("train/loss", "validation/error", "learning_rate"):
        assert epochs[0][name] == pytest.approx(others[0][name], rel=0.05, abs=0.02)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_same_threads_give_the_same_bits(digits: Digits, tmp_path: Path) -> None:
    _, one, _ = fit(digits, tmp_path / "a", recipe(1))
    _, two, _ = fit(digits, tmp_path / "b", recipe(1))
    assert (one == two).all()
    assert torch.get_num_threads() == 2, "given back by the lanes"


def test_it_goes_on_from_a_checkpoint_to_the_same_bits(digits: Digits, tmp_path: Path) -> None:
    _, whole, epochs = fit(digits, tmp_path / "whole", recipe())
    assert epochs[-1]["train/loss"] < epochs[0]["train/loss"] / 2
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(digits, tmp_path / "cut", recipe(), stop_after=2)
    _, rest, again = fit(digits, tmp_path / "cut", recipe())
    assert (rest == whole).all()
    assert [e["train/loss"] for e in again] == [e["train/loss"] for e in epochs]


def test_the_torch_way_is_taken_by_itself(tmp_path: Path) -> None:
    few = split(stand_in(), train_size=64)

    def engine(build: Callable[[], nn.Module] = LeNet5, **options: Any) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return fit(few, folder, recipe(1), OPTIONS | options, build)[0]

    def dropout() -> nn.Module:
        return nn.Sequential(LeNet5(), nn.Dropout(), nn.Linear(10, 10))

    by_torch = "torch" if torch.cuda.is_available() else "lanes"
    assert engine(partial(MLP, (20,))) == "torch"
    assert engine(dropout) == "torch"
    assert engine(Forward) == "torch"
    assert engine(precision="bf16-mixed") == "torch"
    assert engine(gradient_clip_val=0.1) == "torch"
    assert engine(accumulate_grad_batches=2) == "torch"
    assert engine(limit_train_batches=1) == "torch"
    assert engine(detect_anomaly=True) == "lanes"
    assert engine(accelerator="auto") == by_torch
