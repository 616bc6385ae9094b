"""Errors are fractions in this program, and per cent in MLflow, where people read them.

There `test/error` is called `test/error_pct`. Runs that were tracked before have fractions under
the plain names, and are still read.
"""

import re
from collections.abc import Mapping

RATE = re.compile(r"(error(_low|_high|_std)?|reject)$")  # of the metrics that are fractions
SUFFIX = "_pct"


def as_shown(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics as MLflow has them."""
    rates = {name for name in metrics if RATE.search(name)}
    shown = {name: value for name, value in metrics.items() if name not in rates}
    return shown | {f"{name}{SUFFIX}": _decimal(100 * metrics[name]) for name in rates}


def as_meant(metrics: Mapping[str, float]) -> dict[str, float]:
    """The fractions that MLflow shows in per cent, and every other metric as it is."""
    shown = {name for name in metrics if name.endswith(SUFFIX) and RATE.search(plain(name))}
    meant = {name: value for name, value in metrics.items() if name not in shown}
    return meant | {plain(name): _decimal(metrics[name] / 100) for name in shown}


def plain(name: str) -> str:
    """What a metric of MLflow is called in this program."""
    return name.removesuffix(SUFFIX) if RATE.search(name.removesuffix(SUFFIX)) else name


def _decimal(value: float) -> float:
    """To the 15 digits that a decimal fraction survives with: 100 * 0.0091 is 0.91."""
    return float(f"{value:.15g}")
