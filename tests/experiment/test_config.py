"""Values that cannot be meant are refused with one line, before anything is loaded."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import PROJECT, runs

from lenet import paper
from lenet.data import stand_in
from lenet.evaluation import evaluate
from lenet.experiment.command import train
from lenet.experiment.config import build, check, flat
from lenet.experiment.job import Job
from lenet.tracking import Tracker

EXPERIMENTS = sorted(path.stem for path in (PROJECT / "conf" / "experiment").glob("*.yaml"))


def test_noise_is_the_papers(configure) -> None:
    assert configure("experiment=lenet5_noise").data.noise == paper.NOISE


def test_the_defaults_pass(configure) -> None:
    check(configure())


def test_every_file_of_the_configuration_composes(configure) -> None:
    for group in ("model", "data", "recipe", "trainer", "tracking"):
        for path in sorted((PROJECT / "conf" / group).glob("*.yaml")):
            assert configure(f"{group}={path.stem}", epochs=None).name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_what_its_base_promises(name: str, configure) -> None:
    cfg = configure(f"experiment={name}", epochs=None)
    check(cfg)
    assert cfg.name == name
    assert cfg.paper in paper.ROWS
    if name in paper.ROWS:
        assert cfg.paper == name
    assert cfg.data.validation == 0
    classical = cfg.recipe._target_.startswith("lenet.classic")
    assert (cfg.seeds is None) == classical
    assert cfg.data.distort == ("_dist" in name and not classical)
    assert build(cfg.model)


def test_an_experiment_of_ones_own_says_what_differs(configure, tmp_path: Path) -> None:
    own = tmp_path / "conf" / "experiment" / "mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# @package _global_\ndefaults: [lenet5_dist]\nrecipe:\n  j: 7.0\n")
    path = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    parent = configure("experiment=lenet5_dist", epochs=None)
    cfg = configure(path, "experiment=mine", epochs=None)
    assert (cfg.name, cfg.recipe.j) == ("mine", 7.0)
    for same in ("paper", "data", "model"):
        assert cfg[same] == parent[same]


def test_flat_keys_are_those_of_the_command_line() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["trainer=debug"], "limit_train_batches=4 limit_val_batches=2"),
        (["+trainer.limit_train_batches=1"], "limit_train_batches=1"),  # one batch
        (["+trainer.limit_train_batches=1.0"], ""),  # all of them
    ],
)
def test_a_run_that_sees_a_part_of_each_epoch_says_so(
    overrides: list[str], told: str, configure, empty_database: Path, tmp_path: Path, capsys
) -> None:
    shutil.copy(empty_database, tmp_path)
    store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
    train(configure("tracking=mlflow", store, *overrides, epochs=1))
    assert (f"Epochs are cut short ({told})" in capsys.readouterr().out) == bool(told)
    [run] = runs(tmp_path)
    assert run.data.tags.get("cut", "") == told


@pytest.mark.parametrize(
    ("data", "overrides", "beside"),
    [
        ("mnist", [], True),
        ("mnist", ["+trainer.limit_train_batches=1.0"], True),
        ("mnist", ["+trainer.limit_train_batches=0.5"], False),
        ("mnist", ["data.train_size=15000"], False),
        ("digits", [], False),
    ],
)
def test_the_papers_figure_stands_only_beside_whole_epochs_on_all_of_mnist(
    configure, tmp_path: Path, data: str, overrides: list[str], beside: bool
) -> None:
    raw = replace(stand_in(), name=data)
    job = Job(configure(*overrides), raw, Tracker(None, tmp_path, raw.stand_in), 1, resume=False)
    figures = job.figures(evaluate(np.eye(10), np.arange(10)))
    assert ("paper/error" in figures) == beside
