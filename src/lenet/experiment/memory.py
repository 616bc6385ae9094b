"""How much memory a training takes, so that a study knows how many fit side by side."""

from contextlib import suppress
from threading import Event, Thread
from typing import Self

import psutil

EVERY = 0.2  # seconds


class PeakMemory:
    """Measures, while its block lasts, the memory of this process and of those that it starts."""

    def __enter__(self) -> Self:
        self.peak = 0
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def gigabytes(self) -> float:
        """The most that was resident at once, in GB (1e9 bytes)."""
        return self.peak / 1e9

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            with suppress(psutil.Error):  # a child may have ended
                all_of_them = [process, *process.children(recursive=True)]
                self.peak = max(self.peak, sum(p.memory_info().rss for p in all_of_them))
            if self._over.wait(EVERY):
                return
