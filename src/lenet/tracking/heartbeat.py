"""While runs are open, says again and again that their process lives.

Other machines cannot see the process; a run that has not said so for `STALE` seconds they take for
dead. (A server that is away hears nothing, but nobody can ask it, either.)
"""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

EVERY, STALE = 60.0, 600.0  # seconds; clocks of machines may differ by minutes


class Heartbeat:
    """A thread for the open runs of this process.

    Args:
        tell: sets the time of a run's last beat, in seconds since 1970; it may fail.
    """

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        self._tell = tell
        self._runs: set[str] = set()
        self._beats = False  # the thread itself is not kept: launchers pickle what holds this

    def start(self, run: str) -> None:
        """From now on the run has a heartbeat."""
        self._runs.add(run)
        if not self._beats:
            self._beats = True
            Thread(target=self._beat, daemon=True).start()

    def stop(self, run: str) -> None:
        """It has none any more."""
        self._runs.discard(run)

    def _beat(self) -> None:
        while True:
            time.sleep(EVERY)
            for run in self._runs.copy():
                with suppress(Exception):  # a server that is away, a database that is locked
                    self._tell(run, time.time())
