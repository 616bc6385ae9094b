"""What becomes of a spool that is not as it was written, on a real server: whatever is whole is
delivered, whatever is not is told and kept, and a run that lost something does not say FINISHED."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from mlflow import MlflowClient
from tests import commands
from tests.commands import Done
from tests.tracking.test_server import Server

from lenet.tracking import Tracker
from lenet.tracking.queue import DELIVERED, FILES, PROMISED, RECORDS
from lenet.tracking.spool import SPOOL, Away, Spool

pytestmark = pytest.mark.slow  # a server takes ten seconds to start

LAST = {"status": "FINISHED", "time": 1_700_000_000_000}


def lines(run: Path) -> list[bytes]:
    return (run / RECORDS).read_bytes().splitlines(keepends=True)


def rewrite(run: Path, *new: bytes) -> None:
    (run / RECORDS).write_bytes(b"".join(new))


def as_by_an_earlier_version(run: Path, *more: dict) -> None:
    """Plain JSON, no checksums, no count of what was promised."""
    plain = [json.loads(line.split(b" ", 2)[2]) for line in lines(run)]
    for record in plain:
        record.pop("checksum", None)
    (run / PROMISED).unlink()
    rewrite(run, *(json.dumps(r).encode() + b"\n" for r in [*plain[:-1], *more, plain[-1]]))


def cut(run: Path) -> None:
    rewrite(run, (run / RECORDS).read_bytes()[:-10])


def torn(run: Path) -> None:
    rewrite(run, *lines(run), b'57 0badc0de {"metrics": ')


def emptied_by_an_earlier_version(run: Path) -> None:
    (run / PROMISED).unlink()
    rewrite(run)


def flipped(run: Path) -> None:
    first, *rest = lines(run)
    rewrite(run, first.replace(b"1.0", b"7.0"), *rest)


def garbage(run: Path) -> None:
    _, *rest = lines(run)
    rewrite(run, b"\xff\x00{[\n", *rest)


def zeros(run: Path) -> None:
    rewrite(run, bytes((run / RECORDS).stat().st_size))


def line_removed(run: Path) -> None:
    rewrite(run, *lines(run)[1:])


def then_appended(run: Path) -> None:
    cut(run)
    spool_of(run).write(run.name, LAST)


def file_missing(run: Path) -> None:
    shutil.rmtree(run / FILES)


def file_truncated(run: Path) -> None:
    [path] = (run / FILES).glob("*/*")
    path.write_text("1")


def records_a_folder(run: Path) -> None:
    (run / RECORDS).unlink()
    (run / RECORDS).mkdir()


def ended_before(run: Path) -> None:
    MlflowClient(unquote(run.parent.name)).set_terminated(run.name, "KILLED")
    rewrite(run)


def putting(name: str, text: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_text(text) and None


def earlier(*more: dict) -> Callable[[Path], None]:
    return lambda run: as_by_an_earlier_version(run, *more)


@dataclass(frozen=True)
class Kind:
    """Something that happens to a run's folder, and what is true afterwards."""

    happens: Callable[[Path], object]
    status: str = "FAILED"
    losses: tuple[float, ...] = (1.0, 0.5)  # of "loss", that arrive
    aside: bool = True
    says: str = ""


KINDS = {
    "nothing": Kind(lambda run: None, "FINISHED", aside=False),
    "a kill tore the last line": Kind(torn, "FINISHED", aside=False),
    "an earlier version wrote it": Kind(earlier(), "FINISHED", aside=False),
    "an end cut off": Kind(cut, says="records.jsonl ends too early"),
    "an end cut off, then more": Kind(then_appended, says="record 4 is damaged"),
    "emptied": Kind(rewrite, losses=(), says="records.jsonl ends too early"),
    "emptied, earlier": Kind(emptied_by_an_earlier_version, losses=(), says="is empty"),
    "records deleted": Kind(lambda run: (run / RECORDS).unlink(), losses=(), says="ends too early"),
    "records a folder": Kind(records_a_folder, losses=(), says="cannot be read (Is a directory)"),
    "zeros": Kind(zeros, losses=(), says="ends too early"),
    "a digit flipped": Kind(flipped, losses=(0.5,), says="record 1 is damaged"),
    "garbage": Kind(garbage, losses=(0.5,), says="record 1 is damaged"),
    "a line removed": Kind(line_removed, losses=(0.5,), says="ends too early"),
    "no record": Kind(earlier({"foo": 1}), says="record 4 is no record of a run"),
    "odd types": Kind(earlier({"metrics": 3, "step": "x", "time": 0}), says="is no record"),
    "odd values": Kind(earlier({"metrics": {"a": "x"}, "step": 0, "time": 1}), says="record 4 is"),
    "odd status": Kind(earlier({"status": "DONE", "time": 1}), says="is no record"),
    "refused by the server": Kind(
        earlier({"metrics": {"a\\b?": 1.0}, "step": 0, "time": 1}), says="record 4 is refused ("
    ),
    "file missing": Kind(file_missing, says="record 2 lacks its file"),
    "file truncated": Kind(file_truncated, says="record 2 has a damaged file"),
    "file elsewhere": Kind(earlier({"path": "../../../../secret.txt"}), says="a file elsewhere"),
    "delivered no number": Kind(putting(DELIVERED, "x"), "FINISHED", says="holds no number"),
    "delivered inside a line": Kind(putting(DELIVERED, "7"), "FINISHED", says="where no line ends"),
    "delivered too large": Kind(putting(DELIVERED, "99999"), says="ends too early"),
    "promised no number": Kind(putting(PROMISED, "-1"), "FINISHED", says="holds no number"),
    "a foreign file": Kind(putting("notes.txt", "my own"), "FINISHED", says="notes.txt does not"),
    "ended before": Kind(ended_before, "KILLED", losses=(), says="ends too early"),
}


