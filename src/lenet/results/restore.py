"""Brings results/ back into MLflow, so that a fresh clone has runs to browse."""

from collections.abc import Mapping
from pathlib import Path

from lenet import paper
from lenet.results.result import Result
from lenet.tracking import Tracker

ORIGIN = "restored.from"  # tag: the id that the run had where it was trained


def restore(results: Mapping[str, Result], uri: str, artifacts: Path) -> int:
    """Opens a run for each run of the results that MLflow does not have; their number.

    A restored run has the figures, curves and tags of the one that was trained, but not its files.

    Args:
        results: by experiment.
        uri: of the MLflow store.
        artifacts: the folder for files, where the store is a database file.

    Raises:
        InputError: a store that cannot be used.
    """
    restored = 0
    for stand_in in {result.data != "mnist" for result in results.values()}:
        tracker = Tracker(uri, artifacts, stand_in).start()
        assert tracker.runs is not None
        known = {id_ for kept in tracker.runs.all() for id_ in (kept.id, kept.tags.get(ORIGIN))}
        for result in results.values():
            if (result.data != "mnist") != stand_in:
                continue
            for run in result.runs:
                if run["run"] not in known:
                    _restore(tracker, result, run)
                    known.add(run["run"])  # it may belong to two experiments
                    restored += 1
    return restored


def _restore(tracker: Tracker, result: Result, of: dict) -> None:
    row = paper.ROWS[result.row]
    with tracker.run(f"{result.experiment} seed {of['seed']}") as run:
        run.dataset(result.data, result.digest, "results/")
        run.tags(
            {
                ORIGIN: of["run"],
                "data": result.data,
                "data.digest": result.digest,
                "mlflow.source.name": "results/",
                "mlflow.source.git.commit": of["commit"],
                "git.dirty": str(of["dirty"]).lower(),
                "threads": str(of["threads"]),
                "paper.row": row.name,
                "paper.section": row.section,
            }
            | {f"version.{name}": number for name, number in of["versions"].items()}
        )
        run.metrics({k: v for k, v in of["metrics"].items() if k not in of["curves"]})
        for step, values in enumerate(zip(*of["curves"].values(), strict=False), 1):
            run.metrics(dict(zip(of["curves"], values, strict=True)), step)
