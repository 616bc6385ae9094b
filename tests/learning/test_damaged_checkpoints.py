"""A damaged checkpoint is never continued from: training falls back to the one before, with a line,
and comes to the same bits."""

import io
import os
import pickle
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lenet.classifier import Recipe, Task
from lenet.data import split
from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.learning import SDLM, Minibatch
from lenet.learning.checkpoints import to_continue_from
from lenet.learning.trainer import EpochModule
from lenet.nets import LeNet1, LeNet5

EPOCHS = 3
CPU = {"accelerator": "cpu", "devices": 1, "compile": False}
RECIPES: dict[str, tuple[Recipe, Callable]] = {
    "minibatch": (
        Minibatch(
            partial(torch.optim.Adam, lr=4e-3),
            partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=4e-3),
            batch_size=32,
            epochs=EPOCHS,
        ),
        LeNet5,
    ),
    "one_pattern": (
        SDLM(scale=1.0, power=0.5, eta_factor=0.4, epochs=EPOCHS),
        lambda: LeNet5("subsampling", "scaled_tanh", "rbf", "table1"),
    ),
}
LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class Trained(NamedTuple):
    """A recipe's finished training: what it came to, its checkpoints, and its module."""

    recipe: str
    scores: NDArray
    folder: Path
    module: EpochModule


def fit(name: str, folder: Path) -> NDArray:
    """Trains a net, from the folder's checkpoint if there is one; its scores."""
    recipe, net = RECIPES[name]
    digits = split(stand_in(), train_size=200)
    torch.manual_seed(0)
    [trained] = recipe.fit(Task([net()], [0], digits, CPU, folder, [lambda *_: None]))
    return trained.scores(digits.test.images)


@pytest.fixture(scope="module", params=RECIPES)
def trained(request, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from lenet.learning import trainer

    folder = tmp_path_factory.mktemp(request.param) / "training"
    folder.mkdir()
    modules: list[EpochModule] = []

    def kept(where: Path, module: EpochModule) -> Path | None:
        modules.append(module)
        return to_continue_from(where, module)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "to_continue_from", kept)
        scores = fit(request.param, folder)
    return Trained(request.param, scores, folder, modules[0])


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    """A copy of the checkpoints."""
    return Path(shutil.copytree(trained.folder, tmp_path / "training"))


def flip(path: Path, count: int, moment: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for place in moment.sample(range(len(content)), count):
        content[place] ^= moment.randint(1, 255)
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    """What torch reads from a checkpoint."""
    again = io.BytesIO()
    torch.save(torch.load(path, weights_only=True), again)
    return again.getvalue()


def foreign_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"epochs": [], "state_dict": print}))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "within").write_text("something")


def of_another_net(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    if "lanes" in checkpoint:
        checkpoint["lanes"] = checkpoint["lanes"][:, 1:].clone()
    else:
        checkpoint["state_dict"] = {f"net.{k}": v for k, v in LeNet1().state_dict().items()}
    torch.save(checkpoint, path)


def without_epochs(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["epochs"]
    torch.save(checkpoint, path)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def without_loops(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["loops"]
    torch.save(checkpoint, path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": lambda path: flip(path, 64, random.Random(0)),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:5_000]),
    "cut_by_a_byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "foreign_pickle": foreign_pickle,
    "text": lambda path: path.write_text("not a checkpoint"),
    "other_tensors": lambda path: torch.save({"weights": torch.zeros(3)}, path),
    "a_tensor": lambda path: torch.save(torch.zeros(3), path),
    "another_net": of_another_net,
    "without_epochs": without_epochs,
    "without_loops": without_loops,
    "folder": folder_instead,
    "pipe": pipe,
    "device": device,
}


@pytest.mark.parametrize("seed", range(30))
def test_64_flipped_bytes_are_never_continued_from(
    seed: int, trained: Trained, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(folder / LAST, 64, random.Random(seed))
    assert to_continue_from(folder, trained.module) == folder / PREVIOUS
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"{folder}: left aside last.ckpt (damaged): training goes on from previous.ckpt"
    assert to_continue_from(folder, trained.module) == folder / PREVIOUS
    assert capsys.readouterr().err == "", "it is told once"


def test_one_flipped_byte_is_found_or_changes_nothing(trained: Trained, tmp_path: Path) -> None:
    """Most bytes of the headers are checked by no checksum; those that matter are."""
    moment = random.Random(1998)
    path = tmp_path / trained.folder.name / LAST
    path.parent.mkdir()
    whole = content_of(trained.folder / LAST)
    size = (trained.folder / LAST).stat().st_size
    at_ends = [*range(0, 400, 9), *range(size - 3_000, size, 31)]  # where headers lie dense
    found = 0
    for place in at_ends + [moment.randrange(size) for _ in range(60)]:
        content = bytearray((trained.folder / LAST).read_bytes())
        content[place] ^= 1 << moment.randrange(8)
        path.write_bytes(content)
        if to_continue_from(path.parent, trained.module) is None:
            found += 1
        else:
            assert content_of(path) == whole
    assert found > 60


@pytest.mark.parametrize("damage", DAMAGES)
def test_training_falls_back_to_the_checkpoint_before_and_comes_to_the_same_bits(
    damage: str, trained: Trained, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGES[damage](folder / LAST)
    again = fit(trained.recipe, folder)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{folder}: left aside last.ckpt (")
    assert line.endswith("): training goes on from previous.ckpt")
    np.testing.assert_array_equal(again, trained.scores)


@pytest.mark.parametrize("damage", ["flipped", "foreign_pickle", "folder"])
def test_where_both_are_damaged_training_starts_anew(
    damage: str, trained: Trained, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (LAST, PREVIOUS):
        DAMAGES[damage](folder / name)
    again = fit(trained.recipe, folder)
    [line] = capsys.readouterr().err.splitlines()
    damaged = "last.ckpt (damaged) and previous.ckpt (damaged)"
    assert line == f"{folder}: left aside {damaged}: training starts anew"
    np.testing.assert_array_equal(again, trained.scores)


@pytest.mark.parametrize("damage", ["flipped", "folder"])
def test_a_damaged_previous_checkpoint_is_in_nobodys_way(
    damage: str, trained: Trained, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / LAST).unlink()
    (folder / PREVIOUS).rename(folder / LAST)  # an epoch is left to train
    shutil.copy(folder / LAST, folder / PREVIOUS)
    DAMAGES[damage](folder / PREVIOUS)
    again = fit(trained.recipe, folder)
    assert "training goes on from last.ckpt" in capsys.readouterr().err
    np.testing.assert_array_equal(again, trained.scores)


def test_a_checkpoint_of_another_run_of_the_same_net_is_left_aside(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(trained.folder, tmp_path / "another training"))
    assert to_continue_from(other, trained.module) is None
    reason = "of another training"
    assert f"last.ckpt ({reason}) and previous.ckpt ({reason})" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["optimizer_states", "pytorch-lightning_version"])
def test_a_checkpoint_that_looks_whole_and_is_not_is_told_in_a_line(
    part: str, trained: Trained, folder: Path
) -> None:
    checkpoint = torch.load(folder / LAST, weights_only=True)
    del checkpoint[part]
    torch.save(checkpoint, folder / LAST)
    with pytest.raises(InputError, match=r"cannot go on from .*last\.ckpt .*: remove it$"):
        fit(trained.recipe, folder)
