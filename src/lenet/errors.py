"""What a user can mend: one line that says what was wrong and what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """Something the user gave is wrong. The message is a whole sentence for the terminal, on one
    line: what could steer a terminal, as the name of a file may, is escaped."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """A text that may come from elsewhere, with what would steer a terminal escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# What libraries say of a disk or a database that takes no more; some pass the system's words on in
# errors of their own.
NOT_WRITABLE = (
    *map(os.strerror, (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS)),
    "database or disk is full",  # SQLite, as the next ones: a limit to a file's size
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "database is locked",  # for longer than MLflow waits
    "database disk image is malformed",  # or gone, or another file, as the next ones
    "file is not a database",
    "no such table",
)


@contextmanager
def writing(where: Path | str) -> Iterator[None]:
    """For a block that writes there.

    Raises:
        InputError: there is no room, or the disk or the database fails.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as e:  # of many kinds: of the system, of MLflow, of safetensors
        said = " ".join(map(str, _with_causes(e)))
        saying = next((saying for saying in NOT_WRITABLE if saying in said), None)
        if isinstance(e, FileNotFoundError) and not Path(where).exists():  # it was removed
            saying = os.strerror(errno.ENOENT)
        if saying is None:
            raise
        raise InputError(
            f"{where} cannot be written any more ({saying}): make room there, or mend it, "
            "then run the same with resume=true"
        ) from e


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    while error:
        yield error
        error = error.__cause__ or error.__context__
