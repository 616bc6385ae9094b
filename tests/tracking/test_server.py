"""Runs on an MLflow server that goes away: what it holds afterwards is whole, in order, once."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run
from tests import commands

from lenet.errors import InputError
from lenet.experiment.command import train
from lenet.experiment.job import EpochLog
from lenet.terminal import Outcome
from lenet.tracking import Tracker

pytestmark = pytest.mark.slow  # a server takes ten seconds to start

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]  # where Debian has them
EPOCHS = 9
DELIVER = ["python", "-m", "lenet.tracking", "deliver"]  # as the terminal names it
CURVES = ("train/loss", "train/error_pct", "validation/error_pct", "learning_rate", "epoch_seconds")
FILES = {
    "config.yaml",
    "predictions.parquet",
    "model.safetensors",
    "last.ckpt",
    "digits.png",
    "confusion.png",
    "misclassified.png",
    "learning_curve.png",
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`mlflow server`, as the README starts it."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store, self.port = folder, store, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        if self.process:
            return
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(self.port)),
                *("--backend-store-uri", self.store),
                *("--artifacts-destination", str(self.folder / "artifacts")),
            ],
            cwd=self.folder,
            env=os.environ
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(1200):
            assert self.process.poll() is None, "the server does not start"
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server does not answer")

    def stop(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder)
    server = Server(folder, f"sqlite:///{folder}/mlflow.db")
    yield server
    server.stop()


@pytest.fixture
def server(one_server: Server) -> Server:
    """One for all tests, which runs when a test begins."""
    one_server.start()
    return one_server


@pytest.fixture
def before_epoch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has something happen before the metrics of an epoch are written."""
    monkeypatch.setattr("lenet.tracking.spool.TRY_AGAIN", 0.0)  # a test's epochs are short
    write = EpochLog.__call__

    def happening(events: dict[int, Callable[[], None]]) -> None:
        def watched(watch: EpochLog, epoch: int, metrics: dict[str, float]) -> None:
            events.get(epoch, lambda: None)()
            write(watch, epoch, metrics)

        monkeypatch.setattr(EpochLog, "__call__", watched)

    return happening


def check_whole(uri: str, outcome: Outcome, folder: Path, epochs: int = EPOCHS) -> Run:
    """Asserts that a run holds all that it wrote, in order, once."""
    client = mlflow.MlflowClient(uri)
    run = client.get_run(outcome.run)
    assert run.info.status == "FINISHED"
    assert run.data.params["recipe.epochs"] == str(epochs)
    assert run.data.tags["data"] == "digits"
    assert len(run.inputs.dataset_inputs) == 1
    assert run.data.metrics["test/error_pct"] == pytest.approx(100 * outcome.error)
    for name in run.data.metrics:
        steps = [m.step for m in client.get_metric_history(outcome.run, name)]
        assert steps == (list(range(1, epochs + 1)) if name in CURVES else [0]), name
    (folder / "downloads").mkdir()
    files = Path(client.download_artifacts(outcome.run, "", str(folder / "downloads")))
    assert {path.name for path in files.iterdir()} - {"uncommitted.diff"} == FILES
    assert all(path.stat().st_size for path in files.iterdir())
    return run


def nothing_waits(folder: Path) -> bool:
    return not list((folder / "outputs" / "spool").glob("*/*/"))


