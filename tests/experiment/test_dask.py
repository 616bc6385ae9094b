"""Sweeps on a Dask cluster: what the serial sweep gives, each run once, whatever dies."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from tests.conftest import PROJECT
from tests.tracking.test_server import Server

from lenet.tracking import local_store

pytest.importorskip("distributed", reason="no Dask here")

SWEEP = ("-m", "model=lenet5_relu", "seed=0,1,2", "data=digits", "trainer.threads=1")
JOBS = WORKERS = 3
EPOCHS = 60  # in the lanes a job of fewer is over before a kill can hit it
SEEDED = 1998


def kept(store: str, folder: Path) -> dict[str, tuple[str, str, str]]:
    """Status, digest of the scores and of the weights of each run of a sweep, by its name; what a
    server has is fetched to a folder, and deleted there, for the next sweep."""
    client, found = MlflowClient(store), {}
    for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):
        if not store.startswith("sqlite"):
            client.delete_run(run.info.run_id)
        if "mlflow.parentRunId" not in run.data.tags:
            assert run.info.status == "FINISHED"
            continue
        assert run.info.run_name not in found, "a run is there twice"
        fetched = folder / run.info.run_id
        fetched.mkdir()
        artifacts = Path(client.download_artifacts(run.info.run_id, "", str(fetched)))
        scores = pd.read_parquet(artifacts / "predictions.parquet")
        found[run.info.run_name] = (
            run.info.status,
            hashlib.sha256(scores.to_numpy().tobytes()).hexdigest(),
            hashlib.sha256((artifacts / "model.safetensors").read_bytes()).hexdigest(),
        )
    assert len(found) == JOBS
    return found


class Cluster:
    """A scheduler and workers, each a process of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = [self._start("scheduler", "--host", "127.0.0.1", "--port", "0")]
        self.workers = [self._worker() for _ in range(WORKERS)]

    @property
    def address(self) -> str:
        while not self.file.exists():
            time.sleep(0.1)
        return json.loads(self.file.read_text())["address"]

    def kill_one(self, which: int) -> None:
        """Kills a worker and starts another one for it."""
        assert self.workers[which].poll() is None, "nobody else ends a worker"
        self.workers[which].kill()
        self.workers[which].wait()
        self.workers[which] = self._worker()

    def stop(self) -> None:
        for process in (*self.workers, *self.processes):
            process.kill()
            process.wait()

    def _worker(self) -> subprocess.Popen:
        return self._start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")

    def _start(self, what: str, *arguments: str) -> subprocess.Popen:
        files = ("--scheduler-file", str(self.file), "--dashboard-address", "127.0.0.1:0")
        with open(self.folder / "log", "a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *files, *arguments],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()


@pytest.fixture
def server(on_server: bool, empty_database: Path, tmp_path: Path) -> Iterator[Server | None]:
    """An MLflow server, if the sweep's runs are to be on one."""
    if not on_server:
        yield None
        return
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(empty_database, folder)
    server = Server(folder, local_store(folder))
    server.start()
    yield server
    server.stop()


def sweep_with_a_kill(
    cluster: Cluster, arguments: tuple[str, ...], folder: Path, moments: random.Random
) -> tuple[str, bool]:
    """Runs a sweep, in which a worker is killed after some epochs of all jobs together; what it
    printed, and whether the worker had a job then."""
    log = cluster.folder / "log"
    told = log.stat().st_size
    address = f"hydra.launcher.address={cluster.address}"
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "train.py"), *arguments, "hydra/launcher=dask", address],
        env=os.environ | {"LENET_ROOT": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wanted, delay = moments.randint(1, JOBS * EPOCHS * 2 // 3), moments.uniform(0, 0.5)
    while process.poll() is None and log.read_text()[told:].count(" epoch ") < wanted:
        time.sleep(0.05)
    time.sleep(delay)
    which = moments.randrange(WORKERS)
    busy = any(
        "hydra_plugins.dask_launcher" in (child / "cmdline").read_text()
        for child in children(cluster.workers[which].pid)
    )
    cluster.kill_one(which)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out + log.read_text()[told:]
    return out, busy


def children(parent: int) -> list[Path]:
    """The processes that a process started, in /proc."""
    pids = Path(f"/proc/{parent}/task").glob("*/children")
    return [Path("/proc", pid) for path in pids for pid in path.read_text().split()]


@pytest.mark.long
def test_workers_of_this_machine_give_what_the_serial_sweep_gives(train, tmp_path: Path) -> None:
    # folders of their own: MLflow would not see a new database of the same name
    found = []
    for name, launcher in (("serial", ()), ("dask", ("hydra/launcher=dask",))):
        folder = tmp_path / name
        done = train(*SWEEP, f"recipe.epochs={EPOCHS}", *launcher, LENET_ROOT=str(folder))
        assert done.returncode == 0, done.stderr
        found.append(kept(local_store(folder), folder))
    assert "dashboard http://127.0.0.1:" in done.stdout
    assert found[0] == found[1]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("sweeps", "on_server"), [(20, False), (5, True)])
def test_a_worker_killed_at_any_moment_changes_nothing(
    train: Callable,
    cluster: Cluster,
    server: Server | None,
    empty_database: Path,
    tmp_path: Path,
    sweeps: int,
) -> None:
    sweep = (*SWEEP, f"recipe.epochs={EPOCHS}")
    assert train(*sweep).returncode == 0
    serial, moments, hits = kept(local_store(tmp_path), tmp_path), random.Random(SEEDED), 0
    for number in range(sweeps):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(empty_database, folder)
        store = server.uri if server else local_store(folder)
        more = (*sweep, f"tracking.uri={store}")
        out, busy = sweep_with_a_kill(cluster, more, folder, moments)
        hits += busy
        assert "dashboard http://127.0.0.1:" in out
        assert kept(store, folder) == serial, f"sweep {number}"
        assert not list(folder.glob("outputs/spool/*/*")), "all is delivered"
        print(f"sweep {number} is as the serial one; the worker was busy: {busy}", flush=True)
    assert hits >= sweeps / 2, "most kills hit a worker at work"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["workers=0"], "hydra.launcher.workers=0 has to be a whole number from 1"),
        (["workers=two"], "hydra.launcher.workers=two has to be a whole number from 1"),
        (["workers=2", "address=tcp://x"], "the cluster at hydra.launcher.address has workers"),
        (["address=nowhere"], "no Dask scheduler answers at hydra.launcher.address=nowhere"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_in_one_line(values: list[str], reason: str) -> None:
    from hydra_plugins.dask_launcher import DaskLauncher

    given = {key: yaml.safe_load(value) for key, _, value in (v.partition("=") for v in values)}
    launcher = DaskLauncher(given.get("address"), given.get("workers"))
    with pytest.raises(SystemExit, match=f"^The sweep cannot start: {reason}") as exit_:
        launcher._connect()
    assert "\n" not in str(exit_.value)
