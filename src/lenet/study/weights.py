"""Trained weights of a row: from `results/`, from MLflow, or trained once more."""

from pathlib import Path

import numpy as np

from lenet import results
from lenet.errors import InputError
from lenet.study.profile import RESULTS, Parameters, configuration


def weights(row: str, params: Parameters, into: Path) -> Path:
    """The file of a row's first seed.

    `results/` keeps the weights of few rows and MLflow those that were trained here. Where neither
    has them, they are trained once more, and have to come to the same predictions.

    Args:
        row: that `results/` has.
        params: of the study.
        into: where to put a file that is fetched.

    Raises:
        InputError: other predictions than those that are kept.
    """
    from lenet.experiment import train
    from lenet.tracking import IDENTITY, ORIGIN, experiment_name, read_experiments

    if (RESULTS / row / results.MODEL).exists():
        return RESULTS / row / results.MODEL
    kept = results.load(RESULTS / row)
    cfg = configuration(row, params)
    cfg.seeds, cfg.seed = None, kept.runs[0]["seed"]
    experiment = experiment_name(kept.data != "mnist")
    with read_experiments(cfg.tracking.uri) as experiments:
        for run in experiments[experiment].all() if experiment in experiments else ():
            same = run.tags.get(IDENTITY) == kept.runs[0]["identity"]
            if same and run.status == "FINISHED" and ORIGIN not in run.tags:
                return experiments[experiment].model(run.id, into)
    cfg.resume = False
    [outcome] = train(cfg)
    with read_experiments(cfg.tracking.uri) as experiments:
        runs = experiments[experiment]
        _check(row, kept, runs.artifact(outcome.run, "predictions.parquet", into))
        return runs.model(outcome.run, into)


def _check(row: str, kept: results.Result, predictions: Path) -> None:
    again = results.read_predictions(predictions).prediction
    if not np.array_equal(again, kept.prediction[0]):
        differ = int((again != kept.prediction[0]).sum())
        raise InputError(
            f"{row} was trained once more for its weights and answers {differ} digits otherwise "
            f"than results/{row} says: its libraries or its machine differ"
        )
