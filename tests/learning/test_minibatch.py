"""Mini-batch training learns, repeats itself to the last bit, and stops when it diverges."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lenet.classifier import Task
from lenet.data.digits import Digits, split
from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.learning import minibatch
from lenet.learning.batches import Shuffled
from lenet.learning.minibatch import Minibatch
from lenet.learning.trainer import Diverged
from lenet.nets import LeNet5

EAGER = {"accelerator": "cpu", "devices": 1, "compile": False}


@pytest.fixture(scope="module")
def digits() -> Digits:
    return split(stand_in(), train_size=600)


def recipe(lr: float = 4e-3, epochs: int = 4) -> Minibatch:
    return Minibatch(
        partial(torch.optim.Adam, lr=lr),
        partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=lr),
        batch_size=32,
        epochs=epochs,
    )


def fit(digits: Digits, folder: Path, recipe: Minibatch, options: dict = EAGER, seed: int = 0):
    """Trains one LeNet-5; its scores of the test digits and its epochs."""
    epochs: list[tuple[int, dict]] = []
    torch.manual_seed(seed)
    net = LeNet5()
    callback = lambda *epoch: epochs.append(epoch)  # noqa: E731
    [trained] = recipe.fit(Task([net], [seed], digits, options, folder, [callback]))
    return trained.scores(digits.test.images), epochs


def test_it_learns_and_tells_each_epoch(digits: Digits, tmp_path: Path) -> None:
    scores, epochs = fit(digits, tmp_path, recipe())
    assert [number for number, _ in epochs] == [1, 2, 3, 4]
    first, last = epochs[0][1], epochs[-1][1]
    assert set(first) == {
        "train/loss",
        "train/error",
        "validation/error",
        "learning_rate",
        "epoch_seconds",
    }
    assert last["train/loss"] < first["train/loss"] / 3
    assert last["learning_rate"] < 1e-4 < first["learning_rate"]
    assert (scores.argmax(1) != digits.test.labels.numpy()).mean() < 0.15
    assert last["validation/error"] < 0.15
    assert (tmp_path / "last.ckpt").exists()


def test_the_same_seed_gives_the_same_scores_bit_for_bit(digits: Digits, tmp_path: Path) -> None:
    one, _ = fit(digits, tmp_path / "a", recipe(epochs=2), seed=3)
    two, _ = fit(digits, tmp_path / "b", recipe(epochs=2), seed=3)
    other, _ = fit(digits, tmp_path / "c", recipe(epochs=2), seed=4)
    assert (one == two).all()
    assert (one != other).any()


def test_each_epoch_has_an_order_of_its_own(digits: Digits, tmp_path: Path, monkeypatch) -> None:
    orders: list[list[int]] = []
    in_order = Shuffled.several

    def kept(batches: Shuffled) -> Iterator[list[tuple[Tensor, Tensor]]]:
        orders.append([])
        for several in in_order(batches):
            orders[-1] += [int(label) for _, labels in several for label in labels]
            yield several

    monkeypatch.setattr(Shuffled, "several", kept)
    fit(digits, tmp_path, recipe(epochs=3))
    assert len({tuple(order) for order in orders}) == 3


def test_without_a_validation_split_there_is_no_validation_error(tmp_path: Path) -> None:
    _, epochs = fit(split(stand_in(), train_size=64, validation=0), tmp_path, recipe(epochs=1))
    assert "validation/error" not in epochs[0][1]


def test_a_loss_that_is_not_finite_stops_the_run(digits: Digits, tmp_path: Path) -> None:
    def nan(scores: Tensor, labels: Tensor) -> Tensor:
        return scores.sum() * float("nan")

    broken = Minibatch(recipe().optimizer, recipe().schedule, 32, 3, nan)
    with pytest.raises(Diverged, match=r"diverged in epoch 1 \(loss nan\): lower recipe.opt"):
        fit(digits, tmp_path, broken)


def test_a_loss_that_climbs_far_stops_the_run(digits: Digits, tmp_path: Path) -> None:
    steps = iter(range(10_000))

    def climbing(scores: Tensor, labels: Tensor) -> Tensor:
        return scores.square().mean() * 0 + 1.5 ** next(steps)

    broken = Minibatch(recipe().optimizer, recipe().schedule, 64, 9, climbing)
    with pytest.raises(Diverged, match="diverged in epoch 2"):
        fit(digits, tmp_path, broken)


def test_an_option_the_trainer_does_not_know_is_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Trainer refuses the trainer config"):
        fit(digits, tmp_path, recipe(), EAGER | {"speed": "high"})


def test_without_a_compiler_runs_are_eager_and_say_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(minibatch.shutil, "which", lambda _: None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert not minibatch.can_compile()
    assert "No C++ compiler here" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not minibatch.can_compile(), reason="no C++ compiler here")
def test_compiled_training_is_the_same_training(digits: Digits, tmp_path: Path) -> None:
    eager, _ = fit(digits, tmp_path / "a", recipe(epochs=1))
    compiled, _ = fit(digits, tmp_path / "b", recipe(epochs=1), EAGER | {"compile": True})
    assert compiled == pytest.approx(eager, abs=1e-2)


class Killed(BaseException):
    """What ends a process in the middle of an epoch."""


@pytest.mark.parametrize("lanes", [True, False])
def test_a_killed_training_continues_to_the_same_bits(
    lanes: bool, digits: Digits, tmp_path: Path
) -> None:
    unhurt = replace(recipe(), lanes=lanes)
    whole, all_epochs = fit(digits, tmp_path / "whole", unhurt)
    batches = iter(range(50))  # the third epoch has begun

    class Killing(torch.optim.Adam):
        def step(self, closure=None):
            if next(batches, None) is None:
                raise Killed
            return super().step(closure)

    with pytest.raises(Killed):
        fit(digits, tmp_path / "cut", replace(unhurt, optimizer=partial(Killing, lr=4e-3)))
    rest, epochs = fit(digits, tmp_path / "cut", unhurt)
    assert (rest == whole).all()
    assert [number for number, _ in epochs] == [1, 2, 3, 4], "those before the kill are told again"
    assert [m["train/loss"] for _, m in epochs] == [m["train/loss"] for _, m in all_epochs]
