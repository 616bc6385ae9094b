"""The recipe of 1998 under Lightning: it learns, repeats itself, and keeps seeds apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lenet import paper
from lenet.classifier import Task
from lenet.data.digits import Digits, split
from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.learning import SDLM
from lenet.learning.lanes import Lanes
from lenet.learning.modules import CHUNK
from lenet.learning.trainer import Diverged
from lenet.nets import LeNet5

CPU = {"accelerator": "cpu", "devices": 1, "compile": False}
RECIPE = SDLM(scale=1.0, power=0.5, eta_factor=0.4, epochs=3)


def of_1998() -> LeNet5:
    return LeNet5("subsampling", "scaled_tanh", "rbf", "table1")


@pytest.fixture(scope="module")
def digits() -> Digits:
    return split(stand_in())


def few(**changed: Any) -> Digits:
    return split(stand_in(), train_size=500, **changed)


def fit(digits: Digits, folder: Path, seeds: list[int], recipe: SDLM = RECIPE):
    """Scores of the test digits for each seed, and each seed's epochs."""
    epochs: list[list[tuple]] = [[] for _ in seeds]
    callbacks = [lambda *epoch, kept=kept: kept.append(epoch) for kept in epochs]
    nets = [of_1998() for _ in seeds]
    trained = recipe.fit(Task(nets, seeds, digits, CPU, folder, callbacks))
    return [net.scores(digits.test.images) for net in trained], epochs


def test_it_learns_and_tells_each_pass_with_its_rates(digits: Digits, tmp_path: Path) -> None:
    [scores], [epochs] = fit(digits, tmp_path, [0])
    assert [number for number, _ in epochs] == [1, 2, 3]
    assert (scores.argmax(1) != digits.test.labels.numpy()).mean() < 0.2
    first = epochs[0][1]
    low, middle, high = (
        first["learning_rate_lowest"],
        first["learning_rate"],
        first["learning_rate_highest"],
    )
    assert 0 < low < middle < high <= 0.4 * paper.ETA[0] / paper.MU
    assert set(epochs[0][1]) >= {"train/loss", "train/error", "validation/error", "epoch_seconds"}
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["lanes"].shape == (1, 60_000)


def test_a_seed_learns_the_same_in_company(tmp_path: Path) -> None:
    both, _ = fit(few(), tmp_path / "both", [3, 7])
    [alone], _ = fit(few(), tmp_path / "alone", [7])
    assert (both[1] == alone).all()
    assert (both[0] != alone).any()


def test_the_error_of_a_pass_counts_each_pattern_once(digits: Digits, tmp_path: Path) -> None:
    assert len(digits.train) % CHUNK != 0, "the last chunk is a part"
    _, [epochs] = fit(digits, tmp_path, [0])
    for _, metrics in epochs:
        wrong = metrics["train/error"] * len(digits.train)
        assert wrong == pytest.approx(round(wrong))


def test_distorted_patterns_are_harder(tmp_path: Path) -> None:
    _, [easy] = fit(few(), tmp_path / "a", [0])
    _, [hard] = fit(few(distort=True), tmp_path / "b", [0])
    assert hard[-1][1]["train/loss"] > easy[-1][1]["train/loss"]


@pytest.mark.parametrize("distort", [False, True])
def test_noisy_patterns_are_harder_and_repeat_themselves(distort: bool, tmp_path: Path) -> None:
    _, [easy] = fit(few(distort=distort), tmp_path / "a", [0])
    noisy = few(distort=distort, noise=0.1)
    scores, [hard] = fit(noisy, tmp_path / "b", [0])
    assert hard[-1][1]["train/loss"] > easy[-1][1]["train/loss"]
    both, _ = fit(noisy, tmp_path / "c", [1, 0])
    assert (both[1] == scores[0]).all()


def test_the_test_error_of_each_pass_is_there_where_figure_5_asks(tmp_path: Path) -> None:
    scores, [epochs] = fit(few(test_each_epoch=True), tmp_path, [0])
    labels = stand_in().test_labels.numpy()
    assert epochs[-1][1]["figure_5/test_error"] == pytest.approx(
        (scores[0].argmax(1) != labels).mean()
    )


def test_todays_net_is_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this recipe trains the nets of 1998 only"):
        RECIPE.fit(Task([LeNet5()], [0], digits, CPU, tmp_path, [print]))
    with pytest.raises(InputError, match="recipe=fit"):
        RECIPE.fit(Task([object()], [0], digits, CPU, tmp_path, [print]))


def test_weights_that_leave_the_finite_stop_the_run(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"diverged in pass \d: lower recipe.eta_factor"):
        fit(digits, tmp_path, [0], SDLM(scale=3e38, power=0.0, epochs=1))


@pytest.mark.parametrize("distort", [False, True])
def test_a_killed_training_continues_to_the_same_bits(
    distort: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = few(distort=distort)
    whole, all_epochs = fit(digits, tmp_path / "whole", [0, 5])
    update, calls = Lanes.update, iter(range(1))

    def killed(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return update(*arguments)

    monkeypatch.setattr(Lanes, "update", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):  # Lightning makes one of the other
        fit(digits, tmp_path / "cut", [0, 5])
    monkeypatch.undo()
    rest, epochs = fit(digits, tmp_path / "cut", [0, 5])
    for one, other in zip(rest, whole, strict=True):
        assert (one == other).all()
    for some, all_ in zip(epochs, all_epochs, strict=True):
        assert [m["train/loss"] for _, m in some] == [m["train/loss"] for _, m in all_]


def test_starts_and_orders_are_crossed(digits: Digits, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    plain, _ = fit(digits, tmp_path / "plain", [0, 1], recipe)
    crossed, epochs = fit(digits, tmp_path / "crossed", [0, 1, 2, 3], replace(recipe, orders=2))
    assert (crossed[0] == plain[0]).all()  # start 0, order 0
    assert (crossed[3] == plain[1]).all()  # start 1, order 1
    norms = [first[0][1]["weight_norm"] for first in epochs]  # before the first pass
    assert norms[0] == norms[1] != norms[2] == norms[3]
    assert len({scores.tobytes() for scores in crossed}) == 4


def test_centres_that_learn_are_refused(digits: Digits, tmp_path: Path) -> None:
    net = LeNet5("subsampling", "scaled_tanh", "learned_rbf", "table1")
    with pytest.raises(InputError, match="no initial range is known for EuclideanRBF"):
        RECIPE.fit(Task([net], [0], digits, CPU, tmp_path, [lambda *_: None]))
