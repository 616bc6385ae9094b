"""From `results/` to MLflow, so that a fresh clone has runs to browse, and a run that it has is
never trained again."""

from collections.abc import Mapping
from pathlib import Path

from lenet import paper
from lenet.results.result import Result, metrics_of
from lenet.tracking import IDENTITY, Tracker

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
        tracker = Tracker(uri, artifacts, stand_in)
        assert tracker.archive is not None
        known = {id_ for kept in tracker.archive.all() for id_ in (kept.id, kept.tags.get(ORIGIN))}
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
    """Opens a finished run for one run of a result; its new id.

    Args:
        tracker: of the store.
        result: that keeps the run.
        number: of the run in the result.
        tags: that it gets besides its own.
        parent: the run that it is to be nested under.
    """
    row, of = paper.ROWS[result.row], result.runs[number]
    with tracker.run(f"{result.experiment} seed {of['seed']}", parent, of["identity"]) as run:
        run.dataset(result.data, result.digest, "results/")
        run.tags(
            {
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
            | {f"version.{name}": version for name, version in of["versions"].items()}
            | dict(tags)
        )
        run.metrics({k: v for k, v in of["metrics"].items() if k not in of["curves"]})
        run.metrics(metrics_of(result.evaluate(number), row))
        for name, values in of["curves"].items():
            for step, value in enumerate(values, 1):
                run.metrics({name: value}, step)
    assert run.id is not None
    return run.id
