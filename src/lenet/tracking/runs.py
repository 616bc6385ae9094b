"""Reading from MLflow the runs that this project tracked."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenet.classifier import MODEL_FILES
from lenet.errors import InputError, printable
from lenet.tracking.liveness import is_gone
from lenet.tracking.per_cent import as_meant, plain
from lenet.tracking.store import (
    FILE,
    ask,
    connect,
    first_line,
    say,
    store_errors,
)

EVALUATION = "identity.evaluation"  # tag: by what code the figures of a run were made
IDENTITY = "identity.training"  # tag: what makes two runs the same run
VALIDATION_ERROR = "final/validation_error"  # metric: what choices are made by
PER_PAGE = 1_000
LARGEST, LARGEST_MODEL = 64 * 2**20, 4 * 2**30  # bytes of a file that is fetched


@dataclass(frozen=True)
class RunRecord:
    """A run as MLflow has it; what could steer a terminal is escaped."""

    id: str
    name: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]  # the last value of each; errors are fractions
    params: dict[str, str]
    ended: int  # milliseconds since 1970; 0 while it is open

    @property
    def on_all_of_mnist(self) -> bool:
        """Whether it was trained on all digits that its configuration could have, so that it may
        stand beside the paper's figures, and other runs beside it."""
        of_all = self.params.get("data.train_size") == "None" and "cut" not in self.tags
        return self.tags.get("data") == "mnist" and of_all


class ExperimentRuns:
    """Reads the runs of one MLflow experiment.

    Args:
        client: an MlflowClient.
        experiment: its id.
    """

    def __init__(self, client: Any, experiment: str) -> None:
        self._client = client
        self._experiment = experiment

    def get(self, run_id: str) -> RunRecord:
        """One run by its id."""
        return _record(self._client.get_run(run_id))

    def all(self) -> list[RunRecord]:
        """Every run of the experiment, the newest first."""
        return list(self._search(""))

    def find(self, identity: str, finished: bool = False) -> RunRecord | None:
        """The newest run of that identity, or the newest that is finished."""
        if not re.fullmatch(r"[\w.:-]+", identity):  # quotes would change the query
            return None
        status = " and attributes.status = 'FINISHED'" if finished else ""
        return next(self._search(f"tags.`{IDENTITY}` = '{identity}'{status}", 1), None)

    def abandoned(self) -> Iterator[str]:
        """The runs that are still open though their process is known to be gone."""
        for run in self._search("attributes.status = 'RUNNING'"):
            try:
                if is_gone(run.tags):
                    yield run.id
            except ValueError as e:
                say(f"run {run.id} stays RUNNING: {e}, so nothing tells whether it is")

    def curves(self, run_id: str) -> dict[str, list[float]]:
        """Of each metric that was logged by epochs, its values in their order."""
        curves: dict[str, dict[int, float]] = {}
        for name, step, value in self._points(run_id):
            curves.setdefault(name, {})[step] = value
        return {
            name: [points[step] for step in sorted(points)]
            for name, points in curves.items()
            if min(points) > 0  # what is logged once is logged at step 0
        }

    def steps(self, run_id: str) -> set[tuple[str, int]]:
        """The metrics of a run, each with the steps at which it has been logged."""
        return {(name, step) for name, step, _ in self._points(run_id)}

    def _points(self, run_id: str) -> Iterator[tuple[str, int, float]]:
        """Every metric of a run with every step and its value."""
        for name in self._client.get_run(run_id).data.metrics:
            for m in self._client.get_metric_history(run_id, name):
                yield plain(name), m.step, as_meant({name: m.value})[plain(name)]

    def artifact(self, run_id: str, name: str, folder: Path, largest: int = LARGEST) -> Path:
        """Fetches one file of a run into a folder; where it lies there.

        Raises:
            InputError: the run has no such file, or an empty one (so has a device, which may
                never end), or one of more bytes than ``largest``.
        """
        sizes = {file.path: file.file_size for file in self._client.list_artifacts(run_id)}
        size = sizes.get(name)
        if not size:
            what = f"its {name} is empty" if name in sizes else f"has no file {name}"
            raise InputError(f"run {run_id}: {what}")
        if size > largest:
            raise InputError(f"run {run_id}: its {name} has {size} bytes, more than {largest}")
        return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def model(self, run_id: str, folder: Path) -> Path:
        """Fetches the file of a run's classifier into a folder; where it lies there.

        Raises:
            InputError: the run has none.
        """
        names = {file.path for file in self._client.list_artifacts(run_id)}
        for name in MODEL_FILES:
            if name in names:
                return self.artifact(run_id, name, folder, LARGEST_MODEL)
        raise InputError(
            f"run {run_id} has no file of a classifier: it may be a parent of runs, or one that "
            "was restored without"
        )

    def _search(self, condition: str, per_page: int = PER_PAGE) -> Iterator[RunRecord]:
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                condition,
                max_results=per_page,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            yield from map(_record, page)
            token = page.token
            if not token:
                return


def _record(run: Any) -> RunRecord:
    tags = {key: printable(value) for key, value in run.data.tags.items()}
    name = printable(run.info.run_name or "")
    return RunRecord(
        run.info.run_id,
        name,
        run.info.status,
        tags,
        as_meant(run.data.metrics),
        dict(run.data.params),
        run.info.end_time or 0,
    )


@contextmanager
def read_experiments(uri: str) -> Iterator[dict[str, ExperimentRuns]]:
    """The experiments of a store by their names, for a block that only reads. A database file
    that is not there has none, and is not made.

    Raises:
        InputError: a server that does not answer, or anything that MLflow cannot read.
    """
    ask(uri)
    if uri.startswith(FILE) and not os.path.exists(uri.removeprefix(FILE)):
        yield {}
        return
    try:
        client = connect(uri)
        yield {e.name: ExperimentRuns(client, e.experiment_id) for e in client.search_experiments()}
    except store_errors() as e:
        raise InputError(f"MLflow at {uri} cannot be read: {first_line(e)}") from e


def find_run(
    experiments: Mapping[str, ExperimentRuns], start: str, uri: str
) -> tuple[RunRecord, ExperimentRuns]:
    """The one run of a store whose id starts so, and the experiment that has it.

    Raises:
        InputError: there is none, or there are several.
    """
    found = [
        (run, runs)
        for runs in experiments.values()
        for run in runs.all()
        if run.id.startswith(start)
    ]
    if len(found) != 1:
        what = "several runs start" if found else "no run starts"
        raise InputError(f"{what} with {start} in {uri}: the MLflow UI shows whole ids")
    return found[0]
