"""What a user is told who names a configuration that is not there."""

from difflib import SequenceMatcher
from typing import Any

from hydra._internal.defaults_list import Overrides
from hydra.errors import ConfigCompositionException, MissingConfigException

NEAREST = 10


def name_nearest() -> None:
    """Makes Hydra's error list the ten choices that are most like what was asked for, the nearest
    first, where by itself it lists all."""
    # Hydra prints the error and ends the process by itself, so that nothing around it could
    MissingConfigException.__str__ = _told  # type: ignore[method-assign, assignment]
    Overrides.__init__ = _composed  # type: ignore[method-assign, assignment]


_read_overrides = Overrides.__init__


def _composed(overrides: Overrides, *given: Any, **named: Any) -> None:
    """A choice that is no name, as ``model=null``, is for Hydra an error of its own."""
    try:
        _read_overrides(overrides, *given, **named)
    except ValueError as e:
        raise ConfigCompositionException(str(e)) from None


def _told(error: MissingConfigException) -> str:
    first, *_ = str(error.args[0]).splitlines()
    if not error.options:
        return first
    asked = str(error.missing_cfg_file).rpartition("/")[2]
    ordered = sorted(error.options, key=lambda name: (-_likeness(asked, name), name))
    shown = ordered[:NEAREST]
    which = f"The nearest of {len(ordered)} choices:" if shown != ordered else "The choices:"
    return "\n".join([first, which, *(f"  {name}" for name in shown)])


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
