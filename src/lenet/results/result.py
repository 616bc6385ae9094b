"""What `results/` keeps of every experiment: all that the report is made from.

A folder per experiment. ``result.json`` tells where each run comes from, its identity and its
curves; ``predictions.npz`` what it answered to each test digit and how sure it was. The figures
that follow from the answers lie apart, so that another way to evaluate them trains nothing.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenet import paper
from lenet.errors import InputError
from lenet.evaluation import Evaluation, evaluate_answers

FOLDER = "results"  # in the project
FIGURES = "evaluation.json"  # in reports/
RUNS, PREDICTIONS = "result.json", "predictions.npz"


Figures = dict[str, list[dict[str, Any]]]  # by experiment, of each run: "seed" and `Evaluation`


@dataclass(frozen=True)
class Result:
    """S runs of one experiment, one a seed, on N test digits.

    Attributes:
        experiment: its name, a file of conf/experiment/.
        row: of Figure 9, which it stands beside.
        data: "mnist", or the stand-in's name.
        digest: of the data.
        profile: of params.yaml, how large the study was; "full" is the one that counts.
        runs: of each seed "seed", "run" (the id in MLflow), "identity" (of the training),
            "commit", "dirty", "threads", "versions", "metrics" (fractions, seconds) and "curves"
            (a list by epoch each).
        label: (N,) uint8.
        prediction: (S, N) uint8.
        margin: (S, N) float16, the difference of the two best scores (III.D).
    """

    experiment: str
    row: str
    data: str
    digest: str
    profile: str
    runs: tuple[dict[str, Any], ...]
    label: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    margin: NDArray[np.float16]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(S, N): which digits each run gets wrong."""
        return self.prediction != self.label

    @property
    def errors(self) -> NDArray[np.float64]:
        """(S,): the error of each run."""
        return self.wrong.mean(1)

    def evaluate(self, number: int) -> Evaluation:
        """The figures of one of the runs, from its answers."""
        return evaluate_answers(self.wrong[number], self.margin[number])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(S,): processor seconds of each training, which depend less than the clock's on what
        else the machine did; the clock's where those are not known."""
        clock = [run["metrics"]["training_seconds"] for run in self.runs]
        processor = [run["metrics"].get("training_cpu_seconds") for run in self.runs]
        return np.array([c if p is None else p for c, p in zip(clock, processor, strict=True)])


def metrics_of(evaluation: Evaluation, row: paper.Row) -> dict[str, float]:
    """The figures of a run beside the paper's, as MLflow keeps them."""
    return {
        "test/error": evaluation.error,
        "test/error_low": evaluation.low,
        "test/error_high": evaluation.high,
        "test/errors": evaluation.errors,
        "test/reject": evaluation.reject,
        "paper/error": row.test_error / 100,
    }


def save(result: Result, folder: Path) -> None:
    """Writes a result; the file that makes it whole comes last, all at once."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / PREDICTIONS,
        label=result.label,
        prediction=result.prediction,
        margin=result.margin,
    )
    save_record(result, folder)


def save_record(result: Result, folder: Path) -> None:
    """Writes ``result.json`` alone, all at once."""
    about = {
        "experiment": result.experiment,
        "row": result.row,
        "data": result.data,
        "digest": result.digest,
        "profile": result.profile,
        "runs": result.runs,
    }
    part = folder / f"{RUNS}.part"
    part.write_text(json.dumps(about, indent=1) + "\n")
    os.replace(part, folder / RUNS)


def load(folder: Path) -> Result:
    """Reads what `save` wrote.

    Raises:
        InputError: files that are missing, broken or do not belong together.
    """
    try:
        about = json.loads((folder / RUNS).read_text())
        with open(folder / PREDICTIONS, "rb") as f, np.load(f, allow_pickle=False) as arrays:
            result = Result(
                **about | {"runs": tuple(about["runs"])},
                label=arrays["label"],
                prediction=arrays["prediction"],
                margin=arrays["margin"],
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as e:
        raise InputError(f"{folder} is no whole result ({e}): train {folder.name} again") from e
    shape = (len(result.runs), len(result.label))
    if not result.prediction.shape == result.margin.shape == shape:
        raise InputError(f"{folder}: its two files do not fit: train {folder.name} again")
    return result


def load_all(root: Path) -> dict[str, Result]:
    """All results of a folder by the names of their experiments, in order."""
    folders = sorted(path.parent for path in root.glob(f"*/{RUNS}"))
    return {folder.name: load(folder) for folder in folders}


def evaluate_all(results: Mapping[str, Result]) -> Figures:
    """The figures of every run, by experiment, in the order of its runs."""
    return {
        name: [
            {"seed": run["seed"], **asdict(result.evaluate(number))}
            for number, run in enumerate(result.runs)
        ]
        for name, result in results.items()
    }


def save_figures(figures: Figures, path: Path) -> None:
    """Writes what `evaluate_all` gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


def load_figures(path: Path) -> Figures:
    """Reads what `save_figures` wrote.

    Raises:
        InputError: a file that is missing or broken.
    """
    try:
        figures: Figures = json.loads(path.read_text())
        return {name: [dict(run) for run in runs] for name, runs in figures.items()}
    except (OSError, ValueError, TypeError, AttributeError) as e:
        raise InputError(f"{path} cannot be read ({e}): dvc repro -s -f evaluate") from e


def identities(folder: Path) -> dict[int, str | None]:
    """The identity of each run that a folder keeps, by its seed; none where there is no whole
    result. Reads no predictions."""
    try:
        runs = json.loads((folder / RUNS).read_text())["runs"]
        return {run["seed"]: run.get("identity") for run in runs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def find(root: Path, identity: str) -> tuple[Result, int] | None:
    """The run of an identity: the result that keeps it, and its number there."""
    for folder in sorted(path.parent for path in root.glob(f"*/{RUNS}")):
        for number, own in enumerate(identities(folder).values()):
            if own == identity:
                return load(folder), number
    return None
