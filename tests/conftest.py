"""Fixtures: configurations composed as train.py composes them, in a folder of the test's own."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from tests import commands
from tests.commands import PROJECT, Done, Running

torch.set_num_threads(1)  # nets this small gain nothing from more, and lose much under load


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says which tests were left out, and why."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    lines = [f"{n} test{'s' * (n > 1)}: {reason}" for reason, n in sorted(reasons.items())]
    if config.option.markexpr == "not long":
        lines.append("the tests marked long: `make test-all` runs them, too")
    if lines:
        terminalreporter.section("left out")
        for line in lines:
            terminalreporter.line(line)


def runs(folder: Path) -> list:
    """All MLflow runs of a project folder, the newest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client.search_runs([e.experiment_id for e in client.search_experiments()])


def record(seed: int, **more: Any) -> dict[str, Any]:
    """What a result tells of a run of no training."""
    return {
        "seed": seed,
        "run": f"{seed:032d}",
        "commit": "c0ffee",
        "dirty": False,
        "threads": 1,
        "versions": {"torch": "2.13.0"},
        "metrics": {"training_seconds": 30.0, "macs": 400_000.0, "variables": 60_000.0},
        "curves": {},
    } | more


class Pictured(NamedTuple):
    """What `lenet.gallery.make` was given, and the folder that it wrote to."""

    folder: Path
    raw: Any
    readers: dict[str, Any]


@pytest.fixture
def configure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., DictConfig]]:
    """Composes a configuration from overrides: stand-in digits, two epochs unless told
    otherwise (None: the recipe's), nothing tracked."""
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))

    def configured(*overrides: str, epochs: int | None = 2) -> DictConfig:
        defaults = ["data=digits", "tracking=off", "trainer.threads=1"]
        defaults += [] if epochs is None else [f"recipe.epochs={epochs}"]
        cfg = compose("config", [*defaults, *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        return OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])

    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        yield configured
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A folder with MNIST/raw, where this machine has one."""
    root = os.environ.get("MNIST_ROOT")
    if not root:
        pytest.skip("no MNIST here (MNIST_ROOT is not set)")
    return Path(root)


@pytest.fixture(scope="session")
def slurm() -> None:
    """A cluster that takes jobs, where this machine is in one."""
    if not shutil.which("sinfo") or subprocess.run(["sinfo"], capture_output=True).returncode:
        pytest.skip("no Slurm here (sinfo does not answer)")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without an experiment; making them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Pictured:
    """robustness.json and pictures.npz of 60 stand-in digits, by untrained nets and neighbours."""
    from dataclasses import replace

    from lenet import results
    from lenet.classic.adapter import Estimator
    from lenet.classic.neighbours import NearestNeighbours
    from lenet.data.source import stand_in
    from lenet.data.views import regular
    from lenet.experiment.loaded import LoadedClassifier
    from lenet.nets import LeNet5, TrainedNet
    from lenet.study import gallery

    torch.manual_seed(0)
    raw = stand_in()
    raw = replace(raw, test_images=raw.test_images[:60], test_labels=raw.test_labels[:60])
    readers = {
        name: LoadedClassifier(
            name, "regular", TrainedNet(LeNet5("subsampling", "scaled_tanh", "rbf", "table1"))
        )
        for name in ("lenet5", "lenet5_dist", "lenet5_noise")
    }
    known = NearestNeighbours(1).fit(
        regular(raw.train_images).flatten(1).numpy(), raw.train_labels.numpy()
    )
    readers["knn"] = LoadedClassifier("knn", "regular", Estimator(known))
    folder = tmp_path_factory.mktemp("results")
    labels = raw.test_labels.numpy().astype(np.uint8)
    predictions = np.stack([labels, labels])
    for seed, missed_by_it in enumerate(([7], [7, 41])):
        predictions[seed, missed_by_it] = (labels[missed_by_it] + 1) % 10
    missed = results.Result(
        *("lenet5_dist", "lenet5_dist", "digits", "d1", "full", (record(0), record(1))),
        *(labels, predictions, np.zeros((2, 60), np.float16)),
    )
    results.save(missed, folder / "lenet5_dist")
    gallery.make(readers, raw, len(labels), folder, at_once=2)
    return Pictured(folder, raw, readers)


@pytest.fixture
def train(tmp_path: Path, empty_database: Path) -> Callable[..., Done]:
    """Runs train.py as a user does, in a folder of the test's own."""
    shutil.copy(empty_database, tmp_path)

    def run(*arguments: str, **environment: str) -> Done:
        return commands.run(["python", "train.py", *arguments], tmp_path, environment=environment)

    return run


@pytest.fixture
def started(
    tmp_path: Path, empty_database: Path
) -> Callable[..., "Running | subprocess.Popen[str]"]:
    """Starts train.py as `train` does, for tests that interfere while it runs."""
    shutil.copy(empty_database, tmp_path)

    def start(*arguments: str) -> "Running | subprocess.Popen[str]":
        return commands.start(["python", "train.py", *arguments], tmp_path)

    return start


@pytest.fixture(scope="session")
def run_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves: the net of 1998 after twelve epochs by today's recipe on the stand-in."""
    import pandas as pd

    from lenet.classifier import Task
    from lenet.data.digits import split
    from lenet.data.source import stand_in
    from lenet.experiment import build, compose_experiment

    folder = tmp_path_factory.mktemp("run")
    cfg = compose_experiment("step1_adam", PROJECT / "conf")
    cfg.recipe.epochs = 12
    parts = {part: OmegaConf.to_container(cfg[part], resolve=True) for part in ("model", "recipe")}
    parts |= {"name": cfg.name, "data": {"view": "regular"}}
    OmegaConf.save(OmegaConf.create(parts), folder / "config.yaml")
    digits, options = split(stand_in()), {"accelerator": "cpu", "devices": 1, "compile": False}
    torch.manual_seed(0)
    task = Task([build(cfg.model)], [0], digits, options, folder / "training", [lambda *_: None])
    [trained] = build(cfg.recipe).fit(task)
    trained.save(folder / "model.safetensors")
    scores = trained.scores(digits.test.images)
    answers = pd.DataFrame(scores, columns=[f"score_{i}" for i in range(10)])
    answers.insert(0, "label", digits.test.labels.numpy())
    answers.insert(1, "prediction", scores.argmax(1))
    answers.to_parquet(folder / "predictions.parquet")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, run_files: Path) -> Path:
    """A project whose own LeNet-5 is that of `run_files`."""
    import numpy as np
    import pandas as pd

    from lenet.evaluation import margins
    from lenet.results.result import Result, save

    folder = tmp_path_factory.mktemp("project")
    (folder / "conf").symlink_to(PROJECT / "conf")
    answers = pd.read_parquet(run_files / "predictions.parquet")
    label = answers.label.to_numpy(np.uint8)
    prediction = answers.prediction.to_numpy(np.uint8)[None]
    margin = margins(answers.filter(like="score_").to_numpy()).astype(np.float16)[None]
    result = Result(
        *("lenet5", "lenet5", "digits", "d1", "full", (record(0),)), label, prediction, margin
    )
    save(result, folder / "results" / "lenet5")
    shutil.copy(run_files / "model.safetensors", folder / "results" / "lenet5")
    return folder
