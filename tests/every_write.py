"""Commands that die, or fail, at one chosen write: for `test_every_write.py`.

A warm process, with all libraries imported and the lanes compiled, forks once for each case. In the
fork every_write.c asks before each write to a file below the project's folder, SQLite's own
included, or to a server. The k-th of them kills the process, half done if it can be, or fails with
an I/O error. Writes of the same kind to the same file, one after the other, count as one.
"""

import ctypes
import hashlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from lenet.tracking import local_store
from lenet.tracking.queue import RunQueue
from lenet.tracking.spool import SPOOL, Spool
from lenet.tracking.store import connect

PROJECT = Path(__file__).resolve().parents[1]
SHORT = ("data=digits", "data.train_size=100", "trainer.threads=1")
COMMANDS = {
    "minibatch": (*SHORT, "recipe.epochs=2"),
    "one_pattern": (*SHORT, "model=lenet5_1998", "recipe=paper", "recipe.epochs=2"),
    "classical": (*SHORT, "model=knn", "recipe=fit"),
    "sweep": ("-m", "seed=0,1,2", *SHORT, "model=knn", "recipe=fit", "tracking.models=false"),
}
KINDS = (*COMMANDS, "delivery")
TIMED = ("seconds", "images_per_second", "peak_memory_gb")  # metrics that no two runs share
ON_SERVER = "socket"  # the path of what is sent
DIES = -1


class Case(NamedTuple):
    """A command, and which of its writes goes wrong; 0 is none."""

    kind: str
    folder: Path  # of the project
    write: int = 0
    verdict: int = 0  # DIES, or the number of an error


class Came(NamedTuple):
    """What came of a case.

    Attributes:
        code: the exit status, negative for a signal.
        said: its standard error.
        writes: of each its kind, its file and the line of this project that makes it.
        kept: what the project's folder holds then; None if the process died.
    """

    code: int
    said: str
    writes: list[str]
    kept: dict[str, Any] | None


class Warm:
    """The warm process.

    Args:
        folder: for the compiled library and the streams of the commands.
        server: address of an MLflow server, for deliveries.
    """

    def __init__(self, folder: Path, server: str) -> None:
        library = folder / "every_write.so"
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, folder, library, server))
        os.environ["LD_PRELOAD"] = str(library)
        try:
            self._process.start()
        finally:
            del os.environ["LD_PRELOAD"]
        theirs.close()

    def run(self, case: Case) -> Came:
        """Runs a command in a fork."""
        self._ours.send(case)
        return Came(*self._ours.recv())

    def end(self) -> None:
        self._ours.close()
        self._process.join(30)


def _serve(conn: Connection, folder: Path, library: Path, server: str) -> None:
    import torch

    torch.set_num_threads(1)
    for stream in (1, 2):
        os.dup2(os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "LENET_ROOT": str(folder / "warm")}
    for kind in ("minibatch", "one_pattern", "classical"):  # imports and compiles all it needs
        assert _command(Case(kind, folder / "warm"), server) == 0
    while True:
        try:
            case = conn.recv()
        except EOFError:
            return
        conn.send(_in_fork(case, folder, ctypes.CDLL(str(library)), server))


def _in_fork(case: Case, folder: Path, library: ctypes.CDLL, server: str) -> tuple:
    said, told = folder / "stderr", folder / "told"
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            for stream in (1, 2):
                name = said if stream == 2 else folder / "stdout"
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            tempfile.tempdir = str(case.folder / "tmp")
            os.makedirs(tempfile.tempdir, exist_ok=True)
            writes = _Writes(case)
            writes.watch(library)
            try:
                code = _command(case, server)
            finally:
                writes.watched = False
            told.write_text(json.dumps([writes.places, kept(case, server)]))
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    places, holds = json.loads(told.read_text()) if told.exists() else ([], None)
    told.unlink(missing_ok=True)
    return code, said.read_text(), places, holds


def _command(case: Case, server: str) -> int:
    """Runs a command in this process; its exit status."""
    case.folder.mkdir(exist_ok=True)
    os.chdir(case.folder)
    os.environ["LENET_ROOT"] = str(case.folder)
    try:
        if case.kind == "delivery":
            from lenet.tracking.__main__ import main

            return main(["deliver"])
        resume = () if case.kind == "sweep" else ("resume=true",)
        sys.argv = [str(PROJECT / "train.py"), *COMMANDS[case.kind], *resume]
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as e:
        if isinstance(e.code, str):
            print(e.code, file=sys.stderr)
            return 1
        return e.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


