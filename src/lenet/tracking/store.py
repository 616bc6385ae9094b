"""The MLflow store: where it is, how MLflow is set up for it, and whether it can be used."""

import logging
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lenet.errors import InputError, printable
from lenet.imports import uncollected

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it narrates each new database
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# By default MLflow asks a server that is away for minutes, at each call.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds
logging.getLogger("urllib3").setLevel(logging.ERROR)  # that a server is away, the spool tells
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it raises what it logs

FILE = "sqlite:///"  # then the path of a database file
CREDENTIALS = (  # besides a user's name and password
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
)
PREAMBLE = "(raised as a result of"  # of SQLAlchemy's, before what is wrong
ANSWER_WITHIN = 5.0  # seconds; a server that takes longer at the start is not there


def local_store(project: Path) -> str:
    """The MLflow store of a project folder, the one that conf/tracking/mlflow.yaml names."""
    return f"{FILE}{project}/mlflow.db"


def is_server(uri: str) -> bool:
    """Whether a store is a server, not a database file; what is no address is none."""
    try:
        urlsplit(uri)
    except ValueError:
        return False
    return uri.startswith(("http://", "https://"))


def ask(uri: str) -> None:
    """Returns if there is a store, or can be one: a server that answers; no folder, pipe, device or
    link to nowhere in place of a database file, and no other kind of store, which MLflow would try
    to open for minutes.

    Raises:
        InputError: there is none.
    """
    path = uri.removeprefix(FILE)
    if is_server(uri):
        ask_server(uri)
    elif uri.startswith(FILE) and os.path.isdir(path):
        raise InputError(
            f"tracking.uri={uri} names a folder: name a file in it, as {uri.rstrip('/')}/mlflow.db"
        )
    elif uri.startswith(FILE) and os.path.lexists(path) and not os.path.isfile(path):
        raise InputError(f"tracking.uri={uri} names what is no file: name a file")
    elif uri.startswith((f"{FILE}:memory:", f"{FILE}file:")):  # names that SQLite has for itself
        raise InputError(f"tracking.uri={uri} would keep nothing: name a file, or set tracking=off")
    elif not uri.startswith(FILE):
        raise InputError(f"tracking.uri={uri} cannot be used: name {FILE}<file> or http://<server>")


def _quoted(uri: str) -> str:
    """As SQLAlchemy reads it: in the name of a folder that is there, a ?, # or % stands for itself.

    MLflow makes the folder of a ``sqlite:///`` anew from the quoted name; with the driver it leaves
    it alone.
    """
    folder, _, file = uri.removeprefix(FILE).rpartition("/")
    if not uri.startswith(FILE) or quote(folder) == folder or not Path(folder).is_dir():
        return uri
    return f"sqlite+pysqlite:///{quote(folder)}/{file}"


def connect(uri: str) -> Any:
    """An MlflowClient for a store. A database file that cannot be opened is not tried again."""
    with uncollected():
        from mlflow import MlflowClient

        if uri.startswith(FILE):
            from mlflow.store.db import utils

            utils.MAX_RETRY_COUNT = 1  # else ten times, in 100 s
        return MlflowClient(_quoted(uri))


def database(uri: str) -> Any:
    """SQLAlchemy's engine for a database file."""
    from sqlalchemy import create_engine

    return create_engine(_quoted(uri))


def has_credentials() -> bool:
    """Whether MLflow has any that it would show to whatever server it talks to."""
    from mlflow.utils.credentials import read_mlflow_creds

    return any(read_mlflow_creds()) or any(os.environ.get(name) for name in CREDENTIALS)


def ask_server(uri: str) -> None:
    """Returns if an MLflow server answers.

    Raises:
        InputError: none does.
    """
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_WITHIN):
            pass
    except (OSError, HTTPException, ValueError) as e:
        raise InputError(
            f"no MLflow server answers at tracking.uri={uri} ({first_line(e)}): "
            "start it, or leave tracking.uri out to track in a local file"
        ) from e


@contextmanager
def usable(uri: str | None) -> Iterator[None]:
    """For what a run cannot begin without.

    Raises:
        InputError: MLflow does not do it.
    """
    try:
        yield
    except store_errors() as e:
        raise InputError(
            f"tracking.uri={uri} cannot be used ({first_line(e)}): set another one, or tracking=off"
        ) from e


def store_errors() -> tuple[type[Exception], ...]:
    """What MLflow raises when a store fails, for an except clause: evaluated only there, it costs
    no import before."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return OSError, MlflowException, SQLAlchemyError


def first_line(error: Exception) -> str:
    """What an error says, short enough for a line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(PREAMBLE)]
    return printable(said[0]) if said else type(error).__name__


def say(line: str) -> None:
    """Prints one line on standard error."""
    print(printable(line), file=sys.stderr)
