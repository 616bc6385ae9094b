"""Opening and closing runs in MLflow; `Run` writes to them, `ExperimentRuns` reads.

A run closes with a true status: FINISHED, FAILED with the reason, KILLED when it was interrupted.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlparse

from lenet.errors import InputError, writing
from lenet.tracking.liveness import HEARTBEAT, Heartbeat, this_process
from lenet.tracking.queue import Record
from lenet.tracking.run import FAILURE, Run, now, send, send_to_server
from lenet.tracking.runs import IDENTITY, ExperimentRuns, RunRecord
from lenet.tracking.spool import SPOOL, Spool
from lenet.tracking.store import ask, connect, is_server, usable

VALIDATION_ERROR = "final/validation_error"  # metric: what choices are made by

PARENT = "mlflow.parentRunId"  # tag: MLflow's own
ENTITIES_PER_CALL = 1_000  # MLflow's limit for one batch
PART = ".artifact.uploading."  # MLflow's own name for one, as far as a random part
LOCAL_PAGE = "make ui, then http://127.0.0.1:5000"

EXPERIMENT = "LeNet 1998"
STAND_IN_EXPERIMENT = "LeNet 1998 - stand-in digits, not MNIST"
DESCRIPTION = """\
The classifiers of LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document
Recognition* (1998), section III, on {digits}.