def deliver(folder: Path) -> list[str]:
    """The command that the terminal names."""
    done = commands.run(DELIVER, folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_server_stopped_for_the_middle_third_of_a_run_misses_nothing(
    server: Server, configure, before_epoch, tmp_path: Path, capfd
) -> None:
    before_epoch({4: server.stop, 7: server.start})
    [outcome] = train(configure(f"tracking={{uri:'{server.uri}'}}", epochs=EPOCHS))
    check_whole(server.uri, outcome, tmp_path)
    assert nothing_waits(tmp_path)
    said = [line for line in capfd.readouterr().err.splitlines() if server.uri in line]
    assert len(said) == 2, "it is away, it is back"
    assert said[1].endswith("is back and has the 4 records that waited")


def test_a_server_that_comes_back_after_the_run_gets_all_by_one_command(
    server: Server, configure, before_epoch, tmp_path: Path, capfd
) -> None:
    before_epoch({4: server.stop})
    tracker = Tracker(server.uri, tmp_path / "mlruns", stand_in=True).start()
    [outcome] = train(configure(f"tracking={{uri:'{server.uri}'}}", epochs=EPOCHS))
    ended = time.time()
    with pytest.raises(InputError, match=f"tracking.uri={server.uri} cannot be used"):
        tracker.open("another")
    assert f"records of run {outcome.run} wait for {server.uri}" in capfd.readouterr().err
    server.start()
    delivered, last = deliver(tmp_path)
    assert delivered.startswith(f"run {outcome.run}: {server.uri} has the ")
    assert last == "Nothing waits."
    run = check_whole(server.uri, outcome, tmp_path)
    assert run.info.end_time / 1000 < ended
    assert deliver(tmp_path) == ["Nothing waits."]


def test_a_delivery_killed_half_way_and_repeated_doubles_nothing(
    server: Server, configure, before_epoch, tmp_path: Path
) -> None:
    before_epoch({2: server.stop})
    [outcome] = train(configure(f"tracking={{uri:'{server.uri}'}}", epochs=EPOCHS))
    server.start()
    [waiting] = (tmp_path / "outputs" / "spool").glob("*/*/")
    half, delivered = (waiting / "records.jsonl").stat().st_size / 2, waiting / "delivered"
    for forgets in (True, False):  # as a power cut may
        with commands.Running(DELIVER, tmp_path) as process:
            while not delivered.exists() or int(delivered.read_text() or 0) < half:
                time.sleep(0.001)
            process.kill()
        assert (waiting / "records.jsonl").exists(), "it was killed before the end"
        if forgets:
            delivered.unlink()
    deliver(tmp_path)
    check_whole(server.uri, outcome, tmp_path)
    assert nothing_waits(tmp_path)


def test_a_run_that_is_resumed_gets_first_what_waited(
    server: Server, configure, before_epoch, tmp_path: Path
) -> None:
    def kill() -> None:
        raise SystemExit(143)

    tracking = f"tracking={{uri:'{server.uri}'}}"
    before_epoch({2: server.stop, 4: kill})
    with pytest.raises(SystemExit):
        train(configure(tracking, "seed=5", epochs=EPOCHS))
    assert not nothing_waits(tmp_path)
    server.start()
    before_epoch({})
    [outcome] = train(configure(tracking, "seed=5", "resume=true", epochs=EPOCHS))
    check_whole(server.uri, outcome, tmp_path)
    assert nothing_waits(tmp_path)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database server of the test's own, by its URI."""
    pytest.importorskip("psycopg", reason="no psycopg here")
    if not POSTGRES:
        pytest.skip("no PostgreSQL here")
    # it refuses to run as root
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder, port = Path(tempfile.mkdtemp(prefix="lenet-postgres-")), free_port()
    shutil.chown(folder, user)

    def pg_ctl(*arguments: str) -> None:
        subprocess.run(
            [POSTGRES[0] / "pg_ctl", "-D", folder / "data", "-s", "-w", *arguments],
            user=user if os.getuid() == 0 else None,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    try:
        pg_ctl("initdb", "-o", "--auth=trust --username=lenet")
        options = f"-h 127.0.0.1 -p {port} -k {folder}"
        pg_ctl("start", "-l", str(folder / "log"), "-o", options)
        yield f"postgresql+psycopg://lenet@127.0.0.1:{port}/postgres"
        pg_ctl("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def test_a_server_on_postgresql(postgres: str, configure, before_epoch, tmp_path: Path) -> None:
    server = Server(tmp_path, postgres)
    server.start()
    try:
        before_epoch({4: server.stop, 7: server.start})
        [outcome] = train(configure(f"tracking={{uri:'{server.uri}'}}", epochs=EPOCHS))
        check_whole(server.uri, outcome, tmp_path)
        tracker = Tracker(server.uri, tmp_path / "mlruns", stand_in=True).start()
        for _ in range(2):  # a record that is sent again
            tracker.write(outcome.run, {"metrics": {"again": 0.1}, "step": 1, "time": 1})
        history = mlflow.MlflowClient(server.uri).get_metric_history(outcome.run, "again")
        assert [m.value for m in history] == [0.1]
    finally:
        server.stop()
