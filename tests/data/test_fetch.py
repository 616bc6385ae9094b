"""Files come whole and unaltered, or not at all; no mirror is waited for without end."""

import functools
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lenet.data import fetch as fetch_module
from lenet.data.fetch import Unreachable, fetch

CONTENT = {"a.gz": b"first file", "b.gz": bytes(200_000)}
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
REFUSES = "http://127.0.0.1:9/"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None: ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a mirror that has some files, and gives its address."""
    servers = []

    def started(name: str, files: dict[str, bytes]) -> str:
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content)
        handler = functools.partial(Quiet, directory=str(tmp_path / name))
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_next_mirror_is_asked_for_what_one_lacks_or_has_altered(serve, folder: Path) -> None:
    first = serve("first", {"a.gz": CONTENT["a.gz"]})
    altered = serve("altered", CONTENT | {"b.gz": b"<html>Please log in</html>"})
    fetch([REFUSES, first, altered, serve("last", {"b.gz": CONTENT["b.gz"]})], FILES, folder)
    assert content_of(folder) == CONTENT


def test_nothing_altered_is_left(serve, folder: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(Unreachable, match=r"no mirror gives a\.gz, b\.gz"):
        fetch([serve("altered", dict.fromkeys(FILES, b"?"))], FILES, folder)
    assert content_of(folder) == {}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nfirst"])
def test_a_mirror_that_falls_silent_is_given_up(
    serve, folder: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(fetch_module, "MIRROR_TIMEOUT", 0.2)
    answered = serve("good", CONTENT)
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def begin() -> None:
            connection = silent.accept()[0]
            connection.sendall(beginning)
            asked.append(connection)  # and stays open

        asked: list[socket.socket] = []
        thread = threading.Thread(target=begin)
        thread.start()
        start = time.monotonic()
        fetch([f"http://127.0.0.1:{silent.getsockname()[1]}/", answered], FILES, folder)
        assert time.monotonic() - start < 5
        thread.join()
        [connection] = asked
        connection.close()
    assert content_of(folder) == CONTENT


def test_a_folder_that_cannot_be_written_to_is_no_mirrors_fault(serve, folder: Path) -> None:
    folder.touch()
    with pytest.raises(OSError, match="Not a directory"):
        fetch([serve("good", CONTENT)], FILES, folder)
