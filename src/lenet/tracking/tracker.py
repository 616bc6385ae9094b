"""Opening and closing runs in MLflow; `lenet.run` writes to them, `lenet.archive` reads.

A run closes with a true status: FINISHED, FAILED with the reason, KILLED when it was interrupted.
"""

import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lenet.errors import InputError, writing
from lenet.tracking.archive import HEARTBEAT, IDENTITY, Archive, this_process
from lenet.tracking.heartbeat import Heartbeat
from lenet.tracking.run import Run, now, send, send_to_server
from lenet.tracking.spool import SPOOL, Record, Spool

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it narrates each new database
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# By default MLflow asks a server that is away for minutes, at each call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds
logging.getLogger("urllib3").setLevel(logging.ERROR)  # that a server is away, the spool tells
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it raises what it logs

ANSWER_WITHIN = 5.0  # seconds; a server that takes longer at the start is not there

VALIDATION_ERROR = "final/validation_error"  # metric: what choices are made by

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


def experiment_name(stand_in: bool) -> str:
    """The MLflow experiment of runs on MNIST, or of those on digits that stand in for it."""
    return STAND_IN_EXPERIMENT if stand_in else EXPERIMENT


def local_store(project: Path) -> str:
    """The MLflow store of a project folder, the one that conf/tracking/mlflow.yaml names."""
    return f"sqlite:///{project}/mlflow.db"


class Tracker:
    """Opens runs in one MLflow experiment.

    Args:
        uri: of the store, ``sqlite:///...`` or ``http...``; None tracks nothing.
        artifacts: the folder for files, where the store is a database file; beside it lies the
            spool for what a server that is away does not get.
        stand_in: whether the digits only stand in for MNIST; they have an experiment of their own.

    Raises:
        InputError: a server that does not answer, a database that cannot be written.
    """

    def __init__(self, uri: str | None, artifacts: Path, stand_in: bool) -> None:
        self.uri = uri
        self.experiment = experiment_name(stand_in)
        self._artifacts = artifacts
        self._client: Any = None
        self._spool: Spool | None = None
        self._heartbeat = Heartbeat(self._beat)
        self.archive: Archive | None = None
        if uri is None:
            return
        if uri.startswith("http"):
            _ask(uri)
        digits = "a stand-in, **not MNIST**" if stand_in else "MNIST"
        self._experiment_id = self._experiment(uri, artifacts, DESCRIPTION.format(digits=digits))
        self.archive = Archive(self._client, self._experiment_id)
        if uri.startswith("http"):
            self._spool = Spool(
                artifacts.parent / SPOOL, uri, partial(send_to_server, self._client)
            )
            self._spool.deliver_all()  # first: it may say how a run ended
        self.close_abandoned()

    def _experiment(self, uri: str, artifacts: Path, description: str) -> str:
        """The id of the experiment, which is made if it is new. Under a lock: a fresh database
        that two processes create at once is broken for good."""
        from filelock import FileLock
        from mlflow import MlflowClient

        tags = {
            "mlflow.note.content": description,
            "mlflow.experimentKind": "custom_model_development",
        }
        with usable(uri):
            artifacts.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(artifacts.parent / ".mlflow.lock"):
                self._client = MlflowClient(uri)
                found = self._client.get_experiment_by_name(self.experiment)
                if found and found.lifecycle_stage == "deleted":
                    raise InputError(
                        f"the MLflow experiment {self.experiment!r} was deleted: restore it "
                        f"(mlflow experiments restore -x {found.experiment_id}) or set tracking.uri"
                    )
                if found:
                    return found.experiment_id
                where = None if uri.startswith("http") else artifacts.resolve().as_uri()
                return self._client.create_experiment(self.experiment, where, tags)

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
        if self.archive and run_id and again:
            with usable(self.uri):
                logged = self.archive.steps(run_id)
        run = Run(self.write, run_id, logged)
        try:
            yield run
        except Exception as e:
            with suppress(InputError):  # where there is no room, MLflow cannot be told
                run.tags({"failure": f"{type(e).__name__}: {e}"})
                self.close(run.id, "FAILED")
            raise
        except BaseException:  # Ctrl-C, SIGTERM
            with suppress(InputError):
                self.close(run.id, "KILLED")
            raise
        self.close(run.id, "FINISHED")

    def open(
        self,
        name: str,
        parent: str | None = None,
        identity: str | None = None,
        again: bool = False,
    ) -> str | None:
        """As `run`, but it stays open until `close`; its id, or None where nothing is tracked."""
        if not self._client:
            return None
        run_id = self._open(name, parent, identity, again)
        self._heartbeat.start(run_id)
        return run_id

    def _open(self, name: str, parent: str | None, identity: str | None, again: bool) -> str:
        tags = this_process()
        tags |= {"mlflow.parentRunId": parent} if parent else {}
        tags |= {IDENTITY: identity} if identity else {}
        with usable(self.uri):
            known = self.archive.find(identity) if self.archive and identity and again else None
            if known is None:
                opened = self._client.create_run(self._experiment_id, tags=tags, run_name=name)
                return opened.info.run_id
            send(self._client, known.id, {"tags": tags | {"failure": ""}})
            self._client.update_run(known.id, status="RUNNING")
            return known.id

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

    def _beat(self, run_id: str, now: float) -> None:
        self._client.set_tag(run_id, HEARTBEAT, str(now))

    def close_abandoned(self) -> bool:
        """Ends as KILLED the runs whose process is gone; whether there were any."""
        if self.archive is None or self.uri is None:
            return False
        with usable(self.uri):
            gone = list(self.archive.abandoned())
        for run_id in gone:
            self.close(run_id, "KILLED")
        return bool(gone)

    @property
    def page(self) -> str:
        """How a person finds the runs, empty where nothing is tracked."""
        if self.uri is None:
            return ""
        server = self.uri.rstrip("/") if self.uri.startswith("http") else LOCAL_PAGE
        # without its last part MLflow shows the view for language models
        return f"{server}/#/experiments/{self._experiment_id}?workflowType=machine_learning"


