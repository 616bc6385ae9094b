"""What `results/` keeps of every experiment: all that the report is made from.

A folder per experiment. ``result.json`` tells where each run comes from, its identity and its
curves; ``predictions.npz`` what it answered to each test digit and how sure it was. The figures
that follow from the answers lie apart, so that another way to evaluate them trains nothing.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from lenet import paper
from lenet.errors import InputError
from lenet.evaluation import Evaluation, evaluate_answers
from lenet.files import (
    Count,
    Number,
    Seed,
    Text,
    check_array,
    damaged,
    read_arrays,
    read_json,
)
from lenet.statistics import Interval, wilson

FOLDER = "results"  # in the project
RUNS, PREDICTIONS = "result.json", "predictions.npz"

EXACT = ConfigDict(strict=True, extra="forbid")
NEEDED = ("training_seconds", "macs", "variables")  # metrics of every run


def _in_range(metrics: dict[str, Any]) -> dict[str, Any]:
    """What is not a loss is at least 0, an error at most 1."""
    for name, values in metrics.items():
        for value in values if isinstance(values, list) else [values]:
            if value is None or "loss" in name:
                continue
            if value < 0 or (re.search("error(_low|_high)?$", name) and value > 1):
                raise ValueError(f"{name} cannot be {value:g}")
    return metrics


def _complete(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics that the report cannot do without are there."""
    if missing := [name for name in NEEDED if metrics.get(name) is None]:
        raise ValueError(f"{', '.join(missing)} missing")
    return metrics


def _one_a_seed(runs: Sequence["_RunOfFile"]) -> Sequence["_RunOfFile"]:
    """Seeds differ, and have curves of the same lengths."""
    if len({run["seed"] for run in runs}) < len(runs):
        raise ValueError("a seed is there twice")
    lengths: dict[str, int] = {}
    for run in runs:
        for name, values in run["curves"].items():
            if lengths.setdefault(name, len(values)) != len(values):
                raise ValueError(f"the curves of {name} differ in length")
    return runs


_Optional = Number | None
_Metrics = Annotated[dict[Text, _Optional], AfterValidator(_in_range), AfterValidator(_complete)]
_Curve = Annotated[list[_Optional], Field(min_length=1)]


@with_config(EXACT)
class _RunOfFile(TypedDict):
    """A run, as ``result.json`` tells it."""

    seed: Seed
    run: Text
    ended: NotRequired[Count]
    identity: NotRequired[Text | None]
    commit: str
    dirty: bool
    threads: Count
    versions: dict[Text, Text]
    metrics: _Metrics
    curves: Annotated[dict[Text, _Curve], AfterValidator(_in_range)]


@with_config(EXACT)
class _About(TypedDict):
    """All of ``result.json``."""

    experiment: Text
    row: Text
    data: Text
    digest: Text
    profile: Text
    runs: Annotated[list[_RunOfFile], Field(min_length=1), AfterValidator(_one_a_seed)]


ABOUT = TypeAdapter(_About)


@dataclass(frozen=True)
class Result:
    """S runs of one experiment, one a seed, on N test digits.

    Attributes:
        experiment: its name, a file of conf/experiment/.
        row: of Figure 9, which it stands beside.
        data: "mnist", or the stand-in's name.
        digest: of the data.
        profile: of params.yaml, how large the study was; "full" is the one that counts.
        runs: of each seed "seed", "run" (the id in MLflow), "ended" (milliseconds since 1970, where
            that is known), "identity" (of the training), "commit", "dirty", "threads", "versions",
            "metrics" (fractions, seconds) and "curves" (a list by epoch each).
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
    def pairs(self) -> NDArray[np.float64]:
        """(10, 10): how often each true class (rows) is given as another; the mean over seeds."""
        counts = np.zeros((10, 10))
        labels = np.broadcast_to(self.label, self.prediction.shape)
        np.add.at(counts, (labels, self.prediction), 1 / len(self.runs))
        np.fill_diagonal(counts, 0)
        return counts

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(S,): processor seconds of each training, which depend less than the clock's on what
        else the machine did; the clock's where those are not known."""
        clock = [run["metrics"]["training_seconds"] for run in self.runs]
        processor = [run["metrics"].get("training_cpu_seconds") for run in self.runs]
        return np.array([c if p is None else p for c, p in zip(clock, processor, strict=True)])


def metrics_of(evaluation: Evaluation, row: paper.Row | None) -> dict[str, float]:
    """The figures of a run, as MLflow keeps them, and the paper's of a row that they may stand
    beside."""
    figures = {
        "test/error": evaluation.error,
        "test/error_low": evaluation.low,
        "test/error_high": evaluation.high,
        "test/errors": evaluation.errors,
        "test/reject": evaluation.reject,
    }
    return figures if row is None else figures | {"paper/error": row.test_error / 100}


def words_of(error: Interval, row: paper.Row | None) -> dict[str, str]:
    """The same in words, as tags: the 95 % interval in per cent, the row that the run stands beside
    and what comes of that."""
    words = {"interval": f"{100 * error.low:.2f} to {100 * error.high:.2f}"}
    if row is None:
        return words
    return words | {
        "verdict": _verdict(error, row.test_error / 100),
        "paper.row": row.name,
        "paper.section": row.section,
    }


