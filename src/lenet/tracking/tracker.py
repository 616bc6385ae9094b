"""Opening and closing runs in MLflow; `Run` writes to them, `ExperimentRuns` reads.

A run closes with a true status: FINISHED, FAILED with the reason, KILLED when it was interrupted.
"""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlparse

from lenet.errors import InputError, writing
from lenet.tracking import models
from lenet.tracking.finished import PARENT, FinishedRun, create, insert
from lenet.tracking.liveness import HEARTBEAT, Heartbeat, this_process
from lenet.tracking.queue import Record
from lenet.tracking.run import FAILURE, Run, now, send, send_to_server
from lenet.tracking.runs import IDENTITY, ExperimentRuns, RunRecord
from lenet.tracking.spool import SPOOL, Spool
from lenet.tracking.store import ask, connect, is_server, usable
from lenet.tracking.views import experiment_tags, page

LOCAL_SERVER = "http://127.0.0.1:5000"  # which `make ui` starts
PART = ".artifact.uploading."  # MLflow's own name for one, as far as a random part

EXPERIMENT = "LeNet 1998"
STAND_IN_EXPERIMENT = "LeNet 1998 - stand-in digits, not MNIST"


def experiment_name(stand_in: bool, own: str = "") -> str:
    """The MLflow experiment of runs on MNIST, of those on digits that stand in for it, or on the
    user's own digits of a name."""
    if own:
        return f"{EXPERIMENT} - {own}, not MNIST"
    return STAND_IN_EXPERIMENT if stand_in else EXPERIMENT


class Tracker:
    """Opens runs in one MLflow experiment, once it is started.

    Args:
        uri: of the store, ``sqlite:///...`` or ``http...``; None tracks nothing.
        artifacts: the folder for files, where the store is a database file; beside it lies the
            spool for what a server that is away does not get.
        stand_in: whether the digits only stand in for MNIST; they have an experiment of their own.
        own: the name of digits that are the user's own, which have one, too.
        system_metrics: whether runs tell what they use of the machine, as MLflow measures it.
    """

    def __init__(
        self,
        uri: str | None,
        artifacts: Path,
        stand_in: bool,
        own: str = "",
        system_metrics: bool = False,
    ) -> None:
        self.uri = uri
        self.experiment = experiment_name(stand_in, own)
        self.runs: ExperimentRuns | None = None  # None where nothing is tracked
        self._stand_in = stand_in
        self._own = own
        self._artifacts = artifacts
        self._client: Any = None
        self._experiment_id = ""
        self._spool: Spool | None = None
        self._heartbeat = Heartbeat(self._beat)
        self._system_metrics = system_metrics
        self._monitors: dict[str, Any] = {}  # of the open runs

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
            where = None if is_server(uri) else self._artifacts.resolve().as_uri()
            self._experiment_id = (
                found.experiment_id
                if found
                else self._client.create_experiment(self.experiment, where)
            )
            known = found.tags if found else {}
            digits = "a stand-in, **not MNIST**" if self._stand_in else self._own or "MNIST"
            for key, value in experiment_tags(self._experiment_id, digits).items():
                if known.get(key) != value:
                    self._client.set_experiment_tag(self._experiment_id, key, value)

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
        if self._system_metrics:
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            monitor = SystemMetricsMonitor(run_id, resume_logging=again, tracking_uri=self.uri)
            monitor.start()
            self._monitors[run_id] = monitor
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
            InputError: there is no room for it, or the store does not take it.
        """
        if run_id is None:
            return
        if self._spool:
            self._spool.write(run_id, record)
            return
        if "path" in record or "text" in record:  # one that fails may cost no result
            with writing(self._artifacts):
                send(self._client, run_id, record)
        else:
            with usable(self.uri), writing(str(self.uri)):
                send(self._client, run_id, record)

    def close(self, run_id: str | None, status: str) -> None:
        """Ends a run with FINISHED, FAILED or KILLED."""
        if run_id:
            self._heartbeat.stop(run_id)
            if run_id in self._monitors:
                self._monitors.pop(run_id).finish()
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

    def add_finished(self, runs: Sequence[FinishedRun]) -> list[str]:
        """Writes runs that ended before; their ids, which a server gives anew.

        Raises:
            InputError: MLflow does not take them.
        """
        assert self.uri is not None
        with usable(self.uri), writing(self.uri):
            if is_server(self.uri):
                return [create(self._client, self._experiment_id, run) for run in runs]
            insert(self.uri, self._experiment_id, self._artifacts, runs)
            return [run.id for run in runs]

    def log_model(self, run_id: str, kind: str, source: models.Source) -> str:
        """Keeps a run's classifier as a model of MLflow, as `models.log`; its id."""
        return models.log(self._client, self._experiment_id, run_id, kind, source)

    def register(self, name: str, model: str, run_id: str) -> str:
        """Makes a model the next version of a registered one; the version's number."""
        return models.register(self._client, name, model, run_id)

    def champion(self, name: str) -> str | None:
        """Gives the alias "champion", as `models.champion`; the version that has it, if any."""
        assert self.runs is not None
        return models.champion(self._client, name, self.runs)

    def name_champion(self, name: str, number: str) -> None:
        """Gives the alias to a version by its number."""
        self._client.set_registered_model_alias(name, models.CHAMPION, number)

    def discard(self, run_id: str) -> None:
        """Moves a run to where MLflow keeps deleted ones.

        Raises:
            InputError: MLflow cannot be asked.
        """
        with usable(self.uri):
            self._client.delete_run(run_id)

    def _beat(self, run_id: str, now: float) -> None:
        self._client.set_tag(run_id, HEARTBEAT, str(now))

    @property
    def page(self) -> str:
        """How a person finds the runs, empty where nothing is tracked."""
        if self.uri is None:
            return ""
        server = self.uri.rstrip("/") if is_server(self.uri) else f"make ui, then {LOCAL_SERVER}"
        return f"{server}/{page(self._experiment_id)}"
