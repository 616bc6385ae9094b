"""A sweep: one parent run, a note from every job, a table at the end.

Jobs may run in other processes, so all that they share with the sweep lies in its folder,
``hydra.sweep.dir``.
"""

import atexit
import hashlib
import json
import math
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from lenet import paper
from lenet.errors import InputError, writing
from lenet.files import Count, read_text, reason, shown
from lenet.terminal import Failure, Outcome, progress, summary, table, trials

PARENT, NOTES = "parent.json", "job-[0-9]*.json"
MOST_JOBS = 100_000
MANY_JOBS = 1_000  # so many take 10 s until the first begins
T = TypeVar("T", Outcome, Failure)


def _showable(of: T) -> T:
    """With the texts of an outcome or a failure such that a terminal can show them."""
    texts = {key: value for key, value in vars(of).items() if isinstance(value, str)}
    if isinstance(of, Outcome) and not (
        (of.row is None or of.row in paper.ROWS)
        and all(map(math.isfinite, (of.error, of.low, of.high, of.seconds)))
        and re.fullmatch("([0-9a-f]{2})*", of.wrong)
        and 0 <= of.digits <= 4 * len(of.wrong)
    ):
        raise ValueError("it is no outcome of a run")
    harmless: dict[str, Any] = {k: _harmless(v) for k, v in texts.items()}
    if isinstance(of, Outcome):
        harmless["values"] = {_harmless(k): _harmless(v) for k, v in of.values.items()}
    return replace(of, **harmless)


def _harmless(text: str) -> str:
    return text if text.isprintable() else shown(text)


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Note(TypedDict):
    """What came of a job."""

    outcomes: NotRequired[list[Annotated[Outcome, AfterValidator(_showable)]]]
    failure: NotRequired[Annotated[Failure, AfterValidator(_showable)]]
    killed: NotRequired[Literal[True]]


NOTE = TypeAdapter(_Note)


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Shared(TypedDict):
    """What a sweep tells its jobs, as `SweepJob` has it."""

    parent: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None
    jobs: Count
    started: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    given: list[str]


SHARED = TypeAdapter(_Shared)


@dataclass(frozen=True)
class SweepJob:
    """The place of the running job in its sweep."""

    folder: Path
    number: int
    parent: str | None  # the sweep's MLflow run
    jobs: int = 1  # in the sweep
    started: float = 0.0  # the sweep, in seconds since 1970
    given: Sequence[str] = ()  # the overrides of the sweep itself

    def begin(self, name: str) -> None:
        """Says which job begins, and about how long the sweep takes yet, by those that are done."""
        done = [read_note(path) for path in self.folder.glob(NOTES)]
        trained = [note for note in done if not all(o.skipped for o in note.get("outcomes", []))]
        each = (time.time() - self.started) / len(trained) if trained else None
        left = None if each is None else each * (self.jobs - len(done))
        progress(self.number + 1, self.jobs, name, left)

    def done(self, outcomes: Sequence[Outcome], overrides: Sequence[str] = ()) -> None:
        """Notes what came of the job, and what the sweep gave to it alone."""
        own = [override for override in overrides if override not in self.given]
        values = {key.lstrip("+~"): value for key, _, value in (o.partition("=") for o in own)}
        told = [replace(outcome, values=values) for outcome in outcomes]
        self._note({"outcomes": [asdict(outcome) for outcome in told]})

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
    return SweepJob(folder, hydra.job.num, **read_shared(folder))


def read_shared(folder: Path) -> "_Shared":
    """What the sweep that a folder belongs to told its jobs.

    Raises:
        InputError: the file that says so is damaged.
    """
    try:
        return SHARED.validate_json(read_text(folder / PARENT))
    except (OSError, ValueError) as e:
        raise InputError(f"{folder / PARENT} is damaged: start the sweep again") from e


