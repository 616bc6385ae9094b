"""What a user is told of a command line that Hydra refuses."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from lenet.errors import printable

NEAREST = 10
FULL = "HYDRA_FULL_ERROR"


@contextmanager
def told_briefly() -> Iterator[None]:
    """For Hydra's main: what it raises ends the process with 1 and some lines, without a traceback
    unless the environment asks for that."""
    asked = os.environ.get(FULL, "0")
    os.environ[FULL] = "1"  # raise what by itself Hydra would print, at length
    try:
        yield
    except Exception as e:
        if asked == "1":
            raise
        print(*map(printable, _lines(e)), sep="\n", file=sys.stderr)
        sys.exit(1)
    finally:
        os.environ[FULL] = asked


def _lines(error: Exception) -> list[str]:
    if isinstance(error, MissingConfigException) and error.options:
        return [str(error.args[0]).splitlines()[0], *_nearest(error)]
    if not isinstance(error, HydraException | OmegaConfBaseException):
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return [f"train.py failed: {reason} ({FULL}=1 tells where)"]
    causes = [error, *([error.__cause__] if error.__cause__ else [])]
    lines = [line for cause in causes for line in str(cause).expandtabs().splitlines()]
    return [line for line in lines if line and not line.startswith("    ")]  # OmegaConf's types


def _nearest(error: MissingConfigException) -> list[str]:
    """The choices that are most like what was asked for, the nearest first."""
    assert error.options
    asked = str(error.missing_cfg_file).rpartition("/")[2]
    ordered = sorted(error.options, key=lambda name: (-_likeness(asked, name), name))
    shown = ordered[:NEAREST]
    which = f"The nearest of {len(ordered)} choices:" if shown != ordered else "The choices:"
    return [which, *(f"  {name}" for name in shown)]


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
