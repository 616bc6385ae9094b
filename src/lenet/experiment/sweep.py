"""A sweep: one parent run, a note from every job, a table at the end.

Jobs may run in other processes, so all that they share with the sweep lies in its folder,
``hydra.sweep.dir``.
"""

import atexit
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from lenet.errors import InputError
from lenet.terminal import Failure, Outcome, table

PARENT = "parent.json"


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
    """The job that this process runs, if it is one of a sweep."""
    if not HydraConfig.initialized():
        return None
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        return None
    folder = Path(hydra.sweep.dir)
    return SweepJob(folder, hydra.job.num, json.loads((folder / PARENT).read_text()))


class Sweep(Callback):
    """Opens the parent run before the first job and closes it, with a table, after the last."""

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
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
        try:
            own_keys = ("data", "force", "output", "root", "tracking")  # of the sweep itself
            schema.check(plain(config, own_keys), own_keys)
            self.folder = Path(config.hydra.sweep.dir)
            check_writable(self.folder)
            if "optuna" in config.hydra.sweeper._target_ and config.data.validation == 0:
                raise InputError(
                    "a search goes by the validation error: leave data.validation=0 out"
                )
            raw = load_raw(config.data.source, Path(config.data.folder))
            artifacts = Path(config.root) / "mlruns"
            self.tracker = Tracker(config.tracking.uri, artifacts, raw.stand_in).start()
        except InputError as e:
            print(f"The sweep cannot start: {e}", file=sys.stderr)
            sys.exit(1)
        task = list(config.hydra.overrides.task)
        own = hashlib.sha256(json.dumps(sorted(task)).encode()).hexdigest()[:16]
        self.parent = self.tracker.open(
            f"sweep {' '.join(task)}", None, own, again=not config.force
        )
        (self.folder / PARENT).write_text(json.dumps(self.parent))
        atexit.register(self._close)

    def on_multirun_end(self, config: DictConfig, **_: object) -> None:
        atexit.unregister(self._close)
        if self._close(ended=True) != "FINISHED":
            sys.exit(1)

    def _notes(self) -> list[dict]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("job-*.json"))]

    def _close(self, ended: bool = False) -> str:
        """Shows the table and closes the parent run; its status."""
        notes = self._notes()
        table(
            [Outcome(**o) for note in notes for o in note.get("outcomes", ())],
            [Failure(**note["failure"]) for note in notes if "failure" in note],
        )
        status = "FINISHED" if ended and all("outcomes" in note for note in notes) else "FAILED"
        # joblib ends its workers without a word when the sweep is interrupted
        if any("killed" in note for note in notes) or (
            not ended and self.tracker.close_abandoned()
        ):
            status = "KILLED"
        self.tracker.close(self.parent, status)
        return status
