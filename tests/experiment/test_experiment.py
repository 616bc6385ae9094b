"""From a configuration to a tracked result, end to end on real digits."""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from safetensors.numpy import load_file
from threadpoolctl import threadpool_info

from lenet.classic.neighbours import NearestNeighbours
from lenet.data.source import load_raw
from lenet.errors import InputError
from lenet.experiment.command import train
from lenet.experiment.job import Job, _processor_seconds
from lenet.learning.lanes import BatchLanes
from lenet.tracking import IDENTITY


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> str:
    """One store for all."""
    return f"sqlite:///{shutil.copy(empty_database, tmp_path_factory.mktemp('store'))}"


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
    assert run.data.tags["engine"] == "lanes"
    metrics = run.data.metrics
    assert metrics["test/error_pct"] == pytest.approx(100 * outcome.error)
    assert metrics["test/error_pct"] == pytest.approx(metrics["test/errors"] / 5)  # of 500
    assert metrics["variables"] == 61_706
    assert run.data.tags["interval"] == f"{100 * outcome.low:.2f} to {100 * outcome.high:.2f}"
    of_paper = {"verdict", "paper.row", "paper/error_pct"}
    assert not of_paper & (run.data.tags | metrics).keys(), "digits that stand in show none of it"
    by_epoch = ("train/loss", "train/error_pct", "validation/error_pct", "learning_rate")
    for key in (*by_epoch, "epoch_seconds"):
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
    assert not list((tmp_path / "outputs").iterdir()), "nothing is left behind"


def test_seeds_are_children_of_one_job(configure, database: str) -> None:
    outcomes = train(configure("seeds=[0,1]", f"tracking={{uri:'{database}'}}"))
    client = mlflow.MlflowClient(database)
    parents = {client.get_run(o.run).data.tags["mlflow.parentRunId"] for o in outcomes}
    assert len(parents) == 1
    job = client.get_run(parents.pop())
    assert job.info.run_name == "lenet5"
    errors = [o.error for o in outcomes]
    assert job.data.metrics["test/error_pct"] == pytest.approx(100 * np.mean(errors))
    assert job.data.metrics["test/error_std_pct"] == pytest.approx(100 * np.std(errors, ddof=1))
    low, high = map(float, job.data.tags["interval"].split(" to "))
    assert low < job.data.metrics["test/error_pct"] < high


def test_a_job_of_seeds_trains_each_as_it_would_alone(configure) -> None:
    together = train(configure("seeds=[0,1]", "recipe.epochs=1"))
    alone = train(configure("seed=1", "recipe.epochs=1"))
    assert together[1].error == alone[0].error


def test_divergence_fails_the_run_with_its_reason(configure, database: str, monkeypatch) -> None:
    monkeypatch.setattr("lenet.learning.modules.DIVERGED", 0.0)  # no loss is that small
    cfg = configure(f"tracking={{uri:'{database}'}}", "name=diverging")
    with pytest.raises(InputError, match="training diverged in epoch"):
        train(cfg)
    store = mlflow.MlflowClient(database)
    experiments = [e.experiment_id for e in store.search_experiments()]
    [run] = store.search_runs(experiments, "attributes.run_name = 'diverging seed 0'")
    assert run.info.status == "FAILED"
    assert "training diverged" in run.data.tags["failure"]


def test_a_model_option_that_does_not_exist_names_those_that_do(configure) -> None:
    with pytest.raises(InputError, match=r"model\.pooling=median is not one of average, max"):
        train(configure("model.pooling=median"))


def test_the_processor_time_of_processes_that_shared_the_work_counts() -> None:
    before = _processor_seconds()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert _processor_seconds() - before > 0.45  # the system counts hundredths of a second


class Killed(BaseException):
    """What ends a process in the middle of an epoch."""


