"""Which classifier reads: the project's own, or the run that is named, or the best one tracked."""

import math
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from lenet.errors import InputError
from lenet.evaluation import REJECTION_TARGET, threshold
from lenet.experiment import LoadedClassifier, compose_experiment, load_classifier, own_names
from lenet.results import FOLDER, MODEL, read_predictions
from lenet.results import load as load_results
from lenet.terminal import RUN_ID
from lenet.tracking import (
    EXPERIMENT,
    VALIDATION_ERROR,
    ExperimentRuns,
    RunRecord,
    find_run,
    read_experiments,
    say,
)

OWN = "lenet5"  # the experiment whose weights are part of the project
SURE_TARGET = REJECTION_TARGET / 5  # an error of 0.1 %


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


def choose(
    project: Path,
    uri: str,
    run: str | None = None,
    best: bool = False,
    trusted: Collection[str] = (),
) -> Chosen:
    """The project's own classifier; or that of the run that is named; or that of the best run on
    all of MNIST by its validation error, as far as there is one that can be loaded.

    Args:
        project: its folder.
        uri: where runs are tracked.
        run: the start of an id.
        best: whether runs are compared.
        trusted: classes of the user's own that a run may be made of, besides those of conf/.

    Raises:
        InputError: there is none, or its files are missing or broken.
    """
    if run is None and not best:
        return _own(project)
    own = own_names(project / "conf") | set(trusted)
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
        config, predictions = (
            tracked.artifact(run.id, name, Path(folder))
            for name in ("config.yaml", "predictions.parquet")
        )
        try:
            answers = read_predictions(predictions)
            reader = load_classifier(config, weights, own)
        except InputError as e:
            raise InputError(f"{title}: {e}") from e
        wrong = answers.label != answers.prediction
        return Chosen(title, reader, *_thresholds(answers.margin, wrong))


def _own(project: Path) -> Chosen:
    folder = project / FOLDER / OWN
    if not (folder / MODEL).is_file():
        raise InputError(
            f"{folder / MODEL} is missing: git restore {folder}, or name a run (--run, --best)"
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