One run is one trained classifier; runs of one job (several seeds) and of one sweep (several jobs)
are nested under a parent run. `test/error` is the fraction of wrong test digits after the last
epoch, with its 95 % interval in `test/error_low` and `test/error_high`; `paper/error` is the
paper's figure. Nothing is chosen on the test set: `validation/error` is there for that.
Under *Artifacts*: the resolved configuration, predictions, the misclassified digits.
"""


class MetricPoint(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int
    time: int  # milliseconds since 1970


def experiment_name(stand_in: bool) -> str:
    """The MLflow experiment of runs on MNIST, or of those on digits that stand in for it."""
    return STAND_IN_EXPERIMENT if stand_in else EXPERIMENT


class Tracker:
    """Opens runs in one MLflow experiment, once it is started.

    Args:
        uri: of the store, ``sqlite:///...`` or ``http...``; None tracks nothing.
        artifacts: the folder for files, where the store is a database file; beside it lies the
            spool for what a server that is away does not get.
        stand_in: whether the digits only stand in for MNIST; they have an experiment of their own.
    """

    def __init__(self, uri: str | None, artifacts: Path, stand_in: bool) -> None:
        self.uri = uri
        self.experiment = experiment_name(stand_in)
        self.runs: ExperimentRuns | None = None  # None where nothing is tracked
        self._stand_in = stand_in
        self._artifacts = artifacts
        self._client: Any = None
        self._experiment_id = ""
        self._spool: Spool | None = None
        self._heartbeat = Heartbeat(self._beat)

    def start(self) -> Self:
        """Connects to the store, makes the experiment if it is new, delivers what a server missed
        and closes abandoned runs; the tracker itself.

        Raises:
            InputError: a server that does not answer, a database that cannot be written.
        """
        if self.uri is None:
            return self
        ask(self.uri)
        with usable(self.uri):
            self._connect(self.uri)
        self.runs = ExperimentRuns(self._client, self._experiment_id)
        if is_server(self.uri):
            send_it = partial(send_to_server, self._client)
            self._spool = Spool(self._artifacts.parent / SPOOL, self.uri, send_it)
            self._spool.deliver_all()  # first: it may say how a run ended
        self.close_abandoned()
        return self

    def _connect(self, uri: str) -> None:
        """Under a lock: a fresh database that two processes create at once is broken for good."""
        from filelock import FileLock

        self._artifacts.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._artifacts.parent / ".mlflow.lock"):
            self._client = connect(uri)
            found = self._client.get_experiment_by_name(self.experiment)
            if found and found.lifecycle_stage == "deleted":
                raise InputError(
                    f"the MLflow experiment {self.experiment!r} was deleted: restore it "
                    f"(mlflow experiments restore -x {found.experiment_id}) or set tracking.uri"
                )
            self._experiment_id = found.experiment_id if found else self._create_experiment(uri)

    def _create_experiment(self, uri: str) -> str:
        digits = "a stand-in, **not MNIST**" if self._stand_in else "MNIST"
        tags = {
            "mlflow.note.content": DESCRIPTION.format(digits=digits),
            "mlflow.experimentKind": "custom_model_development",
        }
        where = None if is_server(uri) else self._artifacts.resolve().as_uri()
        return self._client.create_experiment(self.experiment, where, tags)

    def find(self, identity: str, finished: bool = False) -> RunRecord | None:
        """The newest run of that identity, or the newest that is finished; None where nothing is
        tracked.

        Raises:
            InputError: MLflow cannot be asked.
        """
        if self.runs is None:
            return None
        with usable(self.uri):
            return self.runs.find(identity, finished)

    @contextmanager
    def run(
        self,
        name: str,
        parent: str | None = None,
        identity: str | None = None,
        again: bool = False,
    ) -> Iterator[Run]:
        """Opens a run, and closes it with the status that its block earned.

        Args:
            name: of the run.
            parent: the run that it is nested under.
            identity: by which it is found again, to be skipped or continued.
            again: the newest run of that identity is continued if there is one.
        """
        run_id = self.open(name, parent, identity, again)
        logged: Set[tuple[str, int]] = frozenset()
        if self.runs and run_id and again:
            with usable(self.uri):
                logged = self.runs.steps(run_id)
        run = Run(self.write, run_id, logged)
        try:
            yield run
            self.close(run.id, "FINISHED")
        except Exception as e:
            with suppress(Exception):  # it may be MLflow that failed, or there is no room
                run.tags({FAILURE: f"{type(e).__name__}: {e}"})
                self.close(run.id, "FAILED")
            raise
        except BaseException:  # Ctrl-C, SIGTERM
            with suppress(Exception):
                self.close(run.id, "KILLED")
            raise

    def open(
        self,
        name: str,
        parent: str | None = None,
        identity: str | None = None,
        again: bool = False,
    ) -> str | None:
        """As `run`, but it stays open until `close`; its id, or None where nothing is tracked."""
        if self.uri is None:
            return None
        tags = this_process()
        tags |= {PARENT: parent} if parent else {}
        tags |= {IDENTITY: identity} if identity else {}
        known = self.find(identity) if identity and again else None
        with usable(self.uri):
            if known:
                run_id = known.id
                send(self._client, run_id, {"tags": tags | {FAILURE: ""}})
                self._client.update_run(run_id, status="RUNNING")
                self._remove_parts(run_id)
            else:
                opened = self._client.create_run(self._experiment_id, tags=tags, run_name=name)
                run_id = opened.info.run_id
        self._heartbeat.start(run_id)
        return run_id

    def _remove_parts(self, run_id: str) -> None:
        """Of a run in this project's own folder, what a kill left of files on their way there."""
        place = urlparse(self._client.get_run(run_id).info.artifact_uri)
        if place.scheme == "file":
            for part in Path(unquote(place.path)).glob(f"{PART}*"):
                part.unlink()

    def write(self, run_id: str | None, record: Record) -> None:
        """Writes a record of a run, as `send`; while a server is away, to the spool.

        Raises:
            InputError: there is no room for it.
        """
        if run_id is None:
            return
        if self._spool:
            self._spool.write(run_id, record)
            return
        is_file = "path" in record or "text" in record
        with writing(self._artifacts if is_file else str(self.uri)):
            send(self._client, run_id, record)

    def close(self, run_id: str | None, status: str) -> None:
        """Ends a run with FINISHED, FAILED or KILLED."""
        if run_id:
            self._heartbeat.stop(run_id)
        self.write(run_id, {"status": status, "time": now()})
        if run_id and self._spool:
            self._spool.settle(run_id)

    def close_abandoned(self) -> bool:
        """Ends as KILLED the runs whose process is gone; whether there were any."""
        if self.runs is None:
            return False
        with usable(self.uri):
            gone = list(self.runs.abandoned())
        for run_id in gone:
            self.close(run_id, "KILLED")
        return bool(gone)

    def create_finished(
        self,
        name: str,
        *,
        started: int,
        ended: int,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        metrics: Sequence[MetricPoint],
        status: str = "FINISHED",
        parent: str | None = None,
    ) -> str:
        """Writes a run that ended before, in few calls; its id.

        The tags come last: a run that was not written to its end lacks them. Up to then it is open,
        and is closed as any other whose process is gone.

        Args:
            name: of the run.
            started: when, in milliseconds since 1970.
            ended: likewise.
            tags: at most 100.
            params: at most 100.
            metrics: in any order.
            status: that it ended with.
            parent: the run that it is nested under.

        Raises:
            InputError: MLflow does not take it.
        """
        from mlflow.entities import Metric, Param, RunTag

        first = this_process() | ({PARENT: parent} if parent else {})
        points = [Metric(p.name, p.value, p.time, p.step) for p in metrics]
        texts = len(params) + len(tags)  # they share a call with the last metrics
        with usable(self.uri):
            client = self._client
            run_id = client.create_run(self._experiment_id, started, first, name).info.run_id
            while points and len(points) + texts > ENTITIES_PER_CALL:
                client.log_batch(run_id, metrics=points[:ENTITIES_PER_CALL])
                points = points[ENTITIES_PER_CALL:]
            client.log_batch(
                run_id,
                metrics=points,
                params=[Param(key, value) for key, value in params.items()],
                tags=[RunTag(key, value) for key, value in tags.items()],
            )
            client.set_terminated(run_id, status, ended)
        return run_id

    def _beat(self, run_id: str, now: float) -> None:
        self._client.set_tag(run_id, HEARTBEAT, str(now))

    @property
    def page(self) -> str:
        """How a person finds the runs, empty where nothing is tracked."""
        if self.uri is None:
            return ""
        server = self.uri.rstrip("/") if is_server(self.uri) else LOCAL_PAGE
        # without its last part MLflow shows the view for language models
        return f"{server}/#/experiments/{self._experiment_id}?workflowType=machine_learning"