class Sweep(Callback):
    """Opens the parent run before the first job and closes it, with a table, after the last.

    Hydra would go on after an exception in a callback, and exit with 0: here it ends the sweep.
    """

    search = False  # for the least validation error
    jobs = 0

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        with _exit_on_failure("The sweep cannot start"), writing(config.hydra.sweep.dir):
            self._open(config)

    def on_multirun_end(self, config: DictConfig, **_: object) -> None:
        atexit.unregister(self._close)
        with _exit_on_failure("The sweep cannot end"), writing(self.folder):
            if self._close(ended=True) != "FINISHED":
                sys.exit(1)

    def _open(self, config: DictConfig) -> None:
        from lenet.experiment import schema
        from lenet.experiment.config import check_writable, plain
        from lenet.experiment.provenance import cores
        from lenet.experiment.training import raw_of
        from lenet.tracking import Run, Tracker

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        # joblib would give each worker a share of the cores, and figures would differ by a bit
        threads = os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
        for library in ("OPENBLAS", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", threads)
        own_keys = ("data", "force", "output", "root", "tracking")  # of the sweep itself
        schema.check(plain(config, own_keys), own_keys)
        self.folder = Path(config.hydra.sweep.dir)
        check_writable(self.folder)
        _clear(self.folder)
        self.search = "optuna" in config.hydra.sweeper._target_
        if self.search:
            _quieten_optuna()
            if config.data.validation == 0:
                raise InputError(
                    "a search goes by the validation error: leave data.validation=0 out"
                )
        self.jobs = _count(config)
        if not self.jobs:
            raise InputError("it has no jobs: give a key one value or more")
        if self.jobs > MANY_JOBS:
            print(f"Hydra composes all of {self.jobs:,} jobs before the first begins.", flush=True)
        raw = raw_of(config.data)
        artifacts = Path(config.root) / "mlruns"
        own_digits = raw.name if raw.own else ""
        tracker = Tracker(config.tracking.uri, artifacts, raw.stand_in, own_digits)
        self.tracker = tracker.start()
        task = _typed(config)
        own = hashlib.sha256(json.dumps(sorted(task)).encode()).hexdigest()[:16]
        self.parent = self.tracker.open(
            f"sweep {' '.join(task)}", None, own, again=not config.force
        )
        run = Run(self.tracker.write, self.parent)
        run.dataset(raw.name, raw.digest, raw.origin)
        of_data = {"data": raw.name, "data.digest": raw.digest}
        run.tags({"mlflow.source.name": "train.py"} | of_data)
        atexit.register(self._close)
        shared = {"parent": self.parent, "jobs": self.jobs, "started": time.time(), "given": task}
        (self.folder / PARENT).write_text(json.dumps(shared))

    def _close(self, ended: bool = False) -> str:
        """Closes the parent run, whatever fails, and shows the table; the run's status."""
        from lenet.tracking import Run

        status = "FAILED"
        try:
            notes = [read_note(path) for path in sorted(self.folder.glob(NOTES))]
            jobs = [note["outcomes"] for note in notes if "outcomes" in note]
            failures = [note["failure"] for note in notes if "failure" in note]
            lost = self.jobs - len(notes)
            if ended and lost > 0 and not self.search:  # a search may need fewer trials than it has
                reason = f"{self.folder} has no notes of them"
                failures.append(Failure(f"{lost} of {self.jobs} jobs", reason))
            if ended and not failures and all("outcomes" in note for note in notes):
                status = "FINISHED"
            # joblib ends its workers without a word when the sweep is interrupted
            if any("killed" in note for note in notes) or (
                not ended and self.tracker.close_abandoned()
            ):
                status = "KILLED"
            if self.search:
                trials(jobs, failures)
            else:
                table(jobs, failures)
            told = summary(jobs, failures, self.search)
            Run(self.tracker.write, self.parent).tags({"mlflow.note.content": told})
            if status == "KILLED":
                print(
                    f"Interrupted: {len(jobs)} of {self.jobs} jobs are finished and kept, and the "
                    "whole epochs of the others; the same command goes on.",
                    file=sys.stderr,
                )
        finally:
            self.tracker.close(self.parent, status)
        return status


def _clear(folder: Path) -> None:
    """Removes what an earlier sweep left in a folder, as its notes would be taken for this one's.

    Raises:
        InputError: something else has such a name.
    """
    for path in (folder / PARENT, *folder.glob(NOTES)):
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise InputError(
                f"{path} cannot be removed ({e.strerror}): set hydra.sweep.dir to another folder"
            ) from e


def _count(config: DictConfig) -> int:
    """How many jobs a sweep has.

    Raises:
        InputError: there are too many.
    """
    sweeper = config.hydra.sweeper
    if "n_trials" in sweeper:
        return int(sweeper.n_trials)
    given = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*given, *_typed(config)])
    sweeps = [override for override in overrides if override.is_discrete_sweep()]
    counts = (islice(override.sweep_string_iterator(), MOST_JOBS + 1) for override in sweeps)
    if math.prod(sum(1 for _ in values) for values in counts) > MOST_JOBS:
        raise InputError(f"it has more than {MOST_JOBS:,} jobs: give it fewer at a time")
    [jobs] = BasicSweeper.split_arguments(overrides, None)
    return len(jobs)


def _typed(config: DictConfig) -> list[str]:
    """The overrides of the command line."""
    typed = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return [str(override) for override in typed or []]


def _quieten_optuna() -> None:
    """What it says of its trials, the table says."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


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
        if isinstance(e, OmegaConfBaseException):
            reason = f"{e.full_key}: {reason.splitlines()[0]}"
        elif not isinstance(e, InputError):
            traceback.print_exc()
            reason = f"{type(e).__name__}: {e}"
        print(f"{what}: {reason}", file=sys.stderr)
        sys.exit(1)
