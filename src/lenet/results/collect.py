"""From MLflow to `results/`: what the study keeps of its runs."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenet.results import result
from lenet.results.predictions import read_predictions
from lenet.results.result import Result
from lenet.terminal import Outcome
from lenet.tracking import (
    IDENTITY,
    ORIGIN,
    ExperimentRuns,
    RunRecord,
    experiment_name,
    read_experiments,
)

MODEL = "model.safetensors"
EVALUATED = ("test/", "paper/")  # metrics that follow from the answers, or from the paper

# what is kept of a run: its record, labels, predictions and margins, each (N,)
Part = tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float16]]


def collect(
    outcomes: Sequence[Outcome], store: str, profile: str, folder: Path, weights: bool
) -> None:
    """Keeps the runs of one experiment.

    Args:
        outcomes: one a seed.
        store: the MLflow store that has the runs.
        profile: of params.yaml, by which they were trained.
        folder: of the experiment in `results/`; what it held before is replaced, but for runs that
            are asked for and that only it still has in full.
        weights: whether the first seed's are kept, too.
    """
    first = outcomes[0]
    with read_experiments(store) as experiments, tempfile.TemporaryDirectory() as name:
        tracked = experiments[experiment_name(first.data != "mnist")]
        kept = [tracked.get(outcome.run) for outcome in outcomes]
        parts = [
            _of_results(run.tags[IDENTITY], folder.parent)
            or _of_store(outcome.seed, run, tracked, Path(name))
            for outcome, run in zip(outcomes, kept, strict=True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        if weights and ORIGIN not in kept[0].tags:  # else they are there
            shutil.copyfile(tracked.model(first.run, Path(name)), folder / MODEL)
    records, labels, predictions, margin = zip(*parts, strict=True)
    about = folder.name, first.row or "", first.data, kept[0].tags["data.digest"], profile
    arrays = labels[0], np.stack(predictions), np.stack(margin)
    result.save(Result(*about, records, *arrays), folder)


def _of_results(identity: str, root: Path) -> Part | None:
    """What the results have of a run already."""
    found = result.find(root, identity)
    if found is None:
        return None
    kept, number = found
    return kept.runs[number], kept.label, kept.prediction[number], kept.margin[number]


def _of_store(seed: int, run: RunRecord, tracked: ExperimentRuns, folder: Path) -> Part:
    found = read_predictions(tracked.artifact(run.id, "predictions.parquet", folder))
    return _record(seed, run, tracked), found.label, found.prediction, found.margin


def _record(seed: int, run: RunRecord, tracked: ExperimentRuns) -> dict[str, Any]:
    prefix = "version."
    versions = {tag: value for tag, value in run.tags.items() if tag.startswith(prefix)}
    return {
        "seed": seed,
        "run": run.id,
        "ended": run.ended,
        "identity": run.tags[IDENTITY],
        "commit": run.tags["mlflow.source.git.commit"],
        "dirty": run.tags["git.dirty"] == "true",
        "threads": int(run.tags["threads"]),
        "versions": {tag.removeprefix(prefix): value for tag, value in sorted(versions.items())},
        "metrics": {k: v for k, v in sorted(run.metrics.items()) if not k.startswith(EVALUATED)},
        "curves": tracked.curves(run.id),
    }
