"""Which classifier reads: the project's own, or the run that is named, or the best one tracked."""

import math
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lenet.errors import InputError
from lenet.evaluation import REJECTION_TARGET, margins, threshold
from lenet.experiment import LoadedClassifier, compose_experiment, load_classifier, own_names
from lenet.results import FOLDER, MODEL, read_predictions
from lenet.results import load as load_results
from lenet.terminal import RUN_ID
from lenet.tracking import (
    EXPERIMENT,
    THRESHOLD,
    VALIDATION_ERROR,
    ExperimentRuns,
    RunRecord,
    find_run,
    read_experiments,
    say,
)

OWN = "lenet5"  # the experiment whose weights are part of the project


@dataclass(frozen=True)
class Chosen:
    """A classifier, and how sure it has to be.

    Attributes:
        title: tells a person which it is.
        reader: raw digits in, scores out.
        threshold: margins below it are rejected (III.D).
    """

    title: str
    reader: LoadedClassifier
    threshold: float


def choose(project: Path, uri: str, run: str | None, best: bool = False) -> Chosen:
    """The project's own classifier; or that of the run that is named; or that of the best run on
    all of MNIST by its validation error, as far as there is one that can be loaded.

    Args:
        project: its folder.
        uri: where runs are tracked.
        run: the start of an id.
        best: whether runs are compared.

    Raises:
        InputError: there is none, or its files are missing or broken.
    """
    if run is None and not best:
        return _own(project)
    own = own_names(project / "conf")
    with read_experiments(uri) as experiments:
        if run is not None:
            return _tracked(*find_run(experiments, run, uri), own)
        runs = experiments[EXPERIMENT].all() if EXPERIMENT in experiments else []
        comparable = filter(_qualifies, runs)
        for kept in sorted(comparable, key=lambda each: each.metrics[VALIDATION_ERROR]):
            try:
                return _tracked(kept, experiments[EXPERIMENT], own)
            except InputError as e:
                say(f"predict.py: passed over: {e}")
    say("predict.py: no run on all of MNIST with a validation error can be loaded")
    return _own(project)


def _qualifies(run: RunRecord) -> bool:
    """Whether a run can be the best: it is finished, no parent of others, and its validation error
    can be compared with others."""
    measured = math.isfinite(run.metrics.get(VALIDATION_ERROR, math.nan))
    return run.status == "FINISHED" and run.on_all_of_mnist and measured


def _tracked(run: RunRecord, tracked: ExperimentRuns, own: Collection[str]) -> Chosen:
    title = f"{run.name} (run {run.id[:RUN_ID]})" + _warning(run.tags.get("data"))
    if run.status != "FINISHED":
        raise InputError(f"{title} is not finished: name another run")
    with tempfile.TemporaryDirectory() as folder:
        weights = tracked.model(run.id, Path(folder))
        config = tracked.artifact(run.id, "config.yaml", Path(folder))
        try:
            reader = load_classifier(config, weights, own)
            margin = run.metrics.get(THRESHOLD)
            if margin is None:  # of an earlier version
                margin = _threshold(tracked.artifact(run.id, "predictions.parquet", Path(folder)))
        except InputError as e:
            raise InputError(f"{title}: {e}") from e
        return Chosen(title, reader, margin)


def _threshold(predictions: Path) -> float:
    answers = read_predictions(predictions)
    wrong = answers.label != answers.prediction
    return threshold(margins(answers.scores), wrong, REJECTION_TARGET)


def _own(project: Path) -> Chosen:
    folder = project / FOLDER / OWN
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder / MODEL} is missing: git restore {folder}, or name a run (--run, --best)"
        )
    result = load_results(folder)
    return Chosen(
        f"the project's own {OWN}{_warning(result.data)}",
        load_classifier(
            compose_experiment(OWN, project / "conf"), folder / MODEL, own_names(project / "conf")
        ),
        threshold(result.margin[0], result.wrong[0], REJECTION_TARGET),  # of the seed that is kept
    )


def _warning(data: str | None) -> str:
    return "" if data == "mnist" else f", trained on {data}, NOT MNIST"
