"""What is kept while a server is away: all of it, in order, and delivered once."""

import json
import threading
import zlib
from pathlib import Path

import pytest

from lenet.tracking.queue import Record
from lenet.tracking.spool import Away, Refused, Spool


class Server:
    """Takes records while it is up, and can go away after so many."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Record]] = []
        self.left: float = float("inf")

    def __call__(self, run: str, record: Record) -> None:
        if self.left <= 0:
            raise Away("connection refused")
        self.left -= 1
        if "path" in record:
            path = Path(record["path"])
            record = {"file": path.name, "content": path.read_text()}
        self.got.append((run, record))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def spool(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setattr("lenet.tracking.spool.TRY_AGAIN", 0.0)  # each write asks again
    return Spool(tmp_path, "http://there:5000", server)


def numbers(server: Server, run: str = "a") -> list[int]:
    return [record["number"] for name, record in server.got if name == run]


def test_while_the_server_answers_nothing_is_written_here(
    spool: Spool, server: Server, tmp_path: Path
) -> None:
    spool.write("a", {"number": 1})
    spool.settle("a")
    assert numbers(server) == [1]
    assert list(tmp_path.iterdir()) == []


def test_what_waited_comes_first_and_once(spool: Spool, server: Server, tmp_path: Path) -> None:
    for number, up in enumerate([True, False, False, True, True]):
        server.left = float("inf") if up else 0
        spool.write("a", {"number": number})
        if not up:
            assert spool.waiting("a") == number
    assert numbers(server) == [0, 1, 2, 3, 4]
    assert not any(spool.folder.iterdir()), "nothing is left behind"


def test_a_file_is_kept_as_it_was(spool: Spool, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    server.left = 0
    for content in ("first", "second"):
        path.write_text(content)
        spool.write("a", {"path": str(path)})
    path.unlink()
    server.left = float("inf")
    spool.settle("a")
    assert [record["content"] for _, record in server.got] == ["first", "second"]
    assert {record["file"] for _, record in server.got} == {"last.ckpt"}


def test_a_server_that_is_away_is_not_asked_at_each_write(
    spool: Spool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lenet.tracking.spool.TRY_AGAIN", 1e6)
    server.left = 0
    spool.write("a", {"number": 1})
    server.left = float("inf")
    spool.write("a", {"number": 2})
    spool.write("b", {"number": 3})
    assert server.got == []
    spool.settle("a")  # the end of a run asks in any case
    spool.write("b", {"number": 4})  # and what it learns, all runs know
    assert numbers(server) == [1, 2]
    assert numbers(server, "b") == [3, 4]


def test_at_the_end_of_a_run_a_line_tells_what_waits_and_what_to_do(
    spool: Spool, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.left = 0
    for number in range(3):
        spool.write("a", {"number": number})
    spool.settle("a")
    away, waiting = capsys.readouterr().err.splitlines()
    assert away.startswith("http://there:5000 is away: the run goes on")
    assert waiting.startswith("3 records of run a wait for http://there:5000")
    assert "python -m lenet.tracking" in waiting


@pytest.mark.parametrize("taken", range(5))
def test_a_delivery_that_stops_anywhere_goes_on_there(
    spool: Spool, server: Server, tmp_path: Path, taken: int
) -> None:
    server.left = 0
    for number in range(4):
        spool.write("a", {"number": number})
    server.left = taken
    later = Spool(tmp_path, "http://there:5000/", server)  # another process, perhaps
    assert later.deliver_all() == (taken == 4)
    assert later.waiting("a") == 4 - taken
    server.left = float("inf")
    assert later.deliver_all()
    assert numbers(server) == [0, 1, 2, 3]


def test_what_a_kill_tore_or_forgot_does_no_harm(spool: Spool, server: Server) -> None:
    server.left = 0
    for number in range(2):
        spool.write("a", {"number": number})
    with open(spool.folder / "a" / "records.jsonl", "a") as file:
        file.write('{"number": ')  # it was never promised
    assert spool.waiting("a") == 2
    spool.write("a", {"number": 2})
    (spool.folder / "a" / "delivered").write_text("")  # torn, too
    (spool.folder / "b" / "files").mkdir(parents=True)  # killed before its first line
    server.left = float("inf")
    assert spool.deliver_all()
    assert numbers(server) == [0, 1, 2]
    assert not any(spool.folder.iterdir())


def test_a_run_that_the_server_does_not_know_goes_on_and_holds_up_no_other(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(run: str, record: Record) -> None:
        if run == "a":
            raise Refused("Run 'a' not found\nand more")
        server(run, record)

    spool = Spool(tmp_path, "http://there:5000", refusing)
    for number in range(2):
        for run in ("a", "b"):
            spool.write(run, {"number": number})
    assert numbers(server, "b") == [0, 1]
    [said] = capsys.readouterr().err.splitlines()
    assert "does not take the records of run a (Run 'a' not found): the run goes on" in said
    spool.settle("a")
    assert not spool.deliver_all()
    *_, waiting, said = capsys.readouterr().err.splitlines()
    assert waiting.startswith("2 records of run a wait")
    assert said.startswith("run a: 2 records wait")
    assert said.endswith("(Run 'a' not found)")


def test_another_process_may_deliver_while_the_run_goes_on(
    spool: Spool, server: Server, tmp_path: Path
) -> None:
    over = threading.Event()

    def deliver() -> None:
        while not over.is_set():
            Spool(tmp_path, "http://there:5000", server).deliver_all()

    other = threading.Thread(target=deliver)
    other.start()
    for number in range(100):
        server.left = 3 if number % 3 else 0  # it comes and goes
        spool.write("a", {"number": number})
    over.set()
    other.join()
    server.left = float("inf")
    spool.settle("a")
    assert numbers(server) == list(range(100))


def test_a_record_is_a_line_with_its_length_and_checksum(spool: Spool, server: Server) -> None:
    server.left = 0
    record = {"metrics": {"loss": 0.1 + 0.2, "none": float("inf")}, "step": 1, "text": "a\nb é"}
    spool.write("a", record)
    [line] = (spool.folder / "a" / "records.jsonl").read_text().splitlines()
    length, checksum, text = line.split(" ", 2)
    assert json.loads(text) == record
    assert int(length) == len(text)
    assert int(checksum, 16) == zlib.crc32(text.encode())
    server.left = float("inf")
    spool.settle("a")
    assert server.got == [("a", record)]


def test_a_run_that_lost_a_record_does_not_finish_well(
    spool: Spool, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.left = 0
    for number in range(2):
        spool.write("a", {"number": number})
    records = spool.folder / "a" / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b": 0}", b": 9}"))
    server.left = float("inf")
    spool.write("a", {"number": 2})
    spool.write("a", {"status": "FINISHED"})
    spool.settle("a")
    assert [record for _, record in server.got] == [
        {"number": 1},
        {"number": 2},
        {"damaged": "lost on the way to the server: record 1 is damaged"},
        {"status": "FAILED"},
    ]
    assert (spool.folder / "a.damaged-1" / "records.jsonl").exists()
    assert "(record 1 is damaged)" in capsys.readouterr().err


def test_damage_is_found_again_after_a_delivery_that_stopped(spool: Spool, server: Server) -> None:
    server.left = 0
    for number in range(3):
        spool.write("a", {"number": number})
    records = spool.folder / "a" / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b": 0}", b": 9}"))
    server.left = 1
    assert not spool.deliver_all()
    server.left = float("inf")
    assert not spool.deliver_all()
    assert server.got[-1][1].keys() == {"damaged"}
    assert spool.deliver_all(), "what was set aside is not delivered again"


def test_a_lock_that_was_left_goes_with_the_next_delivery(spool: Spool, server: Server) -> None:
    server.left = 0
    spool.write("waits", {"number": 1})
    for run in ("gone", "waits"):  # as a kill between the last record and the lock leaves it
        (spool.folder / f"{run}.lock").touch()
    assert not spool.deliver_all()
    assert (spool.folder / "waits").is_dir()
    assert list(spool.folder.glob("*.lock")) == []


def test_a_count_is_written_whole_or_not_at_all(
    spool: Spool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.left = 0
    for number in range(3):
        spool.write("a", {"number": number})

    class Killed(BaseException):
        pass

    def torn(path: Path, text: str) -> None:
        with path.open("w") as file:
            file.write(text[:1])
        raise Killed

    server.left = 2
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", torn)
        with pytest.raises(Killed):
            spool.deliver("a")
    server.left = 9
    assert spool.deliver("a").whole
    assert numbers(server) == [0, 0, 1, 2], "what was not noted is sent again"