def _verdict(ours: Interval, of_paper: float) -> str:
    """Whether the 95 % interval of the difference (Newcombe's, of two intervals as if independent)
    lies wholly outside of the paper's own uncertainty (III.C)."""
    low, high = wilson(round(of_paper * paper.TEST_DIGITS), paper.TEST_DIGITS)
    difference, margin = ours.mean - of_paper, paper.UNCERTAINTY / 100
    if difference + np.hypot(ours.high - ours.mean, of_paper - low) < -margin:
        return "better"
    if difference - np.hypot(ours.mean - ours.low, high - of_paper) > margin:
        return "worse"
    return "no difference"


def save(result: Result, folder: Path) -> None:
    """Writes a result. Both files are written before the first of them takes its place."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{PREDICTIONS}.part"
    with open(part, "wb") as file:
        np.savez_compressed(
            file, label=result.label, prediction=result.prediction, margin=result.margin
        )
    record = _write_record(result, folder)
    os.replace(part, folder / PREDICTIONS)
    os.replace(record, folder / RUNS)


def save_record(result: Result, folder: Path) -> None:
    """Writes ``result.json`` alone, all at once."""
    os.replace(_write_record(result, folder), folder / RUNS)


def _write_record(result: Result, folder: Path) -> Path:
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
    return part


def load(folder: Path) -> Result:
    """Reads what `save` wrote.

    Raises:
        InputError: a file that is missing or damaged, or does not belong to the other.
    """
    if not folder.name.isprintable():  # it stands in tables and pages
        raise InputError(f"{folder.name!a} in {folder.parent} is no name of an experiment")
    about = _about(folder)
    path = folder / PREDICTIONS
    try:
        arrays = read_arrays(path, _trained_again(folder))
    except FileNotFoundError:
        about = None
    if about is None:
        raise InputError(
            f"{folder} is no whole result: git restore {folder}, or {_trained_again(folder)}"
        )
    try:
        _check(arrays, len(about["runs"]))
    except ValueError as e:
        raise damaged(path, str(e), _trained_again(folder)) from e
    whole: Any = {**about, "runs": tuple(about["runs"]), **arrays}
    return Result(**whole)


def _about(folder: Path) -> _About | None:
    """What ``result.json`` says, None if there is none."""
    path, again = folder / RUNS, _trained_again(folder)
    try:
        about = read_json(path, ABOUT, again)
    except FileNotFoundError:
        return None
    if about["experiment"] != folder.name:
        raise damaged(path, f"it tells of {about['experiment']}", again)
    if about["row"] not in paper.ROWS:
        raise damaged(path, f"row: {about['row']} is none of Figure 9", again)
    return about


def _trained_again(folder: Path) -> str:
    return f"rm -r {folder} and dvc repro -s train@{folder.name}"


def _check(arrays: Mapping[str, NDArray], runs: int) -> None:
    if arrays.keys() != {"label", "prediction", "margin"}:
        raise ValueError(f"it holds {', '.join(arrays) or 'nothing'}")
    digits = arrays["label"].size
    if not digits:
        raise ValueError("it tells of no digits")
    check_array("label", arrays["label"], "uint8", (digits,), 9)
    check_array("prediction", arrays["prediction"], "uint8", (runs, digits), 9)
    check_array("margin", arrays["margin"], "float16", (runs, digits), np.inf)


def load_all(root: Path) -> dict[str, Result]:
    """All results of a folder by the names of their experiments, in order.

    Raises:
        InputError: one that is not whole, or of other digits than another of the same data.
    """
    folders = [path for path in sorted(root.glob("*")) if os.path.lexists(path / RUNS)]
    found = {folder.name: load(folder) for folder in folders}
    labels: dict[str, tuple[str, NDArray]] = {}
    for name, result in found.items():
        other, known = labels.setdefault(result.digest, (name, result.label))
        if not np.array_equal(known, result.label):
            folder = root / name
            reason = f"its labels are not those of {root / other}"
            raise damaged(folder / PREDICTIONS, reason, _trained_again(folder))
    return found


def identities(folder: Path) -> dict[int, str | None]:
    """The identity of each run that a folder keeps, by its seed; none where there is no result.
    Reads no predictions.

    Raises:
        InputError: the file is damaged.
    """
    about = _about(folder)
    return {run["seed"]: run.get("identity") for run in about["runs"]} if about else {}


def find(root: Path, identity: str) -> tuple[Result, int] | None:
    """The run of an identity: the result that keeps it, and its number there. Results of which
    nobody knows whose runs they are hinder no other.

    Raises:
        InputError: its predictions are damaged.
    """
    for folder in sorted(path.parent for path in root.glob(f"*/{RUNS}")):
        try:
            own = list(identities(folder).values())
        except InputError:  # whoever asks for these results is told
            continue
        if identity in own:
            return load(folder), own.index(identity)
    return None