@contextmanager
def reading(uri: str) -> Iterator[dict[str, Archive]]:
    """The archives of a store by the names of their experiments, for a block that only reads. A
    database file that is not there has none, and is not made.

    Raises:
        InputError: a server that does not answer, or anything that MLflow cannot read.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if uri.startswith("http"):
        _ask(uri)
    elif uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        yield {}
        return
    try:
        client = MlflowClient(uri)
        yield {e.name: Archive(client, e.experiment_id) for e in client.search_experiments()}
    except (OSError, MlflowException, SQLAlchemyError) as e:
        raise InputError(f"MLflow at {uri} cannot be read: {_first_line(e)}") from e


@contextmanager
def usable(uri: str | None) -> Iterator[None]:
    """For what a run cannot begin without.

    Raises:
        InputError: MLflow does not do it.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OSError, MlflowException, SQLAlchemyError) as e:
        raise InputError(
            f"tracking.uri={uri} cannot be used ({_first_line(e)}): "
            "set another one, or tracking=off"
        ) from e


def deliver(project: Path) -> bool:
    """Delivers all that waits in a project's spool, and says so; whether nothing waits now."""
    from mlflow import MlflowClient

    complete = True
    for folder in sorted((project / SPOOL).glob("*/")):
        server = unquote(folder.name)
        spool = Spool(project / SPOOL, server, partial(send_to_server, MlflowClient(server)))
        complete &= spool.deliver_all()
    return complete


def _ask(uri: str) -> None:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_WITHIN):
            pass
    except (OSError, urllib.error.URLError, ValueError) as e:
        raise InputError(
            f"no MLflow server answers at tracking.uri={uri} ({_first_line(e)}): "
            "start it, or leave tracking.uri out to track in a local file"
        ) from e


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
