"""Heads and boosting, from digits to a classifier."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lenet.classifier import Task
from lenet.data.digits import Digits, split
from lenet.data.source import stand_in
from lenet.ensemble.heads import NearestNeighbourHead
from lenet.ensemble.recipes import Boosting, WithHead
from lenet.errors import InputError
from lenet.learning import SDLM
from lenet.nets import LeNet4, LeNet5

CPU = {"accelerator": "cpu", "devices": 1, "compile": False}
BASE = SDLM(scale=1.0, power=0.5, eta_factor=0.4, epochs=2)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return split(stand_in())


def task(models: list, seeds: list[int], digits: Digits, folder: Path) -> Task:
    return Task(models, seeds, digits, CPU, folder, [lambda *_: None] * len(seeds))


def test_a_head_takes_the_place_of_the_output(digits: Digits, tmp_path: Path) -> None:
    recipe = WithHead(BASE, partial(NearestNeighbourHead, k=3))
    assert recipe.together
    models = [LeNet4(output="squashed"), LeNet4(output="squashed")]
    headed, _ = recipe.fit(task(models, [0, 1], digits, tmp_path))
    scores = headed.scores(digits.test.images)
    assert (scores.argmax(1) != digits.test.labels.numpy()).mean() < 0.2
    costs = headed.costs(digits.test.images)
    n = len(digits.train)
    assert costs.variables == 16_998 - 1_210 + 120 * n, "all but the output, and n x 120 features"
    headed.save(tmp_path / "headed.safetensors")
    assert load_file(tmp_path / "headed.safetensors")["features"].shape == (n, 120)


def test_boosting_adds_three_nets(digits: Digits, tmp_path: Path) -> None:
    epochs: list[int] = []
    recipe = Boosting(BASE, size=400, limit=40_000)
    callback = lambda number, _: epochs.append(number)  # noqa: E731
    few = Digits("digits", "", digits.train, digits.validation, digits.test, distorted=True)
    [boosted] = recipe.fit(Task([LeNet4(output="squashed")], [0], few, CPU, tmp_path, [callback]))
    assert epochs == [1, 2, 3, 4, 5, 6], "two passes for each of three nets"
    images = digits.test.images
    each = [net.scores(images) for net in boosted.nets]
    assert boosted.scores(images) == pytest.approx(np.sum(each, axis=0))
    assert len({scores.tobytes() for scores in each}) == 3
    one = boosted.nets[0].costs(images)
    costs = boosted.costs(images)
    assert costs.variables == 3 * one.variables
    assert one.macs <= costs.macs <= 3 * one.macs
    boosted.save(tmp_path / "boosted.safetensors")
    names = load_file(tmp_path / "boosted.safetensors")
    assert {name.split(".")[0] for name in names} == {"1", "2", "3", "threshold"}


def test_boosting_gives_a_seed_the_same_nets_in_company(digits: Digits, tmp_path: Path) -> None:
    recipe = Boosting(BASE, size=400, limit=40_000)

    def scores(seeds: list[int]) -> list[np.ndarray]:
        nets = [LeNet4(output="squashed") for _ in seeds]
        folder = tmp_path / str(len(seeds))
        boosted = recipe.fit(task(nets, seeds, digits, folder))
        return [each.scores(digits.test.images) for each in boosted]

    first, second = scores([0, 4])
    [alone] = scores([4])
    assert (second == alone).all()
    assert (first != second).any()


def test_boosting_refuses_a_base_that_trains_one_seed_at_a_time(
    digits: Digits, tmp_path: Path
) -> None:
    recipe = Boosting(WithHead(BASE, NearestNeighbourHead), size=400, limit=40_000)
    with pytest.raises(InputError, match="recipe/base has to be paper"):
        recipe.fit(task([LeNet4()], [0], digits, tmp_path))


def test_boosting_with_too_few_hard_patterns_is_told(digits: Digits, tmp_path: Path) -> None:
    torch.manual_seed(0)
    with pytest.raises(InputError, match="boosting has too little to learn from"):
        Boosting(BASE, size=1_000, limit=100).fit(
            task([LeNet4(output="squashed")], [0], digits, tmp_path)
        )


def test_boosting_passes_on_what_its_base_refuses(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^this recipe trains the nets of 1998 only"):
        Boosting(BASE, size=400, limit=100).fit(task([LeNet5()], [0], digits, tmp_path))
