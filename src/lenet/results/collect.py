"""From MLflow to `results/`: what a study keeps of its runs."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lenet import results
from lenet.errors import InputError
from lenet.evaluation import margins
from lenet.results.result import Result
from lenet.terminal import Outcome
from lenet.tracking import ExperimentRuns, RunRecord, experiment_name, read_experiments

MODEL = "model.safetensors"


def collect(
    outcomes: Sequence[Outcome], store: str, profile: str, folder: Path, weights: bool
) -> None:
    """Keeps the runs of one experiment.

    Args:
        outcomes: one a seed.
        store: the MLflow store that has the runs.
        profile: of params.yaml, by which they were trained.
        folder: of the experiment in `results/`.
        weights: whether the first seed's are kept, too.
    """
    first = outcomes[0]
    with read_experiments(store) as experiments, tempfile.TemporaryDirectory() as name:
        tracked = experiments[experiment_name(first.data != "mnist")]
        kept = [tracked.get(outcome.run) for outcome in outcomes]
        records = tuple(
            _record(o.seed, run, tracked) for o, run in zip(outcomes, kept, strict=True)
        )
        tables = []
        for run in kept:
            path = tracked.artifact(run.id, "predictions.parquet", Path(name))
            tables.append(pd.read_parquet(path))
        folder.mkdir(parents=True, exist_ok=True)
        if weights:
            shutil.copy(tracked.artifact(first.run, MODEL, Path(name)), folder / MODEL)
    result = Result(
        folder.name,
        first.row,
        first.data,
        kept[0].tags["data.digest"],
        profile,
        records,
        tables[0].label.to_numpy(np.uint8),
        np.stack([table.prediction.to_numpy(np.uint8) for table in tables]),
        np.stack([margins(_scores(table)).astype(np.float16) for table in tables]),
    )
    results.save(result, folder)


def model(folder: Path, store: str, into: Path) -> Path:
    """The file of the first seed's trained classifier: kept in `results/`, or fetched from MLflow.

    Args:
        folder: of the experiment in `results/`.
        store: the MLflow store that has its runs.
        into: where to put a file that is fetched.

    Raises:
        InputError: MLflow does not have it.
    """
    if (folder / MODEL).exists():
        return folder / MODEL
    result = results.load(folder)
    run = result.runs[0]["run"]
    try:
        with read_experiments(store) as experiments:
            return experiments[experiment_name(result.data != "mnist")].artifact(run, MODEL, into)
    except Exception as e:  # of many kinds: no such run, no such file, no such server
        raise InputError(
            f"MLflow does not have the weights of {folder.name} (run {run[:8]}): train it again, "
            f"dvc repro -f -s <stage>@{folder.name}"
        ) from e


def _record(seed: int, run: RunRecord, tracked: ExperimentRuns) -> dict[str, Any]:
    prefix = "version."
    versions = {tag: value for tag, value in run.tags.items() if tag.startswith(prefix)}
    return {
        "seed": seed,
        "run": run.id,
        "commit": run.tags["mlflow.source.git.commit"],
        "dirty": run.tags["git.dirty"] == "true",
        "threads": int(run.tags["threads"]),
        "versions": {tag.removeprefix(prefix): value for tag, value in sorted(versions.items())},
        "metrics": dict(sorted(run.metrics.items())),
        "curves": tracked.curves(run.id),
    }


def _scores(table: pd.DataFrame) -> np.ndarray:
    return table.filter(like="score_").to_numpy()
