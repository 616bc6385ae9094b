"""What `results/` keeps of every experiment: all that the report is made from.

A folder per experiment. ``result.json`` tells where each run comes from, its figures and its
curves; ``predictions.npz`` what it answered to each test digit and how sure it was.
"""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lenet.errors import InputError

RUNS, PREDICTIONS = "result.json", "predictions.npz"


@dataclass(frozen=True)
class Result:
    """S runs of one experiment, one a seed, on N test digits.

    Attributes:
        experiment: its name, a file of conf/experiment/.
        row: of Figure 9, which it stands beside.
        data: "mnist", or the stand-in's name.
        digest: of the data.
        profile: of params.yaml, how large the study was; "full" is the one that counts.
        runs: of each seed "seed", "run" (the id in MLflow), "commit", "dirty", "threads",
            "versions", "metrics" (fractions, seconds) and "curves" (a list by epoch each).
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

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(S,): processor seconds of each training, which depend less than the clock's on what
        else the machine did; the clock's where those are not known."""
        clock = [run["metrics"]["training_seconds"] for run in self.runs]
        processor = [run["metrics"].get("training_cpu_seconds") for run in self.runs]
        return np.array([c if p is None else p for c, p in zip(clock, processor, strict=True)])


def save(result: Result, folder: Path) -> None:
    """Writes a result; the file that makes it whole comes last, all at once."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / PREDICTIONS,
        label=result.label,
        prediction=result.prediction,
        margin=result.margin,
    )
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
