"""A fresh clone has runs to browse: those of results/."""

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pytest

from lenet.results.restore import restore
from lenet.results.result import Result


def test_results_come_back_as_runs_once(tmp_path: Path, empty_database: Path) -> None:
    runs = tuple(
        {
            "seed": seed,
            "run": f"id{seed}",
            "identity": f"own{seed}",
            "commit": "abc",
            "dirty": False,
            "threads": 1,
            "versions": {"torch": "2.13.0"},
            "metrics": {"macs": 7.0, "train/error": 0.1},
            "curves": {"train/error": [0.5, 0.1], "train/loss": [3.0, 2.0, 1.0]},
        }
        for seed in range(2)
    )
    label = np.zeros(4, np.uint8)
    margin = np.ones((2, 4), np.float16)
    prediction = np.array([[0, 0, 0, 1], [0, 0, 0, 1]], np.uint8)
    result = Result("lenet5", "lenet5", "mnist", "d1", "full", runs, label, prediction, margin)
    shutil.copy(empty_database, tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    both = {"lenet5": result, "step1": result}  # two experiments of one configuration
    assert restore(both, uri, tmp_path / "mlruns", {"identity.evaluation": "e"}) == 2
    assert restore(both, uri, tmp_path / "mlruns", {"identity.evaluation": "e"}) == 0

    client = mlflow.MlflowClient(uri)
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert {run.info.run_name for run in found} == {"lenet5 seed 0", "lenet5 seed 1"}
    assert {run.info.status for run in found} == {"FINISHED"}
    run = found[0]
    assert run.data.metrics.items() >= {"macs": 7.0, "train/error": 0.1}.items()
    assert run.data.metrics["test/error"] == 0.25
    assert run.data.metrics["paper/error"] == pytest.approx(0.0095)
    assert run.data.tags["identity.training"] in ("own0", "own1")
    assert run.data.tags["mlflow.source.git.commit"] == "abc"
    history = client.get_metric_history(run.info.run_id, "train/error")
    assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.1)]
    longer = client.get_metric_history(run.info.run_id, "train/loss")
    assert [m.value for m in longer] == [3.0, 2.0, 1.0]  # to its own end
