"""Trained weights of a row: from `results/`, from MLflow, or trained once more."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lenet import results
from lenet.errors import InputError
from lenet.study.profile import RESULTS, Parameters, configuration


def weights(row: str, params: Parameters, into: Path, run: int = 0) -> Path:
    """The file of one of a row's runs.

    `results/` keeps the weights of few rows and MLflow those that were trained here. Where neither
    has them, they are trained once more, and have to come to the same predictions.

    Args:
        row: that `results/` has.
        params: of the study.
        into: where to put a file that is fetched.
        run: its place among the row's; that of the first seed is 0.

    Raises:
        InputError: other predictions than those that are kept.
    """
    from lenet.experiment import train
    from lenet.tracking import IDENTITY, ORIGIN, experiment_name, read_experiments

    if run == 0 and (RESULTS / row / results.MODEL).exists():
        return RESULTS / row / results.MODEL
    kept = results.load(RESULTS / row)
    cfg = configuration(row, params)
    cfg.seeds, cfg.seed = None, kept.runs[run]["seed"]
    experiment = experiment_name(kept.data != "mnist")
    with read_experiments(cfg.tracking.uri) as experiments:
        for tracked in experiments[experiment].all() if experiment in experiments else ():
            same = tracked.tags.get(IDENTITY) == kept.runs[run]["identity"]
            if same and tracked.status == "FINISHED" and ORIGIN not in tracked.tags:
                return experiments[experiment].model(tracked.id, into)
    cfg.resume = False
    [outcome] = train(cfg)
    with read_experiments(cfg.tracking.uri) as experiments:
        runs = experiments[experiment]
        answers = runs.artifact(outcome.run, "predictions.parquet", into)
        _check(row, kept.prediction[run], answers)
        return runs.model(outcome.run, into)


def _check(row: str, kept: NDArray[np.uint8], predictions: Path) -> None:
    again = results.read_predictions(predictions).prediction
    if not np.array_equal(again, kept):
        differ = int((again != kept).sum())
        raise InputError(
            f"{row} was trained once more for its weights and answers {differ} digits otherwise "
            f"than results/{row} says: its libraries or its machine differ"
        )
