"""What a run writes, as plain records, and how MLflow is told a record."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lenet.errors import InputError, writing
from lenet.tracking.per_cent import as_shown
from lenet.tracking.queue import Record, Unusable
from lenet.tracking.spool import Away, Refused
from lenet.tracking.store import first_line, say

PARAMETERS_PER_CALL = 100  # MLflow's limit for one batch
FAILURE = "failure"  # tag: why a run failed
BAD_REQUEST, TOO_MANY_REQUESTS = 400, 429


def now() -> int:
    """Milliseconds, as MLflow counts them."""
    return int(time.time() * 1000)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values under dotted keys, as they are written on the command line; each as text."""
    result: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = str(value)
    return result


class Run:
    """An open run.

    Args:
        write: takes the id of a run and a record of it, of which `send` knows the kinds.
        run_id: of the run in MLflow, or None where nothing is tracked.
        logged: the metrics, each with its step, that a run that continues has already.
    """

    def __init__(
        self,
        write: Callable[[str | None, Record], None],
        run_id: str | None,
        logged: Set[tuple[str, int]] = frozenset(),
    ) -> None:
        self._write = write
        self.id = run_id
        self._logged = logged

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Logs values once for the run; each is written as text, nested ones under dotted keys."""
        self._write(self.id, {"parameters": flat(values)})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Logs figures of one step; steps are epochs, from 1. Errors are fractions here, and per
        cent in MLflow."""
        new = {k: float(v) for k, v in values.items() if (k, step) not in self._logged}
        self._write(self.id, {"metrics": as_shown(new), "step": step, "time": now()})

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        self._write(self.id, {"tags": dict(values)})

    def dataset(self, name: str, digest: str, where: str) -> None:
        """Names the data of the run, for MLflow's own column."""
        self._write(self.id, {"dataset": name, "digest": digest[:8], "where": where})

    def text(self, text: str, name: str) -> None:
        """Keeps a text as an artifact."""
        self._write(self.id, {"text": text, "name": name})

    def file(self, path: Path) -> None:
        """Keeps a file as an artifact."""
        self._write(self.id, {"path": str(path)})

    @contextmanager
    def optional(self, what: str) -> Iterator[None]:
        """For a block that comes after a training: its failure is a warning in the run, and a line
        on standard error, but costs no result. That there is no room is no such failure."""
        try:
            yield
        except InputError:
            raise
        except Exception as e:  # of any kind, as it may come from a class of the user's own
            reason = f"{type(e).__name__}: {first_line(e)}"
            self.tags({f"warning.{what}": reason})
            say(f"warning: {what} is left out ({reason})")

    @contextmanager
    def artifact(self, name: str) -> Iterator[Path]:
        """A path to write one artifact to; it is kept when the block ends well."""
        temporary = tempfile.gettempdir()
        with writing(temporary), tempfile.TemporaryDirectory(dir=temporary) as folder:
            path = Path(folder) / name
            yield path
            self.file(path)


def send(client: Any, run: str, record: Record) -> None:
    """Tells MLflow a record of a run. Told again, it changes nothing: a metric that has the same
    time, step and value is one row of MLflow's table, everything else replaces itself.

    Raises:
        Unusable: it is no record of a run.
    """
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    match record:
        case {"parameters": dict(values)}:
            present = client.get_run(run).data.params  # of a run that continues; they stay
            entities = [Param(key, value) for key, value in values.items() if key not in present]
            for start in range(0, len(entities), PARAMETERS_PER_CALL):
                client.log_batch(run, params=entities[start : start + PARAMETERS_PER_CALL])
        case {"metrics": dict(values), "step": int(step), "time": int(then)}:
            client.log_batch(run, metrics=[Metric(k, v, then, step) for k, v in values.items()])
        case {"tags": dict(values)}:
            client.log_batch(run, tags=[RunTag(key, value) for key, value in values.items()])
        case {"dataset": str(name), "digest": str(digest), "where": str(where)}:
            data = Dataset(name, digest, "local", json.dumps({"path": where}))
            client.log_inputs(run, [DatasetInput(data)])
        case {"text": str(text), "name": str(name)}:
            client.log_text(run, text, name)
        case {"path": str(path)}:
            client.log_artifact(run, path)
        case {"status": "FINISHED" | "FAILED" | "KILLED" as status, "time": int(then)}:
            client.set_terminated(run, status, then)
        case {"damaged": str(what)}:
            client.set_tag(run, FAILURE, what)
            if client.get_run(run).info.status == "RUNNING":
                client.set_terminated(run, "FAILED")
        case _:
            raise Unusable("is no record of a run")


def send_to_server(client: Any, run: str, record: Record) -> None:
    """As `send`, for a server.

    Raises:
        Away: it does not answer, or not now (HTTP 5xx, 429).
        Unusable: it refuses the record (400), or that is none of a run.
        Refused: it knows no such run, or may not say (404 and others).
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        send(client, run, record)
    except MlflowException as e:
        # without an answer it is 500
        raise _meaning(e.get_http_status_code(), first_line(e)) from e
    except RequestException as e:  # of the files, which MLflow asks for in another way
        status = 500 if e.response is None else e.response.status_code
        raise _meaning(status, first_line(e)) from e
    except (TypeError, ValueError) as e:  # a metric that is a text, a time of too many digits
        raise Unusable(f"is no record of a run ({first_line(e)})") from e


def _meaning(status: int, what: str) -> Exception:
    if status >= 500 or status == TOO_MANY_REQUESTS:
        return Away(what)
    return Unusable(f"is refused ({what})") if status == BAD_REQUEST else Refused(what)
