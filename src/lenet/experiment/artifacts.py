"""The files of a run: its predictions as a table, and the pictures a visitor looks at first."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lenet import results
from lenet.data import Digits, training_patterns
from lenet.errors import InputError
from lenet.report import run_figures as figures
from lenet.tracking import ExperimentRuns, Run

PREDICTIONS = "predictions.parquet"


def log(run: Run, digits: Digits, scores: NDArray, epochs: list[dict[str, float]]) -> None:
    """Logs what came of a run.

    A picture that cannot be drawn is a warning in the run, and hinders no other.

    Args:
        run: of the classifier.
        digits: that it was trained and tested on.
        scores: of the test digits, N x classes.
        epochs: the metrics of each, as far as it was trained by epochs.
    """
    labels, predictions = digits.test.labels.numpy(), scores.argmax(1)
    table = pd.DataFrame(scores, columns=[f"score_{i}" for i in range(scores.shape[1])])
    table.insert(0, "label", labels)
    table.insert(1, "prediction", predictions)
    with run.artifact(PREDICTIONS) as path:
        table.rename_axis("index").reset_index().to_parquet(path, index=False)
    test = digits.test.images[:, 0].numpy()
    pictures = {
        "digits.png": lambda: figures.a_digit_each(
            _as_trained_on(digits), "as they are trained on"
        ),
        "confusion.png": lambda: figures.confusion(labels, predictions, scores.shape[1]),
        "misclassified.png": lambda: figures.misclassified(test, labels, predictions),
    }
    if len(epochs) > 1:
        pictures["learning_curve.png"] = lambda: figures.learning_curve(epochs)
    for name, draw in pictures.items():
        with run.optional(name), run.artifact(name) as path:
            draw().savefig(path, dpi=120)


def _as_trained_on(digits: Digits) -> NDArray:
    """The first digit of each class as training shows it, distorted and noisy: classes x H x W."""
    train = digits.train
    first = np.array([(train.labels == i).int().argmax() for i in range(digits.classes)])
    patterns = torch.from_numpy(first) + (len(train) if digits.distorted else 0)
    return training_patterns(train, patterns, digits.noise).images[:, 0].numpy()


def read_answers(runs: ExperimentRuns, run_id: str) -> tuple[NDArray, NDArray]:
    """Which of the N test digits a run errs on, and by what margins: (N,) each.

    Raises:
        InputError: the run has none that can be read.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = results.read_predictions(runs.artifact(run_id, PREDICTIONS, Path(folder)))
    except InputError as e:
        raise InputError(f"the predictions of run {run_id} are damaged: {e}") from e
    return found.prediction != found.label, found.margin
