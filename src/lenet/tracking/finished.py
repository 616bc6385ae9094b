"""Runs that ended elsewhere, written into a store as they were.

MLflow's client gives each run a new id and takes a tenth of a second for it. Into a database file
they are written all at once by MLflow's own tables, and keep their ids; a server is asked call by
call.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lenet.tracking.per_cent import as_shown
from lenet.tracking.store import database

PARENT = "mlflow.parentRunId"  # tag: MLflow's own
ORIGIN = "restored.from"  # tag: the id that a run had where it was trained
ENTITIES_PER_CALL = 1_000  # MLflow's limit for one batch


class MetricPoint(NamedTuple):
    """One value of a metric; errors are fractions."""

    name: str
    value: float
    step: int
    time: int  # milliseconds since 1970


@dataclass(frozen=True)
class FinishedRun:
    """A run that ended before.

    Attributes:
        id: that it had; a server gives another.
        name: of the run.
        started, ended: when, in milliseconds since 1970.
        tags: at most 100.
        params: at most 100.
        metrics: in any order.
        dataset: name, digest and place of its data.
        parent: the run that it is nested under.
        status: that it ended with.
    """

    id: str
    name: str
    started: int
    ended: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Sequence[MetricPoint]
    dataset: tuple[str, str, str]
    parent: str | None = None
    status: str = "FINISHED"

    @property
    def points(self) -> list[MetricPoint]:
        """The metrics as MLflow shows them."""
        return [
            MetricPoint(name, value, point.step, point.time)
            for point in self.metrics
            for name, value in as_shown({point.name: point.value}).items()
        ]

    @property
    def all_tags(self) -> dict[str, str]:
        """With those of MLflow's own."""
        own = {ORIGIN: self.id, "mlflow.runName": self.name}
        return {**self.tags, **own, **({PARENT: self.parent} if self.parent else {})}


def insert(uri: str, experiment: str, artifacts: Path, runs: Sequence[FinishedRun]) -> None:
    """Writes runs into a database file; one that is there is replaced.

    Args:
        uri: of the file.
        experiment: the id of the runs' experiment.
        artifacts: the folder for the files of runs.
        runs: to be written, all or none.
    """
    import sqlalchemy
    from mlflow.store.tracking.dbmodels import models

    with database(uri).begin() as connection:
        known = models.SqlDataset.__table__
        same = sqlalchemy.select(known).where(known.c.experiment_id == int(experiment))
        datasets = {(one.name, one.digest): one.dataset_uuid for one in connection.execute(same)}
        rows: dict[Any, list[dict[str, Any]]] = {}
        for run in runs:
            for table, row in _rows(models, run, int(experiment), artifacts, datasets):
                rows.setdefault(table, []).append(row)
        for table, of_table in rows.items():
            statement = sqlalchemy.insert(table.__table__).prefix_with("OR REPLACE")
            connection.execute(statement, of_table)


def _rows(
    models: Any,
    run: FinishedRun,
    experiment: int,
    artifacts: Path,
    datasets: dict[tuple[str, str], str],
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The rows of a run, each with the table that it belongs to; ``datasets`` learns new ones."""
    of_run = {"run_uuid": run.id}
    yield (
        models.SqlRun,
        of_run
        | {
            "name": run.name,
            "source_type": "UNKNOWN",  # as MLflow's client writes it, like the next
            "user_id": "unknown",
            "source_name": "",
            "entry_point_name": "",
            "source_version": "",
            "status": run.status,
            "start_time": run.started,
            "end_time": run.ended,
            "lifecycle_stage": "active",
            "artifact_uri": f"{artifacts.resolve().as_uri()}/{run.id}/artifacts",
            "experiment_id": experiment,
        },
    )
    for key, text in run.all_tags.items():
        yield models.SqlTag, of_run | {"key": key, "value": text}
    for key, text in run.params.items():
        yield models.SqlParam, of_run | {"key": key, "value": text}
    latest: dict[str, dict[str, Any]] = {}
    for name, value, step, time in sorted(run.points, key=lambda point: point.step):
        is_nan = value != value
        row = of_run | {"key": name, "timestamp": time, "step": step, "is_nan": is_nan}
        latest[name] = row | {"value": 0.0 if is_nan else value}
        yield models.SqlMetric, latest[name]
    for row in latest.values():
        yield models.SqlLatestMetric, row
    name, digest, where = run.dataset
    if (name, digest) not in datasets:
        datasets[name, digest] = uuid.uuid4().hex
        yield (
            models.SqlDataset,
            {
                "dataset_uuid": datasets[name, digest],
                "experiment_id": experiment,
                "name": name,
                "digest": digest,
                "dataset_source_type": "local",
                "dataset_source": json.dumps({"path": where}),
            },
        )
    yield (
        models.SqlInput,
        {
            "input_uuid": uuid.uuid4().hex,
            "source_type": "DATASET",
            "source_id": datasets[name, digest],
            "destination_type": "RUN",
            "destination_id": run.id,
            "step": 0,
        },
    )


def create(client: Any, experiment: str, run: FinishedRun) -> str:
    """Writes a run by MLflow's client, in few calls; its new id. The tags come last: a run that was
    not written to its end lacks them."""
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    name, digest, where = run.dataset
    first = {PARENT: run.parent} if run.parent else {}
    run_id: str = client.create_run(experiment, run.started, first, run.name).info.run_id
    points = [Metric(p.name, p.value, p.time, p.step) for p in run.points]
    texts = len(run.params) + len(run.all_tags)  # they share a call with the last metrics
    while points and len(points) + texts > ENTITIES_PER_CALL:
        client.log_batch(run_id, metrics=points[:ENTITIES_PER_CALL])
        points = points[ENTITIES_PER_CALL:]
    client.log_batch(
        run_id,
        metrics=points,
        params=[Param(key, value) for key, value in run.params.items()],
        tags=[RunTag(key, value) for key, value in run.all_tags.items()],
    )
    data = Dataset(name, digest, "local", json.dumps({"path": where}))
    client.log_inputs(run_id, [DatasetInput(data)])
    client.set_terminated(run_id, run.status, run.ended)
    return run_id
