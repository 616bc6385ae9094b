"""A sweep: one parent run, a note from every job, a table at the end.

Jobs may run in other processes, so all that they share with the sweep lies in its folder,
``hydra.sweep.dir``.
"""

import atexit
import hashlib
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, NotRequired, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from lenet import paper
from lenet.errors import InputError, writing
from lenet.files import read_text, reason, shown
from lenet.terminal import Failure, Outcome, table

PARENT = "parent.json"
T = TypeVar("T", Outcome, Failure)


def _showable(of: T) -> T:
    """With the texts of an outcome or a failure such that a terminal can show them."""
    texts = {key: value for key, value in vars(of).items() if isinstance(value, str)}
    if isinstance(of, Outcome) and not (
        of.row in paper.ROWS and all(map(math.isfinite, (of.error, of.low, of.high, of.seconds)))
    ):
        raise ValueError("it is no outcome of a run")
    return replace(of, **{k: v if v.isprintable() else shown(v) for k, v in texts.items()})


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Note(TypedDict):
    """What came of a job."""

    outcomes: NotRequired[list[Annotated[Outcome, AfterValidator(_showable)]]]
    failure: NotRequired[Annotated[Failure, AfterValidator(_showable)]]
    killed: NotRequired[Literal[True]]


NOTE = TypeAdapter(_Note)
PARENT_RUN: TypeAdapter[str | None] = TypeAdapter(
    Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None
)


@dataclass(frozen=True)
class SweepJob:
    """The place of the running job in its sweep."""

    folder: Path
    number: int
    parent: str | None  # the sweep's MLflow run

    def done(self, outcomes: Sequence[Outcome]) -> None:
        """Notes what came of the job."""
        self._note({"outcomes": [asdict(outcome) for outcome in outcomes]})

    def failed(self, failure: Failure) -> None:
        """Notes why nothing came of it."""
        self._note({"failure": asdict(failure)})

    def killed(self) -> None:
        """Notes that it was interrupted."""
        self._note({"killed": True})

    def _note(self, content: dict) -> None:
        (self.folder / f"job-{self.number:04d}.json").write_text(json.dumps(content))


def current_job() -> SweepJob | None:
    """The job that this process runs, if it is one of a sweep.

    Raises:
        InputError: the sweep's own file is damaged.
    """
    if not HydraConfig.initialized():
        return None
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        return None
    folder = Path(hydra.sweep.dir)
    return SweepJob(folder, hydra.job.num, read_parent(folder))


def read_parent(folder: Path) -> str | None:
    """The MLflow run of the sweep that a folder belongs to.

    Raises:
        InputError: the file that says so is damaged.
    """
    try:
        return PARENT_RUN.validate_json(read_text(folder / PARENT))
    except (OSError, ValueError) as e:
        raise InputError(f"{folder / PARENT} is damaged: start the sweep again") from e


class Sweep(Callback):
    """Opens the parent run before the first job and closes it, with a table, after the last.

    Hydra would go on after an exception in a callback, and exit with 0: here it ends the sweep.
    """

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        with _exit_on_failure("The sweep cannot start"), writing(config.hydra.sweep.dir):
            self._open(config)

    def on_multirun_end(self, config: DictConfig, **_: object) -> None:
        atexit.unregister(self._close)
        with _exit_on_failure("The sweep cannot end"), writing(self.folder):
            if self._close(ended=True) != "FINISHED":
                sys.exit(1)

    def _open(self, config: DictConfig) -> None:
        from lenet.data import load_raw
        from lenet.experiment import schema
        from lenet.experiment.config import check_writable, plain
        from lenet.experiment.provenance import cores
        from lenet.tracking import Tracker

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        # joblib would give each worker a share of the cores, and figures would differ by a bit
        threads = os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
        for library in ("OPENBLAS", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", threads)
        own_keys = ("data", "force", "output", "root", "tracking")  # of the sweep itself
        schema.check(plain(config, own_keys), own_keys)
        self.folder = Path(config.hydra.sweep.dir)
        check_writable(self.folder)
        if "optuna" in config.hydra.sweeper._target_ and config.data.validation == 0:
            raise InputError("a search goes by the validation error: leave data.validation=0 out")
        raw = load_raw(config.data.source, Path(config.data.folder))
        artifacts = Path(config.root) / "mlruns"
        self.tracker = Tracker(config.tracking.uri, artifacts, raw.stand_in).start()
        task = list(config.hydra.overrides.task)
        own = hashlib.sha256(json.dumps(sorted(task)).encode()).hexdigest()[:16]
        self.parent = self.tracker.open(
            f"sweep {' '.join(task)}", None, own, again=not config.force
        )
        atexit.register(self._close)
        (self.folder / PARENT).write_text(json.dumps(self.parent))

    def _close(self, ended: bool = False) -> str:
        """Closes the parent run, whatever fails, and shows the table; the run's status."""
        status = "FAILED"
        try:
            notes = [read_note(path) for path in sorted(self.folder.glob("job-*.json"))]
            if ended and all("outcomes" in note for note in notes):
                status = "FINISHED"
            # joblib ends its workers without a word when the sweep is interrupted
            if any("killed" in note for note in notes) or (
                not ended and self.tracker.close_abandoned()
            ):
                status = "KILLED"
            table(
                [note["outcomes"] for note in notes if "outcomes" in note],
                [note["failure"] for note in notes if "failure" in note],
            )
        finally:
            self.tracker.close(self.parent, status)
        return status


def read_note(path: Path) -> _Note:
    """A job's note; one that is damaged is a failure."""
    try:
        return NOTE.validate_json(read_text(path))
    except (OSError, ValueError) as e:
        why = reason(e) if isinstance(e, ValidationError) else str(e)
        return {"failure": Failure(path.stem, f"its note cannot be read: {why}")}


@contextmanager
def _exit_on_failure(what: str) -> Iterator[None]:
    """For a callback: any exception is told and ends the process with 1."""
    try:
        yield
    except Exception as e:
        reason = str(e)
        if not isinstance(e, InputError):
            traceback.print_exc()
            reason = f"{type(e).__name__}: {e}"
        print(f"{what}: {reason}", file=sys.stderr)
        sys.exit(1)
