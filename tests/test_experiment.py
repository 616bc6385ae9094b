"""From a configuration to a tracked result, end to end on real digits."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from safetensors.numpy import load_file

from lenet.errors import InputError
from lenet.experiment import train


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: making it takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def test_a_run_is_all_there(configure, database: str, tmp_path: Path) -> None:
    cfg = configure("seed=3", f"tracking={{uri:'{database}'}}", "recipe.epochs=4")
    [outcome] = train(cfg)
    assert outcome.error < 0.5
    assert outcome.low < outcome.error < outcome.high

    client = mlflow.MlflowClient(database)
    run = client.get_run(outcome.run)
    assert run.info.run_name == "lenet5 seed 3"
    assert run.data.params["recipe.epochs"] == "4"
    assert run.data.params["seed"] == "3"
    assert run.data.params["model.activation"] == "tanh"
    for tag in ("data.digest", "git.dirty", "threads", "compile", "version.torch"):
        assert tag in run.data.tags
    metrics = run.data.metrics
    assert metrics["test/error"] == outcome.error == metrics["test/errors"] / 500
    assert metrics["variables"] == 61_706
    assert metrics["paper/error"] == 0.0095
    assert run.data.tags["paper.section"] == "II.B"
    for key in ("train/loss", "train/error", "validation/error", "learning_rate", "epoch_seconds"):
        assert [m.step for m in client.get_metric_history(outcome.run, key)] == [1, 2, 3, 4]

    artifacts = Path(client.download_artifacts(outcome.run, "", tmp_path))
    assert {path.name for path in artifacts.iterdir()} >= {
        "config.yaml",
        "predictions.parquet",
        "model.safetensors",
        "last.ckpt",
        "confusion.png",
        "misclassified.png",
        "learning_curve.png",
    }
    table = pd.read_parquet(artifacts / "predictions.parquet")
    assert list(table) == ["index", "label", "prediction"] + [f"score_{i}" for i in range(10)]
    assert (table.label != table.prediction).mean() == outcome.error
    assert (table.filter(like="score_").to_numpy().argmax(1) == table.prediction).all()
    weights = load_file(artifacts / "model.safetensors")
    assert sum(w.size for w in weights.values()) == 61_706
    again = OmegaConf.load(artifacts / "config.yaml")
    assert again.recipe.epochs == 4
    assert not list((tmp_path / "outputs").glob("*/*.ckpt")), "nothing is left behind"


def test_seeds_are_children_of_one_job(configure, database: str) -> None:
    outcomes = train(configure("seeds=[0,1]", f"tracking={{uri:'{database}'}}"))
    client = mlflow.MlflowClient(database)
    parents = {client.get_run(o.run).data.tags["mlflow.parentRunId"] for o in outcomes}
    assert len(parents) == 1
    job = client.get_run(parents.pop())
    assert job.info.run_name == "lenet5"
    errors = [o.error for o in outcomes]
    assert job.data.metrics["test/error"] == pytest.approx(np.mean(errors))
    assert job.data.metrics["test/error_std"] == pytest.approx(np.std(errors, ddof=1))


def test_a_job_of_seeds_trains_each_as_it_would_alone(configure) -> None:
    together = train(configure("seeds=[0,1]", "recipe.epochs=1"))
    alone = train(configure("seed=1", "recipe.epochs=1"))
    assert together[1].error == alone[0].error


def test_divergence_fails_the_run_with_its_reason(configure, database: str, monkeypatch) -> None:
    monkeypatch.setattr("lenet.learning.module.DIVERGED", 0.0)  # no loss is that small
    cfg = configure(f"tracking={{uri:'{database}'}}", "name=diverging")
    with pytest.raises(InputError, match="training diverged in epoch"):
        train(cfg)
    store = mlflow.MlflowClient(database)
    experiments = [e.experiment_id for e in store.search_experiments()]
    [run] = store.search_runs(experiments, "attributes.run_name = 'diverging seed 0'")
    assert run.info.status == "FAILED"
    assert "training diverged" in run.data.tags["failure"]


def test_a_model_option_that_does_not_exist_names_those_that_do(configure) -> None:
    with pytest.raises(InputError, match="pooling='median' is not one of average, max"):
        train(configure("model.pooling=median"))
