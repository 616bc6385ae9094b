"""From `results/` to MLflow: finished runs, as whole as those that were trained but for what is not
kept of them, their scores and most weights."""

import csv
import io
import time
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from lenet import paper
from lenet.results.predictions import write_answers
from lenet.results.result import Result, metrics_of, words_of
from lenet.statistics import Interval, mean_error
from lenet.tracking import IDENTITY, FinishedRun, MetricPoint, Run, Tracker, flat

Values = Mapping[str, Any]  # a configuration, of plain values


def restore_run(
    tracker: Tracker,
    result: Result,
    number: int,
    values: Values,
    tags: Mapping[str, str],
    parent: str | None = None,
) -> str:
    """Writes a finished run for one run of a result; its id, which it keeps but on a server.

    Args:
        tracker: of the store.
        result: that keeps the run.
        number: of the run in the result.
        values: its configuration.
        tags: that it gets besides its own.
        parent: the run that it is to be nested under.
    """
    [run_id] = tracker.add_finished([of_result(result, number, values, tags, parent)])
    add_files(Run(tracker.write, run_id), result, number, values)
    return run_id


def of_result(
    result: Result,
    number: int,
    values: Values,
    tags: Mapping[str, str],
    parent: str | None = None,
    ended: int | None = None,
) -> FinishedRun:
    """One run of a result; arguments as of `restore_run`.

    Args:
        ended: when, in milliseconds since 1970, for a result that does not tell; None is now.
    """
    of, evaluation = result.runs[number], result.evaluate(number)
    row = _row(result, values)
    error = Interval(evaluation.error, evaluation.low, evaluation.high)
    own = {
        "mlflow.source.git.commit": of["commit"],
        "git.dirty": str(of["dirty"]).lower(),
        "threads": str(of["threads"]),
    }
    own |= {IDENTITY: of["identity"]} if of.get("identity") else {}
    own |= {f"version.{name}": version for name, version in of["versions"].items()}
    ended = of.get("ended") or ended or int(1000 * time.time())
    stale = ("test/", "paper/" if row is None else "paper/error")  # made anew, or not to be shown
    once = {
        name: value
        for name, value in of["metrics"].items()
        if name not in of["curves"] and not name.startswith(stale)
    }
    once |= metrics_of(evaluation, row)
    points = [MetricPoint(name, _number(value), 0, ended) for name, value in once.items()]
    points += [
        MetricPoint(name, _number(value), step, ended)
        for name, of_epochs in of["curves"].items()
        for step, value in enumerate(of_epochs, 1)
    ]
    return FinishedRun(
        of["run"],
        f"{result.experiment} seed {of['seed']}",
        ended - int(1000 * of["metrics"]["training_seconds"]),
        ended,
        own | _of_data(result) | words_of(error, row) | dict(tags),
        flat(_of_seed(values, of["seed"])),
        points,
        (result.data, result.digest[:8], "results/"),
        parent,
    )


def of_parent(
    result: Result, values: Values, tags: Mapping[str, str], children: list[FinishedRun]
) -> FinishedRun:
    """The run under which those of a result's seeds are nested."""
    row, error = _row(result, values), mean_error(result.wrong)
    ended = max(child.ended for child in children)
    metrics = {
        "test/error": error.mean,
        "test/error_low": error.low,
        "test/error_high": error.high,
        "test/error_std": float(result.errors.std(ddof=1)),
        "training_seconds": float(result.seconds.mean()),
    } | ({} if row is None else {"paper/error": row.test_error / 100})
    same = ("mlflow.source.git.commit", "git.dirty", "threads")
    return FinishedRun(
        parent_id(result),
        result.experiment,
        min(child.started for child in children),
        ended,
        {tag: children[0].tags[tag] for tag in same}
        | _of_data(result)
        | words_of(error, row)
        | dict(tags),
        flat(values),
        [MetricPoint(name, value, 0, ended) for name, value in metrics.items()],
        (result.data, result.digest[:8], "results/"),
    )


def parent_id(result: Result) -> str:
    """A run's id for the parent of a result's runs, the same whenever they are restored."""
    return uuid.uuid5(uuid.NAMESPACE_OID, " ".join(run["run"] for run in result.runs)).hex


def add_files(run: Run, result: Result, number: int, values: Values) -> None:
    """The files of one run of a result: its configuration, answers and curves."""
    of = result.runs[number]
    run.text(yaml.safe_dump(_of_seed(values, of["seed"]), sort_keys=False), "config.yaml")
    with run.artifact("predictions.parquet") as path:
        write_answers(result.label, result.prediction[number], result.margin[number], path)
    if of["curves"]:
        run.text(_table(of["curves"]), "curves.csv")


def _row(result: Result, values: Values) -> paper.Row | None:
    """The row that a result may stand beside."""
    of_all = result.profile == "full" and values["data"]["train_size"] is None
    return paper.ROWS[result.row] if result.data == "mnist" and of_all else None


def _of_data(result: Result) -> dict[str, str]:
    return {"data": result.data, "data.digest": result.digest, "mlflow.source.name": "train.py"}


def _of_seed(values: Values, seed: int) -> dict[str, Any]:
    return {**values, "seed": seed, "seeds": None}


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _table(curves: Mapping[str, list[float | None]]) -> str:
    """A line an epoch; of curves that end earlier, nothing."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["epoch", *curves])
    for epoch in range(max(map(len, curves.values()))):
        table.writerow([epoch + 1, *(c[epoch] if epoch < len(c) else "" for c in curves.values())])
    return text.getvalue()
