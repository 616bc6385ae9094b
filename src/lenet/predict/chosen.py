"""Which classifier reads: the run that is named, or the best one tracked, or the project's own."""

import math
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from lenet.errors import InputError
from lenet.evaluation import REJECTION_TARGET, margins, threshold
from lenet.experiment import LoadedClassifier, compose_experiment, load_classifier, own_names
from lenet.results import FOLDER, MODEL, ORIGIN, read_predictions
from lenet.results import load as load_results
from lenet.terminal import RUN_ID
from lenet.tracking import (
    EXPERIMENT,
    VALIDATION_ERROR,
    ExperimentRuns,
    RunRecord,
    find_run,
    read_experiments,
)

OWN = "lenet5"  # the experiment whose weights are part of the project
SURE_TARGET = REJECTION_TARGET / 5  # an error of 0.1 %
OFF = "off"  # in place of a store: nothing is looked for


@dataclass(frozen=True)
class Chosen:
    """A classifier, and how sure it has to be.

    Attributes:
        title: tells a person which it is.
        reader: raw digits in, scores out.
        threshold: margins below it are rejected (III.D): 0.5 % of the test digits are wrong above.
        sure: margins below it are unsure: 0.1 % are wrong above.
    """

    title: str
    reader: LoadedClassifier
    threshold: float
    sure: float


def choose(project: Path, uri: str, run: str | None, trusted: Collection[str] = ()) -> Chosen:
    """The classifier of the run that is named; else of the best run on MNIST by its validation
    error; else the project's own.

    Args:
        project: its folder.
        uri: where runs are tracked, or "off".
        run: the start of an id.
        trusted: classes of the user's own that a run may be made of, besides those of conf/.

    Raises:
        InputError: there is none, or its files are missing or broken.
    """
    if uri == OFF:
        if run:
            raise InputError(f"--run {run} needs the store that holds it: give its --tracking")
        return _own(project)
    own = own_names(project / "conf") | set(trusted)
    with read_experiments(uri) as experiments:
        if run:
            return _tracked(*find_run(experiments, run, uri), own)
        runs = experiments[EXPERIMENT].all() if EXPERIMENT in experiments else []
        measured = [
            kept
            for kept in runs
            if math.isfinite(kept.metrics.get(VALIDATION_ERROR, math.nan))
            and _holds_classifier(kept)
        ]
        if not measured:
            return _own(project)
        best = min(measured, key=lambda kept: kept.metrics[VALIDATION_ERROR])
        return _tracked(best, experiments[EXPERIMENT], own)


def _holds_classifier(run: RunRecord) -> bool:
    """Not a parent of runs, nor one that was restored without its files."""
    return run.status == "FINISHED" and "training_seconds" in run.metrics and ORIGIN not in run.tags


def _tracked(run: RunRecord, tracked: ExperimentRuns, own: Collection[str]) -> Chosen:
    title = f"{run.name} (run {run.id[:RUN_ID]})" + _warning(run.tags.get("data"))
    if not _holds_classifier(run):
        raise InputError(
            f"{title} holds no classifier: it is not finished, or a parent of runs, or was "
            "restored without its files; name another run"
        )
    with tempfile.TemporaryDirectory() as folder:
        config, predictions = (
            tracked.artifact(run.id, name, Path(folder))
            for name in ("config.yaml", "predictions.parquet")
        )
        weights = tracked.model(run.id, Path(folder))
        try:
            answers = read_predictions(predictions)
            reader = load_classifier(config, weights, own)
        except InputError as e:
            raise InputError(f"{title}: {e}") from e
        wrong = answers.label != answers.prediction
        return Chosen(title, reader, *_thresholds(margins(answers.scores), wrong))


def _own(project: Path) -> Chosen:
    folder = project / FOLDER / OWN
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder / MODEL} is missing, and no run on MNIST with a validation error is "
            "tracked: train one (python train.py) or name one (--run)"
        )
    result = load_results(folder)
    reader = load_classifier(
        compose_experiment(OWN, project / "conf"), folder / MODEL, own_names(project / "conf")
    )
    title = f"the project's own {OWN}{_warning(result.data)}"
    return Chosen(title, reader, *_thresholds(result.margin[0], result.wrong[0]))  # of its seed


def _thresholds(margin: NDArray, wrong: NDArray) -> Iterator[float]:
    """Below which it is rejected, and below which it is unsure."""
    return (threshold(margin, wrong, target) for target in (REJECTION_TARGET, SURE_TARGET))


def _warning(data: str | None) -> str:
    return "" if data == "mnist" else f", trained on {data}, NOT MNIST"
