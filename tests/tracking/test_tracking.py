"""What MLflow holds afterwards: every value, true statuses, and nothing from a run that is off."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lenet.errors import InputError
from lenet.tracking import (
    EXPERIMENT,
    IDENTITY,
    STAND_IN_EXPERIMENT,
    FinishedRun,
    MetricPoint,
    Run,
    Tracker,
)
from lenet.tracking.__main__ import main
from lenet.tracking.liveness import STALE
from lenet.tracking.queue import RunQueue
from lenet.tracking.run import send_to_server
from lenet.tracking.spool import SPOOL, Spool
from lenet.tracking.store import connect

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    folder = tmp_path_factory.mktemp("tracking")
    shutil.copy(empty_database, folder)
    return folder


@pytest.fixture(scope="module")
def tracker(folder: Path) -> Tracker:
    return Tracker(f"sqlite:///{folder}/mlflow.db", folder / "mlruns", stand_in=False).start()


@pytest.fixture(scope="module")
def client(tracker: Tracker):
    return mlflow.MlflowClient(tracker.uri)


def test_a_run_holds_what_it_was_given(tracker: Tracker, client) -> None:
    with tracker.run("lenet5", identity="f1") as run:
        run.parameters({f"p{i}": i for i in range(150)})
        run.metrics({"train/loss": 2.0}, 1)
        run.metrics({"train/loss": 1.0}, 2)
        run.tags({"git.dirty": "false"})
        run.dataset("mnist", 64 * "0", "somewhere")
        run.text("seed: 0\n", "config.yaml")
        with run.artifact("table.txt") as path:
            path.write_text("1 2 3")
    kept = client.get_run(run.id)
    assert kept.info.status == "FINISHED"
    assert kept.info.run_name == "lenet5"
    assert len(kept.data.params) == 150
    assert kept.data.tags[IDENTITY] == "f1"
    assert kept.data.tags["git.dirty"] == "false"
    history = client.get_metric_history(run.id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(1, 2.0), (2, 1.0)]
    assert kept.inputs.dataset_inputs[0].dataset.name == "mnist"
    assert {f.path for f in client.list_artifacts(run.id)} == {"config.yaml", "table.txt"}


def test_a_child_names_its_parent(tracker: Tracker, client) -> None:
    with tracker.run("sweep") as parent, tracker.run("job", parent.id) as child:
        pass
    assert client.get_run(child.id).data.tags["mlflow.parentRunId"] == parent.id


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (ValueError("no such thing"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),
    ],
)
def test_statuses_are_true(tracker: Tracker, client, raised: BaseException, status: str) -> None:
    with pytest.raises(type(raised)), tracker.run("run") as run:
        raise raised
    kept = client.get_run(run.id)
    assert kept.info.status == status
    assert (kept.data.tags.get("failure") == "ValueError: no such thing") == (status == "FAILED")


def test_an_artifact_that_was_not_finished_is_not_kept(tracker: Tracker, client) -> None:
    def breaks(run: Run) -> None:
        with run.artifact("half.txt") as path:
            path.write_text("half")
            raise ZeroDivisionError

    with tracker.run("run") as run, pytest.raises(ZeroDivisionError):
        breaks(run)
    assert client.list_artifacts(run.id) == []


def test_the_stand_in_has_an_experiment_of_its_own(tracker: Tracker, folder: Path, client) -> None:
    other = Tracker(tracker.uri, folder / "mlruns", stand_in=True).start()
    assert (tracker.experiment, other.experiment) == (EXPERIMENT, STAND_IN_EXPERIMENT)
    kept = client.get_experiment_by_name(STAND_IN_EXPERIMENT)
    assert "not MNIST" in kept.tags["mlflow.note.content"]
    assert kept.tags["mlflow.experimentKind"] == "custom_model_development"


def test_without_tracking_nothing_is_written(tmp_path: Path) -> None:
    tracker = Tracker(None, tmp_path / "mlruns", stand_in=False).start()
    with tracker.run("run") as run:
        run.metrics({"a": 1.0})
        run.text("x", "x.txt")
    assert run.id is None
    assert tracker.page == ""
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_known_at_once(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match=r"no MLflow server answers at tracking\.uri=http://127"):
        Tracker("http://127.0.0.1:9", tmp_path, stand_in=False).start()
    assert time.monotonic() - start < 10


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch) -> None:
    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(1)

    monkeypatch.setattr("lenet.tracking.store.ANSWER_WITHIN", 0.2)
    with HTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(InputError, match="timed out"):
            Tracker(f"http://127.0.0.1:{server.server_port}", tmp_path, stand_in=False).start()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    "make",
    [
        pipe,
        listening,
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("/nowhere/mlflow.db"),
        lambda path: path.symlink_to("/dev/zero"),
    ],
    ids=["pipe", "socket", "loop", "to nowhere", "device"],
)
def test_what_is_no_file_is_no_store(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "s.db")
    start = time.monotonic()
    with pytest.raises(InputError, match="names what is no file: name a file"):
        Tracker(f"sqlite:///{tmp_path}/s.db", tmp_path / "mlruns", stand_in=False).start()
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_no_store(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would keep nothing"):
        Tracker(f"sqlite:///{name}", tmp_path / "mlruns", stand_in=False).start()


@pytest.mark.parametrize("file", ["/proc/mlflow.db", f"/tmp/{'a' * 300}.db"])
def test_a_database_that_cannot_be_opened_is_not_tried_again(file: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match="unable to open database file"):
        Tracker(f"sqlite:///{file}", tmp_path / "mlruns", stand_in=False).start()
    assert time.monotonic() - start < 5


def test_a_run_that_is_deleted_while_it_is_open_is_told(tracker: Tracker, client) -> None:
    run = Run(tracker.write, tracker.open("lenet5"))
    client.delete_run(run.id)
    with pytest.raises(InputError, match="must be in the 'active' state"):
        run.tags({"git.dirty": "false"})


@pytest.mark.parametrize(
    "uri", ["sqlite:////proc/none/mlflow.db", "ftp://nowhere", f"sqlite:///{__file__}"]
)
def test_a_store_that_cannot_be_used_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match=r"tracking\.uri=.* cannot be used"):
        Tracker(uri, tmp_path / "mlruns", stand_in=False).start()


def test_an_experiment_that_was_deleted_is_told(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    Tracker(uri, tmp_path / "mlruns", stand_in=False).start()
    store = mlflow.MlflowClient(uri)
    store.delete_experiment(store.get_experiment_by_name(EXPERIMENT).experiment_id)
    with pytest.raises(InputError, match="was deleted: restore it"):
        Tracker(uri, tmp_path / "mlruns", stand_in=False).start()


def test_a_run_that_continues_is_the_same_run_and_logs_nothing_twice(
    tracker: Tracker, client
) -> None:
    def interrupted(run: Run) -> None:
        run.metrics({"train/loss": 2.0}, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), tracker.run("job", identity="f2") as run:
        interrupted(run)
    with tracker.run("job", identity="f2", again=True) as again:
        again.metrics({"train/loss": 9.0}, 1)
        again.metrics({"train/loss": 1.0}, 2)
    assert again.id == run.id
    assert client.get_run(run.id).info.status == "FINISHED"
    history = client.get_metric_history(run.id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(1, 2.0), (2, 1.0)]
    with tracker.run("job", identity="f2") as anew:
        pass
    assert anew.id != run.id


def test_what_was_logged_by_epochs_comes_back_as_curves(tracker: Tracker) -> None:
    with tracker.run("job") as run:
        run.metrics({"train/loss": 2.0}, 1)
        run.metrics({"train/loss": 1.0}, 2)
        run.metrics({"test/error": 0.5})
    assert tracker.runs.curves(run.id) == {"train/loss": [2.0, 1.0]}
    assert tracker.runs.get(run.id).metrics == {"train/loss": 1.0, "test/error": 0.5}


def test_a_run_whose_process_is_gone_is_killed(tracker: Tracker, folder: Path, client) -> None:
    ours, gone, elsewhere = (tracker.open(name) for name in ("ours", "gone", "elsewhere"))
    with subprocess.Popen(["true"]) as process:
        pass
    client.set_tag(gone, "mlflow.process.id", str(process.pid))
    client.set_tag(elsewhere, "mlflow.process.host", "another.machine")
    Tracker(tracker.uri, folder / "mlruns", stand_in=False).start()
    statuses = [client.get_run(run).info.status for run in (ours, gone, elsewhere)]
    assert statuses == ["RUNNING", "KILLED", "RUNNING"]


def test_a_run_elsewhere_is_killed_when_its_heartbeat_is_stale(
    tracker: Tracker, folder: Path, client
) -> None:
    lively, silent, old = (tracker.open(name) for name in ("lively", "silent", "old"))
    for run in (lively, silent, old):
        client.set_tag(run, "mlflow.process.host", "another.machine")
    client.set_tag(silent, "mlflow.process.heartbeat", str(time.time() - STALE - 1))
    client.delete_tag(old, "mlflow.process.heartbeat")
    Tracker(tracker.uri, folder / "mlruns", stand_in=False).start()
    statuses = [client.get_run(run).info.status for run in (lively, silent, old)]
    assert statuses == ["RUNNING", "KILLED", "RUNNING"]


def test_an_open_run_has_a_heartbeat(
    tracker: Tracker, folder: Path, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beat(run: str) -> str:
        return client.get_run(run).data.tags["mlflow.process.heartbeat"]

    monkeypatch.setattr("lenet.tracking.liveness.EVERY", 0.05)
    fresh = Tracker(tracker.uri, folder / "mlruns", stand_in=False).start()
    with fresh.run("job") as run:
        first = beat(run.id)
        end = time.monotonic() + 20
        while beat(run.id) == first and time.monotonic() < end:
            time.sleep(0.05)
        assert float(beat(run.id)) > float(first)
    time.sleep(0.2)  # the beat that was under way
    last = beat(run.id)
    time.sleep(0.3)
    assert beat(run.id) == last


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("mlflow.process.id", "x"),
        ("mlflow.process.id", "-1"),
        ("mlflow.process.id", None),
        ("mlflow.process.started", None),
        ("mlflow.process.started", "yesterday"),
        ("mlflow.process.heartbeat", "x"),
        ("mlflow.process.heartbeat", "nan"),
    ],
)
def test_a_tag_that_makes_no_sense_stops_no_new_run(
    tracker: Tracker, client, capsys: pytest.CaptureFixture[str], tag: str, value: str | None
) -> None:
    run = tracker.open("odd")
    if tag == "mlflow.process.heartbeat":
        client.set_tag(run, "mlflow.process.host", "another.machine")
    if value is None:
        client.delete_tag(run, tag)
    else:
        client.set_tag(run, tag, value)
    tracker.close_abandoned()
    assert client.get_run(run).info.status == "RUNNING"
    [line] = capsys.readouterr().err.splitlines()
    assert run in line
    assert tag in line
    tracker.close(run, "KILLED")


def test_a_run_of_another_program_is_left_alone(tracker: Tracker, client, capsys) -> None:
    experiment = client.get_experiment_by_name(tracker.experiment)
    run = client.create_run(experiment.experiment_id).info.run_id
    tracker.close_abandoned()
    assert client.get_run(run).info.status == "RUNNING"
    assert capsys.readouterr().err == ""
    tracker.close(run, "KILLED")


@pytest.mark.parametrize("identity", ["a' or '1'='1", 'a"b', "a'b\"c", "a`b", "%", ""])
def test_what_is_no_identity_finds_nothing(tracker: Tracker, identity: str) -> None:
    with tracker.run("job", identity=identity):
        pass
    assert tracker.find(identity) is None


def test_what_is_read_steers_no_terminal(tracker: Tracker, client) -> None:
    with tracker.run("red\x1b[31m\nname") as run:
        run.tags({"data": "a\x07b\x9bc\u202ed é"})
    record = tracker.runs.get(run.id)
    assert record.name == "red\\x1b[31m\\nname"
    assert record.tags["data"] == "a\\x07b\\x9bc\\u202ed é"


def test_a_run_that_ended_before_is_written_whole(tracker: Tracker, client) -> None:
    points = [MetricPoint("train/loss", 1 / step, step, 1_000 + step) for step in range(1, 1_101)]
    with tracker.run("sweep") as parent:
        before = FinishedRun(
            32 * "f",
            "before",
            started=1_000,
            ended=9_000,
            tags={IDENTITY: "f9", "threads": "1"},
            params={"recipe.epochs": "20"},
            metrics=[*points, MetricPoint("test/error", 0.25, 0, 8_000)],
            dataset=("mnist", "d1", "results/"),
            parent=parent.id,
        )
        assert tracker.add_finished([before, before]) == [before.id, before.id]
    run = client.get_run(before.id)
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 1_000, 9_000)
    assert run.data.params == {"recipe.epochs": "20"}
    assert run.data.tags["mlflow.parentRunId"] == parent.id
    assert run.data.metrics["test/error_pct"] == 25
    assert run.inputs.dataset_inputs[0].dataset.name == "mnist"
    history = client.get_metric_history(before.id, "train/loss")
    assert [(m.step, m.timestamp) for m in history] == [(p.step, p.time) for p in points]
    assert tracker.find("f9", finished=True).id == before.id
    client.log_text(before.id, "more", "more.txt")
    assert [file.path for file in client.list_artifacts(before.id)] == ["more.txt"]


def test_a_run_of_an_earlier_version_is_read_as_one_of_today(tracker: Tracker, client) -> None:
    """Its errors were logged as fractions, its process under other tags."""
    experiment = client.get_experiment_by_name(tracker.experiment).experiment_id
    old = client.create_run(experiment).info.run_id
    for epoch, error in enumerate((0.5, 0.25), 1):
        client.log_metric(old, "train/error", error, step=epoch)
    client.log_metric(old, "test/error", 0.0091)
    assert tracker.runs.curves(old) == {"train/error": [0.5, 0.25]}
    assert tracker.runs.get(old).metrics == {"train/error": 0.25, "test/error": 0.0091}
    Run(tracker.write, old).metrics({"test/error": 0.0107})  # evaluated anew
    assert tracker.runs.get(old).metrics["test/error"] == 0.0107
    assert client.get_run(old).data.metrics["test/error_pct"] == 1.07
    with subprocess.Popen(["true"]) as process:
        pass
    for name, value in tracking_of(process.pid).items():
        client.set_tag(old, name, value)
    tracker.close_abandoned()
    assert client.get_run(old).info.status == "KILLED"


def tracking_of(process: int) -> dict[str, str]:
    """The tags that a process of an earlier version set."""
    host = socket.gethostname()
    return {"process.host": host, "process.id": str(process), "process.started": "1.0"}


def test_the_experiment_has_views_and_leads_to_them(tracker: Tracker, client) -> None:
    kept = client.get_experiment_by_name(EXPERIMENT)
    for view in ("runs", "charts"):
        state = json.loads(kept.tags[f"mlflow.sharedViewState.{view}"])
        assert state["orderByKey"] == "metrics.`test/error_pct`"
        address = f"viewStateShareKey={view}"
        assert address in kept.tags["mlflow.note.content"]
    assert f"#/experiments/{kept.experiment_id}/runs?" in tracker.page
    assert tracker.page.endswith("viewStateShareKey=runs")


def test_system_metrics_are_those_of_mlflow(
    tracker: Tracker, folder: Path, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    measured = Tracker(tracker.uri, folder / "mlruns", stand_in=False, system_metrics=True).start()
    with measured.run("job") as run:
        time.sleep(0.5)
    assert "system/cpu_utilization_percentage" in client.get_run(run.id).data.metrics


class Answering(BaseHTTPRequestHandler):
    """Answers everything alike."""

    status, body = 200, b""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"<html>no such page</html>", "does not take the records of run"),
        (
            404,
            b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run not found"}',
            "not found",
        ),
        (403, b"go away", "does not take the records of run"),
        (503, b"later", "is away"),
        (200, b"<html>welcome</html>", "is away"),
    ],
)
def test_a_server_that_answers_something_else_ends_no_training(
    tmp_path: Path, capsys, status: int, body: bytes, says: str
) -> None:
    handler = type("Handler", (Answering,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        spool = Spool(tmp_path, uri, partial(send_to_server, connect(uri)))
        run = 32 * "a"
        (tmp_path / "table.txt").write_text("1")
        run_to = Run(spool.write, run)
        run_to.file(tmp_path / "table.txt")
        run_to.metrics({"loss": 1.0}, 1)
        run_to.parameters({"a": 1})
        assert not spool.deliver_all()
        server.shutdown()
    assert spool.waiting(run) == 3
    first, last = capsys.readouterr().err.splitlines()
    assert says in first
    assert f"run {run}: 3 records wait in {spool.folder / run} (" in last


@pytest.mark.parametrize("where", ["environment", "file"])
def test_credentials_go_to_no_server_that_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, where: str
) -> None:
    asked: list[str | None] = []

    class Asked(Answering):
        def send_response(self, *_: object) -> None:
            asked.append(self.headers.get("Authorization"))
            super().send_response(503)

    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        RunQueue(Spool(tmp_path / SPOOL, uri, lambda *_: None).folder / "run").append(
            {"tags": {"a": "b"}}
        )
        assert main(["deliver"]) == 1
        assert asked, "without credentials all servers are asked"
        assert set(asked) == {None}
        asked.clear()
        if where == "file":
            (tmp_path / ".mlflow").mkdir()
            login = "[mlflow]\nmlflow_tracking_username = a\nmlflow_tracking_password = secret\n"
            (tmp_path / ".mlflow" / "credentials").write_text(login)
        else:
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        capsys.readouterr()
        assert main(["deliver"]) == main(["deliver", "http://elsewhere:5000"]) == 1
        assert not asked
        said = capsys.readouterr().err.splitlines()
        assert said == 2 * [
            f"{uri} gets nothing, nor MLflow's credentials, unless named: "
            f"python -m lenet.tracking deliver {uri}"
        ]
        assert main(["deliver", f"{uri}/"]) == 1
        assert asked
        assert None not in asked
        server.shutdown()


def test_importing_the_room_imports_no_mlflow() -> None:
    code = "import sys, lenet.tracking as t; t.Tracker; t.find_run;"
    code += "assert not {'mlflow', 'sqlalchemy', 'pandas', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_slurm_is_asked_whether_a_job_lives(tracker: Tracker, folder: Path, client) -> None:
    submit = ["sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 300"]
    job = subprocess.run(submit, capture_output=True, text=True, check=True).stdout.strip()
    run = tracker.open("job")
    for tag, value in (("host", "a.node"), ("slurm_job", job), ("heartbeat", "0")):
        client.set_tag(run, f"mlflow.process.{tag}", value)
    tracker.close_abandoned()
    assert client.get_run(run).info.status == "RUNNING"
    subprocess.run(["scancel", job], check=True)
    end = time.monotonic() + 60
    while client.get_run(run).info.status == "RUNNING" and time.monotonic() < end:
        time.sleep(0.5)
        tracker.close_abandoned()
    assert client.get_run(run).info.status == "KILLED"
