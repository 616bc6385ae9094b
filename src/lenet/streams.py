"""Standard output and error that cannot stop the work: closed, full, or without the letters."""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {1: "standard output", 2: "standard error"}


class _Lenient(io.FileIO):
    """One of them. What it does not take any more is dropped: a reader that has seen enough, as
    `head`, is no failure; for every other reason `lost` has it."""

    lost: str | None = None

    def write(self, data: object) -> int:
        """As `io.FileIO.write`, of bytes."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as e:
            if e.errno != errno.EPIPE and self.lost is None:
                self.lost = os.strerror(e.errno or 0)
            return len(data)  # type: ignore[arg-type]


def make_lenient() -> None:
    """Replaces both streams, in a process that prints while it works. What a stream's encoding
    lacks is written as an escape."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that opens must not take its place
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        old = getattr(sys, name)
        if isinstance(getattr(getattr(old, "buffer", None), "raw", None), _Lenient):
            continue
        raw = _Lenient(number, "w", closefd=False)
        new = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=old.encoding if old else "utf-8",
            errors="backslashreplace",
            line_buffering=name == "stderr" or raw.isatty(),
        )
        setattr(sys, name, new)


@contextmanager
def lenient() -> Iterator[None]:
    """For all that a command does: it is done even if nobody can read what it prints. If that is
    lost, the command says so at its end, and exits with 1."""
    make_lenient()
    try:
        os.getcwd()  # which libraries ask for, too
    except FileNotFoundError:
        sys.exit("the folder that this is run in was removed")
    code: object = None
    try:
        yield
    except SystemExit as e:
        code = e.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:  # where no command tells more, as while Hydra composes
        code = 128 + signal.SIGINT
    for number, stream in NAMES.items():
        file = sys.stdout if number == 1 else sys.stderr
        file.flush()
        if lost := getattr(getattr(file.buffer, "raw", None), "lost", None):
            print(f"{stream} could not be written: {lost}", file=sys.stderr)
            code = code or 1
    sys.exit(code)  # type: ignore[arg-type]
