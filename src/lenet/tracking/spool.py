"""Keeps what runs write while their MLflow server is away, and delivers it when it is back.

For each run there is a folder ``<spool>/<server>/<run>/``: ``records.jsonl`` with a record a line,
only ever appended to; ``files/`` with copies of its artifacts; ``delivered``, how many bytes of the
records the server has. The folder is gone when the server has them all. A kill may tear the last
line, which then was never promised, and may forget that a record was delivered; it is sent again,
and `lenet.run.send` changes nothing the second time.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lenet.errors import writing

SPOOL = Path("outputs") / "spool"  # in the project's folder
COMMAND = "python -m lenet.tracking"
TRY_AGAIN = 60.0  # seconds; until then a server that was away is not asked

Record = dict[str, Any]  # of JSON's types; the file at "path", if there is one, belongs to it


class Away(Exception):
    """The server does not answer, or says that it cannot just now."""


class Spool:
    """Stands between runs and their server. Processes may share it.

    Args:
        folder: of the spool.
        server: its address.
        send: hands a run's record to the server, or raises `Away`.
    """

    def __init__(self, folder: Path, server: str, send: Callable[[str, Record], None]) -> None:
        self.folder = folder / quote(server.rstrip("/"), safe="")
        self._server = server
        self._send = send
        self._ask_from = 0.0  # on the monotonic clock

    def write(self, run: str, record: Record) -> None:
        """Sends a record, after those of its run that wait; or keeps it while the server is away.

        Raises:
            InputError: there is no room to keep it.
            Exception: of another kind than `Away`, by which the server refuses it.
        """
        due = time.monotonic() >= self._ask_from
        if due and not (self.folder / run).exists():
            try:
                self._send(run, record)
                return
            except Away:
                self._is_away()
                due = False
        self._keep(run, record)
        if due:
            self._try(run)

    def settle(self, run: str) -> None:
        """At the end of a run, delivers what waits, or says how much does."""
        if not (self.folder / run).exists():
            return
        self._try(run)
        if waiting := self.waiting(run):
            print(
                f"{waiting} records of run {run} wait for {self._server}: when it is back, "
                f"{COMMAND} delivers them",
                file=sys.stderr,
            )

    def deliver_all(self) -> bool:
        """Delivers what waits of every run, and says what came of it; whether nothing waits now."""
        complete = True
        for run in sorted(path.name for path in self.folder.glob("*/")):
            try:
                count = self.deliver(run)
                print(f"run {run}: {self._server} has the {count} records that waited")
            except Exception as e:  # of many kinds: Away, or why the server refuses a record
                complete = False
                reason = str(e).partition("\n")[0]
                print(
                    f"run {run}: {self.waiting(run)} records wait in {self.folder / run} "
                    f"({reason})",
                    file=sys.stderr,
                )
        return complete

    def waiting(self, run: str) -> int:
        """How many records of a run wait."""
        return sum(1 for _ in _waiting(self.folder / run))

    def deliver(self, run: str) -> int:
        """Sends what waits of a run, in order; how many records.

        Raises:
            Away: the server is away; what it has not got waits on.
            Exception: of another kind, by which it refuses a record.
        """
        folder, count = self.folder / run, 0
        with self._alone_with(run):
            for record, end in _waiting(folder):
                if "path" in record:
                    record["path"] = str(folder / record["path"])
                self._send(run, record)
                with writing(folder):
                    (folder / "delivered").write_text(str(end))
                count += 1
            (folder / "records.jsonl").unlink(missing_ok=True)  # first: from here on, none waits
            shutil.rmtree(folder, ignore_errors=True)
        return count

    def _keep(self, run: str, record: Record) -> None:
        folder = self.folder / run
        with writing(folder), self._alone_with(run):
            (folder / "files").mkdir(parents=True, exist_ok=True)
            if "path" in record:
                own = Path(tempfile.mkdtemp(dir=folder / "files"))
                copy = Path(shutil.copy(record["path"], own))
                with open(copy, "rb") as file:
                    os.fsync(file.fileno())
                record = record | {"path": str(copy.relative_to(folder))}
            with open(folder / "records.jsonl", "ab+") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)  # a line that was torn
                file.write(json.dumps(record).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def _try(self, run: str) -> None:
        try:
            count = self.deliver(run)
        except Away:
            self._is_away()
        else:
            self._ask_from = 0.0
            print(
                f"{self._server} is back and has the {count} records that waited", file=sys.stderr
            )

    def _is_away(self) -> None:
        if self._ask_from == 0.0:
            print(
                f"{self._server} is away: the run goes on, what it writes is kept in {self.folder}",
                file=sys.stderr,
            )
        self._ask_from = time.monotonic() + TRY_AGAIN

    @contextmanager
    def _alone_with(self, run: str) -> Iterator[None]:
        """Keeps other processes from what waits of a run."""
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / f"{run}.lock")
        with lock:
            try:
                yield
            finally:
                Path(lock.lock_file).unlink()


def _waiting(folder: Path) -> Iterator[tuple[Record, int]]:
    """The records of a run that wait, each with the byte of the file where it ends."""
    if not (folder / "records.jsonl").exists():
        return
    delivered = folder / "delivered"
    end = int(delivered.read_text() or 0) if delivered.exists() else 0
    with open(folder / "records.jsonl", "rb") as lines:
        lines.seek(end)
        for line in lines:
            if not line.endswith(b"\n"):  # torn
                return
            end += len(line)
            yield json.loads(line), end
