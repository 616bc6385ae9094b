"""A fresh clone has runs to browse: those of results/, whole, under the ids that they had."""

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from tests.conftest import record

from lenet import results
from lenet.results.result import Result
from lenet.tracking import IDENTITY, FinishedRun, Run, Tracker

VALUES = {
    "name": "lenet5",
    "seed": 0,
    "seeds": [0, 1],
    "recipe": {"_target_": "lenet.learning.SDLM", "epochs": 2},
    "data": {"train_size": None},
}


def result(data: str = "mnist") -> Result:
    curves = {"train/error": [0.5, 0.1], "train/loss": [3.0, 2.0, None]}
    metrics = record(0)["metrics"] | {"train/error": 0.1, "paper/rate_highest": 0.016}
    runs = tuple(
        record(seed, identity=f"own{seed}", ended=90_000, curves=curves, metrics=metrics)
        for seed in range(2)
    )
    label = np.zeros(400, np.uint8)
    prediction = np.zeros((2, 400), np.uint8)
    prediction[0, :3] = prediction[1, :5] = 1
    margin = np.ones((2, 400), np.float16)
    return Result("lenet5", "lenet5", data, 64 * "d", "full", runs, label, prediction, margin)


@pytest.fixture
def tracker(tmp_path: Path, empty_database: Path) -> Tracker:
    shutil.copy(empty_database, tmp_path)
    return Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns", stand_in=False).start()


def restore(tracker: Tracker, kept: Result) -> list[FinishedRun]:
    """All runs of a result and their parent, as the stage does it."""
    parent = results.parent_id(kept)
    runs = [results.of_result(kept, n, VALUES, {"more": "m"}, parent) for n in range(2)]
    runs.append(results.of_parent(kept, VALUES, {}, runs))
    tracker.add_finished(runs)
    for number, of in enumerate(kept.runs):
        results.add_files(Run(tracker.write, of["run"]), kept, number, VALUES)
    return runs


def test_runs_come_back_whole(tracker: Tracker, tmp_path: Path) -> None:
    kept = result()
    restore(tracker, kept)
    client = mlflow.MlflowClient(tracker.uri)
    run = client.get_run(kept.runs[1]["run"])
    assert (run.info.run_name, run.info.status) == ("lenet5 seed 1", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (60_000, 90_000)  # 30 s of training
    assert run.data.params["recipe.epochs"] == "2"
    assert (run.data.params["seed"], run.data.params["seeds"]) == ("1", "None")
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == results.parent_id(kept)
    assert (tags[IDENTITY], tags["mlflow.source.git.commit"]) == ("own1", "c0ffee")
    assert (tags["mlflow.source.name"], tags["more"]) == ("train.py", "m")
    assert (tags["interval"], tags["verdict"]) == ("0.54 to 2.89", "no difference")
    metrics = run.data.metrics
    assert metrics["test/error_pct"] == 1.25
    assert metrics["paper/error_pct"] == 0.95
    assert metrics["paper/rate_highest"] == 0.016
    assert metrics["macs"] == 400_000
    history = client.get_metric_history(run.info.run_id, "train/error_pct")
    assert [(m.step, m.value) for m in history] == [(1, 50), (2, 10)]
    assert tracker.runs.curves(run.info.run_id)["train/loss"][:2] == [3.0, 2.0]
    files = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert yaml.safe_load((files / "config.yaml").read_text())["seed"] == 1
    answers = results.read_predictions(files / "predictions.parquet")
    assert np.array_equal(answers.prediction, kept.prediction[1])
    assert np.array_equal(answers.margin, kept.margin[1])
    table = pd.read_csv(files / "curves.csv")
    assert list(table["train/error"][:2]) == [0.5, 0.1]
    assert len(table) == 3


def test_seeds_are_nested_under_their_mean(tracker: Tracker) -> None:
    kept = result()
    restore(tracker, kept)
    parent = mlflow.MlflowClient(tracker.uri).get_run(results.parent_id(kept))
    assert parent.info.run_name == "lenet5"
    assert parent.data.metrics["test/error_pct"] == 1.0
    low, high = map(float, parent.data.tags["interval"].split(" to "))
    assert low < 1 < high
    assert parent.data.params["seeds"] == "[0, 1]"


def test_what_is_there_is_not_written_twice(tracker: Tracker) -> None:
    kept = result()
    restore(tracker, kept)
    first = {run.id for run in tracker.runs.all()}
    restore(tracker, kept)
    assert len(tracker.runs.all()) == len(first) == 3
    history = mlflow.MlflowClient(tracker.uri).get_metric_history(kept.runs[0]["run"], "train/loss")
    assert len(history) == 3


def test_a_result_on_other_digits_shows_no_figure_of_the_paper(tracker: Tracker) -> None:
    run = results.of_result(result("digits"), 0, VALUES, {})
    assert "verdict" not in run.tags
    assert not [point.name for point in run.metrics if point.name.startswith("paper/")]
    small = VALUES | {"data": {"train_size": 15_000}}
    assert "verdict" not in results.of_result(result(), 0, small, {}).tags
