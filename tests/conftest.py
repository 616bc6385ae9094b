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