def spool_of(run: Path) -> Spool:
    """A spool whose server is away."""

    def away(*_: object) -> None:
        raise Away

    return Spool(run.parent.parent, unquote(run.parent.name), away)


@dataclass(frozen=True)
class Delivered:
    """What the command that delivers did to all kinds of damage at once."""

    client: MlflowClient
    spool: Path  # of the server
    runs: dict[str, str]  # their ids
    code: int
    said: str
    again: Done


@pytest.fixture(scope="module")
def delivered(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Delivered]:
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder)
    server = Server(folder, f"sqlite:///{folder}/mlflow.db")
    server.start()
    tracker = Tracker(server.uri, project / "mlruns", stand_in=True).start()
    (project / "secret.txt").write_text("not of the run")
    (project / "table.txt").write_text("1 2 3")
    runs = {kind: tracker.open(kind) for kind in KINDS}
    for kind, run in runs.items():
        path = project / SPOOL / quote(server.uri, safe="") / run
        spool = spool_of(path)
        spool.write(run, {"metrics": {"loss": 1.0}, "step": 1, "time": 1})
        spool.write(run, {"path": str(project / "table.txt")})
        spool.write(run, {"metrics": {"loss": 0.5}, "step": 2, "time": 2})
        spool.write(run, LAST)
        KINDS[kind].happens(path)
    spool.write(32 * "0", LAST)  # a run that the server does not know
    (spool.folder / "stray.txt").write_text("1")
    (spool.folder.parent / "stray.txt").write_text("2")
    (spool.folder.parent / "no server").mkdir()
    (spool.folder.parent / "ftp%3A%2F%2Fhost").mkdir()
    (spool.folder.parent / "http%3A%2F%2F%5B").mkdir()

    done, again = (
        commands.run(["python", "-m", "lenet.tracking", "deliver"], project) for _ in range(2)
    )
    yield Delivered(
        MlflowClient(server.uri), spool.folder, runs, done.returncode, done.stderr, again
    )
    server.stop()


@pytest.mark.parametrize("name", KINDS)
def test_what_is_whole_arrives_and_what_is_not_is_told(delivered: Delivered, name: str) -> None:
    kind, run = KINDS[name], delivered.runs[name]
    told = [line for line in delivered.said.splitlines() if run in line]
    kept = delivered.client.get_run(run)
    history = delivered.client.get_metric_history(run, "loss")
    assert kept.info.status == kind.status
    assert tuple(m.value for m in history) == kind.losses
    assert not (delivered.spool / run).exists()
    aside = delivered.spool / f"{run}.damaged-1"
    assert aside.is_dir() == kind.aside
    assert len(told) == kind.aside
    assert all(kind.says in line and str(aside) in line for line in told)
    if kind.status == "FINISHED":
        assert "failure" not in kept.data.tags
    else:
        assert kept.data.tags["failure"].startswith("lost on the way to the server: ")
    assert {f.path for f in delivered.client.list_artifacts(run)} <= {"table.txt"}


def test_the_command_says_so_and_a_second_time_only_what_still_waits(delivered: Delivered) -> None:
    assert delivered.code == 1
    assert "Traceback" not in delivered.said
    unknown, spool = 32 * "0", delivered.spool
    assert f"run {unknown}: 1 records wait in {spool / unknown} (" in delivered.said
    for stray in (
        spool / "stray.txt",
        spool.parent / "stray.txt",
        spool.parent / "no server",
        spool.parent / "ftp%3A%2F%2Fhost",
        spool.parent / "http%3A%2F%2F%5B",
    ):
        assert f"{stray} belongs to no server" in delivered.said or (
            f"{stray} does not belong there" in delivered.said
        )
        assert not stray.exists()
        assert stray.with_name(f"{stray.name}.damaged-1").exists()
    assert delivered.again.returncode == 1
    [line] = delivered.again.stderr.splitlines()
    assert unknown in line


def test_a_run_that_starts_says_what_waits_and_starts(
    delivered: Delivered, capsys: pytest.CaptureFixture[str]
) -> None:
    project = delivered.spool.parents[2]
    uri = delivered.client.tracking_uri
    with Tracker(uri, project / "mlruns", stand_in=True).start().run("next") as run:
        pass
    assert delivered.client.get_run(run.id).info.status == "FINISHED"
    assert 32 * "0" in capsys.readouterr().err
