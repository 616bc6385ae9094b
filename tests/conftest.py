"""Fixtures: configurations composed as train.py composes them, in a folder of the test's own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

torch.set_num_threads(1)  # nets this small gain nothing from more, and lose much under load

PROJECT = Path(__file__).resolve().parents[1]


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
        return cfg

    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        yield configured
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A folder with MNIST/raw, where this machine has one."""
    root = os.environ.get("MNIST_ROOT")
    if not root:
        pytest.skip("MNIST_ROOT is not set: tests on MNIST itself are left out")
    return Path(root)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without an experiment; making them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def train(tmp_path: Path, empty_database: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs train.py as a user does, in a folder of the test's own."""
    shutil.copy(empty_database, tmp_path)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(PROJECT / "train.py"), *arguments],
            env=os.environ | {"LENET_ROOT": str(tmp_path)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def run_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves: the net of 1998 after twelve epochs by today's recipe on the stand-in."""
    import pandas as pd
    from omegaconf import OmegaConf

    from lenet import saved
    from lenet.config import build
    from lenet.data.digits import split
    from lenet.data.source import stand_in

    folder = tmp_path_factory.mktemp("run")
    cfg = saved.experiment("step1_adam", PROJECT / "conf")
    cfg.recipe.epochs = 12
    plain = {part: cfg[part] for part in ("name", "model", "recipe")} | {
        "data": {"view": "regular"}
    }
    OmegaConf.save(plain, folder / "config.yaml")
    digits, options = split(stand_in()), {"accelerator": "cpu", "devices": 1, "compile": False}
    torch.manual_seed(0)
    [trained] = build(cfg.recipe).fit(
        [build(cfg.model)], [0], digits, options, folder / "training", [lambda *_: None]
    )
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
    from lenet.results import Result, save

    folder = tmp_path_factory.mktemp("project")
    (folder / "conf").symlink_to(PROJECT / "conf")
    answers = pd.read_parquet(run_files / "predictions.parquet")
    label = answers.label.to_numpy(np.uint8)
    prediction = answers.prediction.to_numpy(np.uint8)[None]
    margin = margins(answers.filter(like="score_").to_numpy()).astype(np.float16)[None]
    result = Result("lenet5", "lenet5", "digits", "", ({"seed": 0},), label, prediction, margin)
    save(result, folder / "results" / "lenet5")
    shutil.copy(run_files / "model.safetensors", folder / "results" / "lenet5")
    return folder
