"""Reading from MLflow what `lenet.tracking` wrote there."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lenet.classifier import MODEL_FILES
from lenet.errors import InputError
from lenet.tracking.heartbeat import STALE

EVALUATION = "identity.evaluation"  # tag: by what code the figures of a run were made
IDENTITY = "identity.training"  # tag: what makes two runs the same run
HOST, PROCESS, STARTED = "process.host", "process.id", "process.started"  # tags: whose a run is
SLURM_JOB = "process.slurm_job"  # tag: the id of the job that it belongs to, if any
HEARTBEAT = "process.heartbeat"  # tag: when it last said that it lives, in seconds since 1970
PER_PAGE = 1_000


@dataclass(frozen=True)
class Kept:
    """A run as it is kept."""

    id: str
    name: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]  # the last value of each


class Archive:
    """The runs of one MLflow experiment.

    Args:
        client: an MlflowClient.
        experiment: its id.
    """

    def __init__(self, client: Any, experiment: str) -> None:
        self._client = client
        self._experiment = experiment

    def run(self, run_id: str) -> Kept:
        """One run by its id."""
        return _kept(self._client.get_run(run_id))

    def find(self, identity: str, finished: bool = False) -> Kept | None:
        """The newest run of that identity, or the newest that is finished."""
        status = " and attributes.status = 'FINISHED'" if finished else ""
        found = self._client.search_runs(
            [self._experiment],
            f"tags.`{IDENTITY}` = '{identity}'{status}",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        return _kept(found[0]) if found else None

    def all(self) -> list[Kept]:
        """Every run of the experiment."""
        found, token = [], None
        while True:
            page = self._client.search_runs(
                [self._experiment], max_results=PER_PAGE, page_token=token
            )
            found += [_kept(run) for run in page]
            token = page.token
            if not token:
                return found

    def curves(self, run_id: str) -> dict[str, list[float]]:
        """Of each metric that was logged by epochs, its values in their order."""
        curves = {}
        for name in self.run(run_id).metrics:
            points = sorted(
                (m.step, m.value) for m in self._client.get_metric_history(run_id, name)
            )
            if points[0][0] > 0:  # what is logged once is logged at step 0
                curves[name] = [value for _, value in points]
        return curves

    def steps(self, run_id: str) -> set[tuple[str, int]]:
        """The metrics of a run, each with the steps at which it has been logged."""
        return {
            (name, m.step)
            for name in self.run(run_id).metrics
            for m in self._client.get_metric_history(run_id, name)
        }

    def artifact(self, run_id: str, name: str, folder: Path) -> Path:
        """Fetches one file of a run into a folder; where it lies there."""
        return Path(self._client.download_artifacts(run_id, name, str(folder)))

    def model(self, run_id: str, folder: Path) -> Path:
        """Fetches the file of a run's classifier into a folder; where it lies there.

        Raises:
            InputError: the run has none.
        """
        names = {file.path for file in self._client.list_artifacts(run_id)}
        for name in MODEL_FILES:
            if name in names:
                return self.artifact(run_id, name, folder)
        raise InputError(f"run {run_id} has no file of a classifier")

    def abandoned(self) -> Iterator[str]:
        """The runs that are still open though their process is known to be gone."""
        open_ones = self._client.search_runs(
            [self._experiment], "attributes.status = 'RUNNING'", max_results=PER_PAGE
        )
        for run in map(_kept, open_ones):
            if _gone(run.tags):
                yield run.id


def named(archives: Mapping[str, Archive], start: str, uri: str) -> tuple[Kept, Archive]:
    """The one run whose id starts so, and the archive that has it, of those of a store.

    Raises:
        InputError: there is none, or there are several.
    """
    found = [(k, a) for a in archives.values() for k in a.all() if k.id.startswith(start)]
    if len(found) != 1:
        what = "several runs start" if found else "no run starts"
        raise InputError(f"{what} with {start} in {uri}: the MLflow UI shows whole ids")
    return found[0]


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


def _gone(tags: dict[str, str]) -> bool:
    """Whether a run's process has ended, by what this machine can see of it, or Slurm, or else by
    its silence."""
    if tags.get(HOST) == socket.gethostname():
        return not _lives(tags)
    job = tags.get(SLURM_JOB)
    if job and shutil.which("squeue"):
        queue = subprocess.run(["squeue", "-hj", job], capture_output=True, text=True)
        if queue.returncode == 0 or "Invalid job id" in queue.stderr:
            return not queue.stdout.strip()
    return HEARTBEAT in tags and time.time() - float(tags[HEARTBEAT]) > STALE


def _lives(tags: dict[str, str]) -> bool:
    try:
        return str(psutil.Process(int(tags[PROCESS])).create_time()) == tags[STARTED]
    except psutil.NoSuchProcess:
        return False


def _kept(run: Any) -> Kept:
    info = run.info
    return Kept(info.run_id, info.run_name, info.status, run.data.tags, run.data.metrics)
