"""Sweeps whose jobs run beside each other: what the serial sweep gives, each run once."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.conftest import runs

SWEEP = ("-m", "model=lenet5,lenet5_relu", "seed=0,1", "data=digits", "recipe.epochs=1")
JOBS = 4
WORKERS = 2


def children(folder: Path) -> dict[str, tuple[str, float, str]]:
    """Status, test error and threads of each run under a sweep, by its name."""
    everything = runs(folder)
    of_jobs = [run for run in everything if "mlflow.parentRunId" in run.data.tags]
    kept = {
        run.info.run_name: (
            run.info.status,
            run.data.metrics.get("test/error", -1.0),
            run.data.tags["threads"],
        )
        for run in of_jobs
    }
    assert len(kept) == len(of_jobs), "a run is there twice"
    assert len(everything) == len(of_jobs) + 1, "one parent"
    return kept


@pytest.mark.slow
def test_parallel_workers_give_what_the_serial_sweep_gives(
    train, empty_database: Path, tmp_path: Path
) -> None:
    # folders of their own: MLflow would not see a new database of the same name
    workers = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={WORKERS}")
    for name, launcher in (("serial", ()), ("parallel", workers)):
        (tmp_path / name).mkdir()
        shutil.copy(empty_database, tmp_path / name)
        done = train(*SWEEP, *launcher, LENET_ROOT=str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    serial = children(tmp_path / "serial")
    assert len(serial) == JOBS
    assert children(tmp_path / "parallel") == serial


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_eight_workers_from_nothing_lose_and_double_nothing(train, tmp_path: Path) -> None:
    sweep = (*SWEEP, "seed=0,1,2,3,4,5", "trainer.threads=1", "hydra/launcher=joblib")
    for time_ in range(5):
        folder = tmp_path / str(time_)
        done = train(*sweep, "hydra.launcher.n_jobs=8", LENET_ROOT=str(folder))
        assert done.returncode == 0, done.stderr
        kept = children(folder)
        assert len(kept) == 12
        assert {status for status, *_ in kept.values()} == {"FINISHED"}
        assert kept == children(tmp_path / "0")


@pytest.fixture
def launcher(request: pytest.FixtureRequest) -> str:
    """A launcher of Hydra's; Slurm's where there is a cluster."""
    if request.param == "slurm":
        request.getfixturevalue("slurm")
    return request.param


QUICK = ("data=digits", "recipe.epochs=1", "trainer.threads=1")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "dask", "submitit_local", "slurm"], indirect=True)
def test_failures_and_skips_are_told_by_every_launcher(
    train, tmp_path: Path, launcher: str
) -> None:
    assert train("model.pooling=max", *QUICK).returncode == 0
    failed = train("-m", "model.pooling=median,max", *QUICK, f"hydra/launcher={launcher}")
    assert failed.returncode == 1
    assert "failed lenet5: model.pooling=median is not one of average, max" in failed.stdout
    assert failed.stdout.count("was finished") == 1
    statuses = sorted((run.info.run_name, run.info.status) for run in runs(tmp_path))
    assert statuses == [
        ("lenet5 seed 0", "FINISHED"),
        (f"sweep model.pooling=median,max {' '.join(QUICK)}", "FAILED"),
    ]


@pytest.mark.slow
def test_equal_jobs_of_a_sweep_are_one_run(train, tmp_path: Path) -> None:
    workers = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = train("-m", "seed=1,1", *QUICK, "recipe.epochs=30", *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    [job] = [row for row in done.stdout.splitlines() if "was finished" in row]
    [own] = children(tmp_path).values()
    assert own[0] == "FINISHED"
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}
    rows = [row for row in done.stdout.splitlines() if row.startswith("│ lenet5")]
    [error] = {row.split("│")[3] for row in rows}  # of both jobs
    assert len(rows) == 2
    assert error in job


@pytest.mark.slow
def test_equal_sweeps_at_once_share_their_runs(started, tmp_path: Path) -> None:
    sweep = ("-m", "seed=0,1", *QUICK, "recipe.epochs=30")
    with started(*sweep) as one, started(*sweep) as two:
        told = [process.communicate(timeout=300) for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], told
    tables = [
        {tuple(row.split("│")[1:4]) for row in out.splitlines() if row.startswith("│ lenet5")}
        for out, _ in told
    ]
    assert len(tables[0]) == 2
    assert tables[0] == tables[1]
    assert len(children(tmp_path)) == 2  # and one parent
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "slurm"], indirect=True)
def test_a_job_that_a_cluster_takes_back_is_queued_again_and_continues(
    started, tmp_path: Path, launcher: str
) -> None:
    arguments = ("-m", *QUICK, "recipe.epochs=40", f"hydra/launcher={launcher}")
    with started(*arguments) as process:
        while not (logs := list(tmp_path.rglob("*_log.out"))) or "epoch 3 " not in (
            logs[0].read_text()
        ):
            assert process.poll() is None
            time.sleep(0.05)
        [job] = [run for run in runs(tmp_path) if "mlflow.parentRunId" in run.data.tags]
        os.kill(int(job.data.tags["process.id"]), signal.SIGUSR2)  # as Slurm does before its limit
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "failed" not in out
    assert "this job is preempted" in next(tmp_path.rglob("*_log.err")).read_text()
    [again] = [run for run in runs(tmp_path) if "mlflow.parentRunId" in run.data.tags]
    assert (again.info.run_id, again.info.status) == (job.info.run_id, "FINISHED")
    assert again.data.tags["process.id"] != job.data.tags["process.id"]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    steps = [m.step for m in client.get_metric_history(job.info.run_id, "train/loss")]
    assert steps == list(range(1, 41))


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["joblib hydra.launcher.n_jobs=2", "dask"])
def test_an_interrupted_sweep_leaves_no_worker_and_no_open_run(
    started, tmp_path: Path, workers: str
) -> None:
    launcher = f"hydra/launcher={workers}".split()
    with started("-m", *QUICK, "recipe.epochs=900", "seed=0,1", *launcher) as process:
        for line in process.stdout:
            if "epoch 2 " in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)  # no worker holds the pipe open
    assert process.returncode != 0
    assert {run.info.status for run in runs(tmp_path)} == {"KILLED"}
