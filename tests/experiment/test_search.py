"""Searching by Optuna: the least validation error, and a search that is repeated replays."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf

QUICK = ("search=modern", "data=digits", "recipe.epochs=1", "trainer.threads=1")


def found(folder: Path) -> dict:
    """What the newest search found."""
    newest = max((folder / "outputs" / "sweeps").iterdir())
    return OmegaConf.to_container(OmegaConf.load(newest / "optimization_results.yaml"))


@pytest.mark.slow
def test_a_search_that_is_repeated_replays_its_trials(train, tmp_path: Path) -> None:
    first = train(*QUICK, "hydra.sweeper.n_trials=2")
    assert first.returncode == 0, first.stderr
    more = train(*QUICK, "hydra.sweeper.n_trials=3")
    assert more.returncode == 0, more.stderr
    assert more.stdout.count("was finished") == 2, "it goes on where the first one stopped"
    best = found(tmp_path)
    again = train(*QUICK, "hydra.sweeper.n_trials=3")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("was finished") == 3
    assert found(tmp_path) == best

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    errors = [r.data.metrics["final/validation_error"] for r in runs if r.data.metrics]
    assert len(errors) == 3
    assert best["best_value"] == min(errors)


@pytest.mark.slow
def test_a_trial_that_fails_ends_no_search(train, tmp_path: Path) -> None:
    done = train(
        *QUICK,
        "hydra.sweeper.n_trials=3",
        "hydra.sweeper.sampler.seed=0",
        "model.pooling=choice(average,median)",
    )
    assert done.returncode == 1
    assert "failed lenet5: model.pooling=median is not one of average, max" in done.stdout
    assert found(tmp_path)["best_params"]["model.pooling"] == "average"
