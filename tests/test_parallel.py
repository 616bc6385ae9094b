"""Sweeps whose jobs run beside each other: what the serial sweep gives, each run once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

SWEEP = ("-m", "model=lenet5,lenet5_relu", "seed=0,1", "data=digits", "recipe.epochs=1")
JOBS = 4


def children(folder: Path) -> dict[str, tuple[str, float, str]]:
    """Status, test error and threads of each run under a sweep, by its name."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    of_jobs = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    kept = {
        run.info.run_name: (
            run.info.status,
            run.data.metrics.get("test/error", -1.0),
            run.data.tags["threads"],
        )
        for run in of_jobs
    }
    assert len(kept) == len(of_jobs), "a run is there twice"
    assert len(runs) == len(of_jobs) + 1, "one parent"
    return kept


def fresh(folder: Path) -> None:
    """Leaves an empty folder."""
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.slow
def test_parallel_workers_give_what_the_serial_sweep_gives(train, tmp_path: Path) -> None:
    assert train(*SWEEP).returncode == 0
    serial = children(tmp_path)
    assert len(serial) == JOBS
    fresh(tmp_path)
    done = train(*SWEEP, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={JOBS}")
    assert done.returncode == 0, done.stderr
    assert children(tmp_path) == serial


@pytest.mark.long
def test_eight_workers_from_nothing_lose_and_double_nothing(train, tmp_path: Path) -> None:
    sweep = (*SWEEP, "seed=0,1,2,3,4,5", "trainer.threads=1", "hydra/launcher=joblib")
    first = None
    for _ in range(5):
        fresh(tmp_path)
        done = train(*sweep, "hydra.launcher.n_jobs=8")
        assert done.returncode == 0, done.stderr
        runs = children(tmp_path)
        assert len(runs) == 12
        assert {status for status, *_ in runs.values()} == {"FINISHED"}
        first = first or runs
        assert runs == first


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_failures_and_skips_are_told_by_every_launcher(
    train: Callable, tmp_path: Path, launcher: str
) -> None:
    options = ("data=digits", "recipe.epochs=1", "trainer.threads=1", f"hydra/launcher={launcher}")
    failed = train("-m", "model.pooling=median,max", *options)
    assert failed.returncode == 1
    assert "failed lenet5: pooling='median' is not one of average, max" in failed.stdout
    statuses = sorted(status for status, *_ in children(tmp_path).values())
    assert statuses == ["FINISHED"]