class _Writes:
    """Counts the writes of this process, and has one of them go wrong."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.places: list[str] = []
        self.last: tuple[str, str] | None = None
        self.watched = True

    def watch(self, library: ctypes.CDLL) -> None:
        ask = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)
        self._ask = ask(self.ask)  # as long as it is called
        library.ask_before_writes(self._ask)

    def ask(self, what: bytes, path: bytes) -> int:
        if not self.watched:
            return 0
        name = os.fsdecode(path)
        if name.startswith("socket:"):
            write = "send", ON_SERVER
        elif ":[" in name or not os.path.abspath(name).startswith(f"{self.case.folder}/"):
            return 0
        else:
            write = what.decode(), os.path.abspath(name)
        known = write[0] == "create" and os.path.exists(write[1])
        if known or (write == self.last and write[0] != "send"):
            return 0
        self.last = write
        name = write[1] if write[0] == "send" else _named(write[1], self.case.folder)
        self.places.append(f"{write[0]} {name} {_place()}")
        return self.case.verdict if len(self.places) == self.case.write else 0


def _place() -> str:
    """The line of this project that writes."""
    frame: Any = sys._getframe(1)
    while frame:
        name = frame.f_code.co_filename
        if "/src/lenet/" in name:
            return f"{name.rpartition('/src/lenet/')[2]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


def prepare(case: Case, empty_database: Path, server: str) -> None:
    """Makes a project's folder, for a delivery with what waits in it."""
    case.folder.mkdir()
    shutil.copy(empty_database, case.folder)
    if case.kind != "delivery":
        return
    client = connect(server)
    run = client.create_run("0", run_name="r").info.run_id
    queue = RunQueue(Spool(case.folder / SPOOL, server, lambda *_: None).folder / run)
    file = case.folder / "weights"
    file.write_text("weights" * 100)
    for record in (
        {"parameters": {"a": "1", "b": "2"}},
        {"tags": {"data": "digits"}},
        *({"metrics": {"train/loss": 1 / n}, "step": n, "time": n} for n in (1, 2)),
        {"text": "a: 1", "name": "config.yaml"},
        {"path": str(file)},
        {"status": "FINISHED", "time": 9},
    ):
        queue.append(record)


def kept(case: Case, server: str) -> dict[str, Any]:
    """What a command leaves: of each run its name, status, parameters, metrics with steps and the
    digests of its files; and all other files and folders but those of sweeps."""
    if case.kind == "delivery":
        client, condition = connect(server), f"attributes.run_name = '{case.folder}'"
    else:
        client, condition = connect(local_store(case.folder)), ""
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, condition)
    known = {run.info.run_id for run in runs} | {"sweeps", "downloads"}
    contents = [_content(client, run, case.folder) for run in runs]
    return {
        "runs": sorted(contents, key=lambda content: content["name"]),
        "others": sorted(
            {_named(p, case.folder) for p in case.folder.rglob("*") if not known & set(p.parts)}
        ),
    }


def _content(client: Any, run: Any, folder: Path) -> dict[str, Any]:
    own, downloads = str(folder), folder / "downloads" / run.info.run_id
    downloads.mkdir(parents=True, exist_ok=True)
    files = Path(client.download_artifacts(run.info.run_id, "", str(downloads)))
    return {
        "name": run.info.run_name.replace(own, ""),
        "status": run.info.status,
        "failure": run.data.tags.get("failure", ""),
        "params": {key: value.replace(own, "") for key, value in run.data.params.items()},
        "metrics": {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
            if not name.endswith(TIMED)
        },
        "files": {
            path.name: hashlib.sha256(path.read_bytes().replace(own.encode(), b"")).hexdigest()
            for path in sorted(files.rglob("*"))
            if path.name not in ("last.ckpt", "model.skops")  # which have times in them
        },
    }


def _named(path: Path | str, folder: Path) -> str:
    """A file without what differs from run to run."""
    parts = Path(path).relative_to(folder).parts
    return "/".join(
        "*" if re.search(r"\d.{7}|^tmp.|uploading|skops", part) else part for part in parts
    )