def test_a_run_that_was_killed_continues_as_the_same_run(
    configure, database: str, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracked = ("seed=11", f"tracking={{uri:'{database}'}}", "recipe.epochs=3")
    [whole] = train(configure("seed=11", "recipe.epochs=3"))
    step, steps = BatchLanes.step, iter(range(14))  # 8 or 9 batches an epoch

    def killed(lanes, *batch):
        if next(steps, None) is None:
            raise Killed
        return step(lanes, *batch)

    monkeypatch.setattr(BatchLanes, "step", killed)
    with pytest.raises(Killed):
        train(configure(*tracked))
    monkeypatch.setattr(BatchLanes, "step", step)
    capsys.readouterr()
    [outcome] = train(configure(*tracked, "resume=true"))
    assert "Goes on after epoch 1 of 3." in capsys.readouterr().out
    assert outcome.error == whole.error
    client = mlflow.MlflowClient(database)
    kept = client.get_run(outcome.run)
    assert "training_cpu_seconds" not in kept.data.metrics, "they would be those of the second part"
    same = f"tags.`{IDENTITY}` = '{kept.data.tags[IDENTITY]}'"
    found = client.search_runs([kept.info.experiment_id], same)
    assert [run.info.status for run in found] == ["FINISHED"]
    for key in ("train/loss", "validation/error_pct"):
        assert [m.step for m in client.get_metric_history(outcome.run, key)] == [1, 2, 3]

    [skipped] = train(configure(*tracked, "resume=true"))
    for end in ("low", "high"):  # MLflow keeps 15 digits of a per cent
        assert getattr(skipped, end) == pytest.approx(getattr(outcome, end), rel=1e-12)
    assert skipped == replace(outcome, skipped=True, low=skipped.low, high=skipped.high)
    [anew] = train(configure(*tracked))
    assert anew.run != outcome.run
    assert not anew.skipped
    assert client.get_run(anew.run).data.metrics["training_cpu_seconds"] > 0


def test_a_job_trains_only_the_seeds_that_are_missing(configure, database: str) -> None:
    tracking = f"tracking={{uri:'{database}'}}"
    [alone] = train(configure("seed=21", tracking))
    in_sweep = train(configure("seeds=[20,21]", tracking), in_sweep=True)
    assert [outcome.skipped for outcome in in_sweep] == [False, True]
    assert in_sweep[1].run == alone.run
    forced = train(configure("seeds=[20,21]", tracking, "force=true"), in_sweep=True)
    assert [outcome.skipped for outcome in forced] == [False, False]


def test_the_same_training_twice_at_once_waits(configure, tmp_path: Path, capsys) -> None:
    cfg = configure("seed=31", epochs=1)
    with ThreadPoolExecutor(1) as pool:
        with Job(cfg, load_raw("digits", tmp_path), None, 1, resume=False)._folder([31]):
            second = pool.submit(train, cfg)
            while "waiting for it" not in (told := capsys.readouterr().out):
                assert not second.done(), told
                time.sleep(0.1)
        [outcome] = second.result()
    assert outcome.seed == 31


def test_threads_are_those_of_every_library(configure, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict] = []
    fit = NearestNeighbours.fit

    def watched(self, *arguments):
        seen.extend(threadpool_info())
        return fit(self, *arguments)

    monkeypatch.setattr(NearestNeighbours, "fit", watched)
    train(configure("model=knn", "recipe=fit", "trainer.threads=1", epochs=None))
    assert {library["num_threads"] for library in seen} == {1}
    assert {library["user_api"] for library in seen} >= {"blas", "openmp"}


def test_other_test_digits_are_tested_apart(configure, monkeypatch, database: str, capsys) -> None:
    raw = load_raw("digits", Path())
    more = replace(raw, further=(raw.test_images[:50], raw.test_labels[:50]))
    monkeypatch.setattr("lenet.experiment.training.load_raw", lambda *_: more)
    cfg = configure(
        "model=linear", "recipe=fit", f"tracking={{uri:'{database}'}}", "seed=5", epochs=None
    )
    [outcome] = train(cfg)
    assert "% of QMNIST's other 50 test digits" in capsys.readouterr().out
    metrics = mlflow.MlflowClient(database).get_run(outcome.run).data.metrics
    assert metrics["test/errors"] / 5 == pytest.approx(metrics["test/error_pct"])
    assert metrics["test/errors"] / 500 == outcome.error
    assert metrics["qmnist/errors"] * 2 == pytest.approx(metrics["qmnist/error_pct"])


def test_nobody_knows_who_wrote_the_stand_in(configure) -> None:
    with pytest.raises(InputError, match="nobody knows who wrote the stand-in's digits"):
        train(configure("data.validation=writers"))
