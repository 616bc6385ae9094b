"""MLflow, and the only file that knows it.

A `Tracker` opens runs; a `Run` takes parameters, metrics, tags and files, and closes with a true
status: FINISHED, FAILED with the reason, KILLED when it was interrupted. A `Store` finds runs and
their files again.
"""

import json
import os
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenet.errors import InputError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it narrates each new database
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

ANSWER_WITHIN = 5.0  # seconds; a server that takes longer at the start is not there
PARAMETERS_PER_CALL = 100  # MLflow's limit for one batch

VALIDATION_ERROR = "final/validation_error"

LOCAL_PAGE = "http://127.0.0.1:5000"  # of `make ui`

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


class Run:
    """An open run. Without a client (``tracking=off``) it takes everything and keeps nothing."""

    def __init__(self, client: Any, run_id: str | None) -> None:
        self._client = client
        self.id = run_id

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Logs values once for the run; each is written as text."""
        if not self._client:
            return
        from mlflow.entities import Param

        entities = [Param(key, str(value)) for key, value in values.items()]
        for start in range(0, len(entities), PARAMETERS_PER_CALL):
            self._client.log_batch(self.id, params=entities[start : start + PARAMETERS_PER_CALL])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Logs figures of one step; steps are epochs, from 1."""
        if not self._client:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(
            self.id, metrics=[Metric(key, value, now, step) for key, value in values.items()]
        )

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        if self._client:
            from mlflow.entities import RunTag

            self._client.log_batch(self.id, tags=[RunTag(k, v) for k, v in values.items()])

    def dataset(self, name: str, digest: str, where: str) -> None:
        """Names the data of the run, for MLflow's own column."""
        if not self._client:
            return
        from mlflow.entities import Dataset, DatasetInput

        data = Dataset(name, digest[:8], "local", json.dumps({"path": where}))
        self._client.log_inputs(self.id, [DatasetInput(data)])

    def text(self, text: str, name: str) -> None:
        """Keeps a text as an artifact."""
        if self._client:
            self._client.log_text(self.id, text, name)

    def file(self, path: Path) -> None:
        """Keeps a file as an artifact."""
        if self._client:
            self._client.log_artifact(self.id, str(path))

    @contextmanager
    def artifact(self, name: str) -> Iterator[Path]:
        """A path to write one artifact to; it is kept when the block ends well."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            yield path
            self.file(path)


class Tracker:
    """Opens runs in one MLflow experiment.

    Args:
        uri: of the store, ``sqlite:///...`` or ``http...``; None tracks nothing.
        artifacts: the folder for files, where the store is a database file.
        stand_in: whether the digits only stand in for MNIST; they have an experiment of their own.

    Raises:
        InputError: a server that does not answer, a database that cannot be written.
    """

    def __init__(self, uri: str | None, artifacts: Path, stand_in: bool) -> None:
        self.uri = uri
        self.experiment = STAND_IN_EXPERIMENT if stand_in else EXPERIMENT
        self._client: Any = None
        if uri is None:
            return
        if uri.startswith("http"):
            _ask(uri)
        digits = "a stand-in, **not MNIST**" if stand_in else "MNIST"
        self._experiment_id = self._experiment(uri, artifacts, DESCRIPTION.format(digits=digits))

    def _experiment(self, uri: str, artifacts: Path, description: str) -> str:
        """The id of the experiment, which is made if it is new. Under a lock: a fresh database
        that two processes create at once is broken for good."""
        from filelock import FileLock
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        tags = {
            "mlflow.note.content": description,
            "mlflow.experimentKind": "custom_model_development",
        }
        try:
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
        except (OSError, MlflowException) as e:
            raise InputError(
                f"tracking.uri={uri} cannot be used ({_first_line(e)}): "
                "set another one, or tracking=off"
            ) from e

    @contextmanager
    def run(
        self, name: str, parent: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Iterator[Run]:
        """Opens a run, and closes it with the status that its block earned."""
        run = Run(self._client, self.open(name, parent, tags))
        try:
            yield run
        except Exception as e:
            run.tags({"failure": f"{type(e).__name__}: {e}"})
            self.close(run.id, "FAILED")
            raise
        except BaseException:  # Ctrl-C, SIGTERM
            self.close(run.id, "KILLED")
            raise
        self.close(run.id, "FINISHED")

    def open(
        self, name: str, parent: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str | None:
        """Opens a run that stays open until `close`; its id, or None where nothing is tracked."""
        if not self._client:
            return None
        tags = dict(tags or {}) | ({"mlflow.parentRunId": parent} if parent else {})
        return self._client.create_run(self._experiment_id, tags=tags, run_name=name).info.run_id

    def close(self, run_id: str | None, status: str) -> None:
        """Ends a run with FINISHED, FAILED or KILLED."""
        if self._client:
            self._client.set_terminated(run_id, status)

    @property
    def page(self) -> str:
        """Where a person finds the runs, empty where nothing is tracked."""
        if self.uri is None:
            return ""
        server = self.uri.rstrip("/") if self.uri.startswith("http") else LOCAL_PAGE
        # without its last part MLflow shows the view for language models
        return f"{server}/#/experiments/{self._experiment_id}?workflowType=machine_learning"


@dataclass(frozen=True)
class Tracked:
    """A run that is tracked.

    Attributes:
        data: that it was trained on, "mnist" or the stand-in's name.
    """

    id: str
    name: str
    data: str


class Store:
    """Finds runs and their files; makes and changes nothing.

    Args:
        uri: as a `Tracker` has it.

    Raises:
        InputError: a store that is not there or cannot be read; so do the methods.
    """

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient

        self.uri = uri
        if uri.startswith("http"):
            _ask(uri)
        elif not is_there(uri):  # a client would make it
            raise InputError(f"there is no MLflow database at {uri}")
        with self._told("it cannot be read"):
            self._client: Any = MlflowClient(uri)
            self._experiments = self._client.search_experiments()

    def best(self) -> Tracked | None:
        """The finished run on MNIST with the least validation error, if any has one."""
        measured = f"attributes.status = 'FINISHED' and metrics.`{VALIDATION_ERROR}` >= 0"
        found = self._search(measured, [f"metrics.`{VALIDATION_ERROR}` ASC"], [EXPERIMENT])
        return found[0] if found else None

    def find(self, start: str) -> Tracked:
        """The one run whose id starts so."""
        is_id = re.fullmatch("[0-9a-f]{1,32}", start)
        found = self._search(f"attributes.run_id LIKE '{start}%'") if is_id else []
        if len(found) != 1:
            what = "several runs start" if found else "no run starts"
            raise InputError(f"{what} with {start} in {self.uri}: the MLflow UI shows all ids")
        return found[0]

    def files(self, run: Tracked, names: Sequence[str], folder: Path) -> list[Path]:
        """Brings artifacts of a run to a folder."""
        with self._told(f"run {run.id} ({run.name}) does not hold {', '.join(names)}"):
            found = [self._client.download_artifacts(run.id, name, str(folder)) for name in names]
        return [Path(path) for path in found]

    def _search(
        self, condition: str, order: Sequence[str] = (), names: Sequence[str] = ()
    ) -> list[Tracked]:
        """At most two runs of the experiments of these names, or of all."""
        ids = [e.experiment_id for e in self._experiments if not names or e.name in names]
        with self._told("it cannot be searched"):
            runs = self._client.search_runs(ids, condition, max_results=2, order_by=list(order))
        return [Tracked(r.info.run_id, r.info.run_name, r.data.tags.get("data", "")) for r in runs]

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (OSError, MlflowException) as e:
            raise InputError(f"MLflow at {self.uri}: {what} ({_first_line(e)})") from e


def is_there(uri: str) -> bool:
    """Whether the file of a database is there, or a server is named."""
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists()


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
