"""From `results/` to MLflow, so that a fresh clone has runs to browse, and a run that it has is
never trained again."""

import time
from collections.abc import Mapping
from pathlib import Path

from lenet import paper
from lenet.results.result import Result, metrics_of
from lenet.tracking import IDENTITY, MetricPoint, Run, Tracker

ORIGIN = "restored.from"  # tag: the id that the run had where it was trained


def restore(
    results: Mapping[str, Result], uri: str, artifacts: Path, tags: Mapping[str, str]
) -> int:
    """Opens a run for each run of the results that MLflow does not have; their number.

    A restored run has the figures, curves and tags of the one that was trained, but not its files.

    Args:
        results: by experiment.
        uri: of the MLflow store.
        artifacts: the folder for files, where the store is a database file.
        tags: that each run gets besides its own.

    Raises:
        InputError: a store that cannot be used.
    """
    restored = 0
    for stand_in in {result.data != "mnist" for result in results.values()}:
        tracker = Tracker(uri, artifacts, stand_in).start()
        assert tracker.runs is not None
        known = {id_ for run in tracker.runs.all() for id_ in (run.id, run.tags.get(ORIGIN))}
        for result in results.values():
            if (result.data != "mnist") != stand_in:
                continue
            for number, run in enumerate(result.runs):
                if run["run"] not in known:
                    restore_run(tracker, result, number, tags)
                    known.add(run["run"])  # it may belong to two experiments
                    restored += 1
    return restored


def restore_run(
    tracker: Tracker,
    result: Result,
    number: int,
    tags: Mapping[str, str],
    parent: str | None = None,
) -> str:
    """Writes a finished run for one run of a result; its new id.

    Args:
        tracker: of the store.
        result: that keeps the run.
        number: of the run in the result.
        tags: that it gets besides its own.
        parent: the run that it is to be nested under.
    """
    row, of = paper.ROWS[result.row], result.runs[number]
    own = {
        ORIGIN: of["run"],
        IDENTITY: of["identity"],
        "data": result.data,
        "data.digest": result.digest,
        "mlflow.source.name": "results/",
        "mlflow.source.git.commit": of["commit"],
        "git.dirty": str(of["dirty"]).lower(),
        "threads": str(of["threads"]),
        "paper.row": row.name,
        "paper.section": row.section,
    }
    own |= {f"version.{name}": version for name, version in of["versions"].items()}
    ended = int(1000 * time.time())  # results do not tell when, only how long it took
    started = ended - int(1000 * of["metrics"].get("training_seconds", 0))
    once = {k: v for k, v in of["metrics"].items() if k not in of["curves"]}
    once |= metrics_of(result.evaluate(number), row if result.data == "mnist" else None)
    points = [MetricPoint(name, value, 0, ended) for name, value in once.items()]
    points += [
        MetricPoint(name, value, step, ended)
        for name, values in of["curves"].items()
        for step, value in enumerate(values, 1)
    ]
    run_id = tracker.create_finished(
        f"{result.experiment} seed {of['seed']}",
        started=started,
        ended=ended,
        tags=own | dict(tags),
        params={},
        metrics=points,
        parent=parent,
    )
    Run(tracker.write, run_id).dataset(result.data, result.digest, "results/")
    return run_id
