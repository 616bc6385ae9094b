"""Keeps what runs write while their MLflow server is away, and delivers it when it is back.

Each run of each server has a folder ``<spool>/<server>/<run>/``, whose files `lenet.tracking.queue`
describes; it is gone when the server has all of them. Where something is damaged, the rest is
delivered; then the folder is set aside as ``<run>.damaged-<number>``, and the run says FAILED.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from lenet.errors import printable, writing
from lenet.tracking.queue import ASIDE, Record, RunQueue, Unusable, set_aside
from lenet.tracking.store import first_line, is_server, say

SPOOL = Path("outputs") / "spool"  # in the project's folder
COMMAND = "python -m lenet.tracking deliver"
TRY_AGAIN = 60.0  # seconds; until then a server that was away is not asked


class Away(Exception):
    """The server does not answer, or says that it cannot just now."""


class Refused(Exception):
    """The server answers, but knows no such run, or may not say."""


class Delivery(NamedTuple):
    """What came of delivering a run's records."""

    sent: int
    whole: bool  # nothing was damaged


class Spool:
    """Stands between runs and their server. Processes may share it.

    Args:
        folder: of the spool.
        server: its address.
        send: hands a run's record to the server, or raises `Away`, `Refused`, `Unusable`.
    """

    def __init__(self, folder: Path, server: str, send: Callable[[str, Record], None]) -> None:
        self.folder = folder / quote(server.rstrip("/"), safe="")
        self._server = server
        self._send = send
        self._ask_from = 0.0  # on the monotonic clock
        self._held: set[str] = set()  # runs whose records only wait, until they end
        self._damaged: set[str] = set()  # runs that lost records here

    def write(self, run: str, record: Record) -> None:
        """Sends a record, after those of its run that wait; or keeps it while the server is away
        or refuses the run.

        Raises:
            InputError: there is no room to keep it.
            Unusable: the server refuses the record itself.
        """
        record = self._true(run, record)
        due = time.monotonic() >= self._ask_from and run not in self._held
        if due and not (self.folder / run).exists():
            try:
                self._send(run, record)
                return
            except Away:
                self._is_away()
            except Refused as e:
                self._hold(run, e)
            except Unusable as e:
                raise Unusable(f"a record of run {run} {e}") from e
            due = False
        with writing(self.folder), self._alone_with(run):
            RunQueue(self.folder / run).append(record)
        if due:
            self._try(run)

    def settle(self, run: str) -> None:
        """At the end of a run, delivers what waits, or says how much does."""
        if not (self.folder / run).exists():
            return
        self._try(run)
        if waiting := self.waiting(run):
            say(
                f"{waiting} records of run {run} wait for {self._server}: when it is back, "
                f"{COMMAND} delivers them"
            )

    def deliver_all(self) -> bool:
        """Delivers what waits of every run, and says what came of it; whether nothing waits now
        and nothing was damaged."""
        complete = True
        self._remove_old_locks()
        for path in _entries(self.folder):
            run = path.name
            try:
                if not path.is_dir():
                    say(f"{path} does not belong there: it is now {set_aside(path).name}")
                    complete = False
                    continue
                delivery = self.deliver(run)
                complete &= delivery.whole
                if delivery.sent:
                    has = f"{self._server} has the {delivery.sent} records that waited"
                    print(printable(f"run {run}: {has}"))
            except Exception as e:  # of many kinds: Away, Refused, what a disk says
                complete = False
                say(f"run {run}: {self.waiting(run)} records wait in {path} ({first_line(e)})")
        return complete

    def waiting(self, run: str) -> int:
        """How many records of a run wait."""
        return len(RunQueue(self.folder / run).waiting().lines)

    def deliver(self, run: str) -> Delivery:
        """Sends what waits of a run, in order. If something is damaged, the rest is sent, a line
        tells, and the folder is set aside.

        Raises:
            Away: the server is away; what it has not got waits on.
            Refused: it knows no such run; all waits on.
        """
        queue, sent = RunQueue(self.folder / run), 0
        with self._alone_with(run):
            lines, lost, odd = queue.waiting()
            for number, line, end in lines:
                if lost:
                    self._damaged.add(run)
                try:
                    self._send(run, self._true(run, queue.decode(line)))
                except Unusable as e:
                    lost.append(f"record {number} {first_line(e)}")
                    continue
                sent += 1
                if not lost:  # what is damaged must be found again if this is interrupted
                    with writing(self.folder):
                        queue.delivered(end)
            if lost:
                self._damaged.add(run)
                self._send(run, {"damaged": f"lost on the way to the server: {'; '.join(lost)}"})
            if lost or odd:
                what, aside = "; ".join([*lost, *odd][:3]), set_aside(queue.folder)
                say(
                    f"run {run}: what waited was damaged ({what}); the rest is delivered, "
                    f"{aside} keeps the files"
                )
            else:
                queue.remove()
        return Delivery(sent, not (lost or odd))

    def _true(self, run: str, record: Record) -> Record:
        """A run that lost records does not finish well."""
        if run in self._damaged and record.get("status") == "FINISHED":
            return record | {"status": "FAILED"}
        return record

    def _try(self, run: str) -> None:
        try:
            sent, _ = self.deliver(run)
        except Away:
            self._is_away()
        except Exception as e:  # it must not end a training
            self._hold(run, e)
        else:
            self._ask_from = 0.0
            self._held.discard(run)
            say(f"{self._server} is back and has the {sent} records that waited")

    def _is_away(self) -> None:
        if self._ask_from == 0.0:
            say(f"{self._server} is away: the run goes on, what it writes is kept in {self.folder}")
        self._ask_from = time.monotonic() + TRY_AGAIN

    def _hold(self, run: str, why: Exception) -> None:
        if run not in self._held:
            say(
                f"{self._server} does not take the records of run {run} ({first_line(why)}): the "
                f"run goes on, what it writes is kept in {self.folder / run}"
            )
        self._held.add(run)

    def _remove_old_locks(self) -> None:
        """Of runs of which nothing waits: a kill or a disk that fails may leave one behind."""
        for lock in self.folder.glob("*.lock"):
            if not lock.with_suffix("").exists():
                with self._alone_with(lock.stem):
                    pass

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


def servers(folder: Path) -> Iterator[str | None]:
    """The servers that a spool has something for; None stands for what was no server's folder,
    which is set aside with a line."""
    for path in _entries(folder):
        server = unquote(path.name)
        if path.is_dir() and is_server(server) and quote(server, safe="") == path.name:
            yield server
        else:
            say(f"{path} belongs to no server: it is now {set_aside(path).name}")
            yield None


def _entries(folder: Path) -> list[Path]:
    """What may be a queue, or a server's folder of them: not what was set aside, nor locks."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if not (path.name.startswith(".") or path.name.endswith(".lock") or ASIDE.search(path.name))
    ]
