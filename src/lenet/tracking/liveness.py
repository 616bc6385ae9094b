"""Whether the process behind a run is alive: the tags that name it, and its heartbeat.

On its own machine a process is looked up, in a cluster Slurm is asked for its job. Elsewhere only
the heartbeat tells: a run that has had none for `STALE` seconds is taken for dead. (A server that
is away receives none, but nobody can ask it, either.)
"""

import math
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread

import psutil

# Tags, which MLflow's page does not show, as it takes those of mlflow.* for its own. The runs of
# earlier versions have them without that.
OWN = "mlflow."
HOST, PROCESS, STARTED = f"{OWN}process.host", f"{OWN}process.id", f"{OWN}process.started"
SLURM_JOB = f"{OWN}process.slurm_job"  # the id of the job that a run belongs to, if any
HEARTBEAT = f"{OWN}process.heartbeat"  # of its last heartbeat, in seconds since 1970
EVERY, STALE = 60.0, 600.0  # seconds; clocks of machines may differ by minutes


def this_process() -> dict[str, str]:
    """Tags that tell this process from every other one."""
    process = psutil.Process()
    return {
        HOST: socket.gethostname(),
        PROCESS: str(process.pid),
        STARTED: str(process.create_time()),
        SLURM_JOB: os.environ.get("SLURM_JOB_ID", ""),
        HEARTBEAT: str(time.time()),
    }


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process that a run's tags name has ended; False where nothing tells.

    Raises:
        ValueError: the tags are not as `this_process` writes them.
    """
    tags = {f"{OWN}{tag}": tags[tag] for tag in tags if tag.startswith("process.")} | dict(tags)
    if tags.get(HOST) == socket.gethostname():
        process, started = int(_number(tags, PROCESS)), _number(tags, STARTED)
        try:
            return psutil.Process(process).create_time() != started
        except (psutil.NoSuchProcess, OverflowError):
            return True
    if tags.get(SLURM_JOB) and shutil.which("squeue"):
        job = str(int(_number(tags, SLURM_JOB)))
        queue = subprocess.run(["squeue", "-hj", job], capture_output=True, text=True)
        if queue.returncode == 0 or "Invalid job id" in queue.stderr:
            return not queue.stdout.strip()
    return HEARTBEAT in tags and time.time() - _number(tags, HEARTBEAT) > STALE


def _number(tags: Mapping[str, str], tag: str) -> float:
    value = tags.get(tag, "missing")
    with suppress(ValueError):
        number = float(value)
        if math.isfinite(number) and number >= 0:
            return number
    raise ValueError(f"its tag {tag} is {value[:40]!r}")


class Heartbeat:
    """A thread that renews the heartbeats of this process's open runs.

    Args:
        tell: sets the time of a run's last heartbeat, in seconds since 1970; it may fail.
    """

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        self._tell = tell
        self._runs: set[str] = set()
        self._beats = False  # the thread itself is not kept: launchers pickle what holds this

    def start(self, run: str) -> None:
        """From now on the run has a heartbeat."""
        self._runs.add(run)
        if not self._beats:
            self._beats = True
            Thread(target=self._beat, daemon=True).start()

    def stop(self, run: str) -> None:
        """From now on it has none."""
        self._runs.discard(run)

    def _beat(self) -> None:
        while True:
            time.sleep(EVERY)
            for run in self._runs.copy():
                with suppress(Exception):  # a server that is away, a database that is locked
                    self._tell(run, time.time())
