"""What a person sees in the terminal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import mean
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lenet import paper

if TYPE_CHECKING:
    from lenet.statistics import Interval

RUN_ID = 8  # characters that tell one run from another

console = Console() if Console().is_terminal else Console(width=120)


@dataclass(frozen=True)
class Outcome:
    """What came of one run. Errors are fractions; NaN where there is none."""

    name: str
    seed: int
    row: str | None  # of Figure 9, which it stands beside
    data: str  # "mnist", or the name of the stand-in or of the user's own digits
    whole: bool  # trained in whole epochs on all of MNIST, as the paper's row was
    error: float
    low: float
    high: float
    validation_error: float
    seconds: float  # of training
    run: str  # the id of the MLflow run, "" if it is not tracked
    page: str  # how to look at it in MLflow, empty if it is not tracked
    skipped: bool = False  # it was finished before
    wrong: str = ""  # which test digits it errs on: bits, the first in front, in hexadecimal
    digits: int = 0  # to test on
    values: Mapping[str, str] = field(default_factory=dict)  # that its sweep gave to its job


@dataclass(frozen=True)
class Failure:
    """Why a job of a sweep came to nothing."""

    name: str
    reason: str


def banner() -> None:
    """Says that the digits are not MNIST, so that nobody can miss it."""
    console.print(
        Panel(
            "These are scikit-learn's 1,797 bundled digits, a stand-in to see that everything "
            "works.\nNo figure below says anything about MNIST or about the paper.\n"
            "For MNIST: set MNIST_ROOT to a folder that holds MNIST/raw/*.gz, or be online once.",
            title="NOT MNIST",
            style="bold yellow",
            width=92,
        )
    )


def table(jobs: Sequence[Sequence[Outcome]], failures: Sequence[Failure] = ()) -> None:
    """Each run's test error beside the paper's figure, where it was trained as that was; of the
    seeds of a job their mean and its interval; then what failed and why.

    Args:
        jobs: of each what came of its runs, one a seed.
        failures: of the jobs that came to nothing.
    """
    outcomes = [outcome for job in jobs for outcome in job]
    varied = [name for name in _varied(outcomes) if name not in IN_NAME]
    rows = []
    for job in jobs:
        for o in job:
            rows.append(
                {
                    "model": o.name,
                    **{name: _short(o.values.get(name, "")) for name in varied},
                    "seed": str(o.seed),
                    "test error % (95 %)": _error(o),
                    "paper %": _of_paper(o),
                    "seconds": f"{o.seconds:.0f}",
                    "run": o.run[:RUN_ID],
                    "note": "was finished" if o.skipped else "",
                }
            )
        if len(job) > 1:
            seeds = f"mean of {len(job)}"
            rows.append({"model": job[0].name, "seed": seeds, "test error % (95 %)": _mean(job)})
    if outcomes:
        _show(_title(outcomes), rows)
        if not all(o.whole for o in outcomes) and any(o.data == "mnist" for o in outcomes):
            print(
                "The paper's figures are for whole epochs on all of MNIST, and stand by no other."
            )
    _end(outcomes, failures)


def trials(jobs: Sequence[Sequence[Outcome]], failures: Sequence[Failure] = ()) -> None:
    """A search: the values of each trial and its validation error; the test error of the best
    alone, as nothing may be chosen by it; then what failed and why.

    Args:
        jobs: of each trial what came of its runs, one a seed.
        failures: of the trials that came to nothing.
    """
    outcomes = [outcome for job in jobs for outcome in job]
    held_out = [mean(o.validation_error for o in job) for job in jobs]
    varied = _varied(outcomes) if len(jobs) > 1 else list(outcomes[0].values) if outcomes else []
    best = min(range(len(jobs)), key=lambda n: (isnan(held_out[n]), held_out[n]), default=None)
    rows = []
    for number, job in enumerate(jobs):
        notes = ["best"] * (number == best) + ["was finished"] * all(o.skipped for o in job)
        rows.append(
            {
                "trial": str(number + 1),
                **{name: _short(job[0].values.get(name, "")) for name in varied},
                "validation error %": f"{100 * held_out[number]:.2f}",
                "seconds": f"{sum(o.seconds for o in job):.0f}",
                "run": job[0].run[:RUN_ID],
                "note": ", ".join(notes),
            }
        )
    if best is not None:
        _show(f"{_title(outcomes)}, a search", rows)
        error = (_mean(jobs[best]) if len(jobs[best]) > 1 else _error(jobs[best][0])).strip()
        print(f"The best trial errs on {error} % of the test digits, which chose nothing.")
    _end(outcomes, failures)


def _varied(outcomes: Sequence[Outcome]) -> list[str]:
    """The names of the values that jobs of a sweep differ in."""
    names = dict.fromkeys(name for o in outcomes for name in o.values)
    return [name for name in names if len({o.values.get(name) for o in outcomes}) > 1]


def _short(value: str) -> str:
    """A value as it was set, a number that was drawn by four of its digits."""
    return f"{float(value):.4g}" if re.fullmatch(r"[0-9.e+-]{10,}", value) else value


IN_NAME = ("model", "experiment", "seed", "seeds")  # values that the name and the seed tell


def _show(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """A table without empty columns; a column is to the right where it is of numbers alone."""
    names = list(
        dict.fromkeys(name for row in rows for name in row if any(r.get(name) for r in rows))
    )
    order = [name for name in names if name not in LAST] + [name for name in LAST if name in names]
    view = Table(title=title)
    for name in order:
        justify: JustifyMethod = "right" if name in NUMBERS else "left"
        view.add_column(Text(name), justify=justify, overflow="fold")
    for row in rows:  # no text of a user is read as Rich's markup
        view.add_row(*(Text(row.get(name, "")) for name in order))
    console.print(view)


LAST = ("seed", "test error % (95 %)", "validation error %", "paper %", "seconds", "run", "note")
NUMBERS = ("trial", "seed", "validation error %", "paper %", "seconds")


def _title(outcomes: Sequence[Outcome]) -> str:
    titles = {"mnist": "MNIST, 10,000 test digits", "digits": "stand-in digits, NOT MNIST"}
    names = sorted({titles.get(o.data, f"own digits, {o.data}, NOT MNIST") for o in outcomes})
    return "; ".join(names)


def _of_paper(outcome: Outcome) -> str:
    """The paper's figure, in per cent, if the run can stand beside it."""
    if not outcome.whole or outcome.row is None:
        return ""
    return f"{paper.ROWS[outcome.row].test_error:.2f}"


def mean_of(job: Sequence[Outcome]) -> "Interval | None":
    """The mean error of a job's seeds and its interval; None where it is not known which digits one
    of them erred on."""
    if not all(o.wrong for o in job):
        return None
    import numpy as np  # a sweep imports this module at its start

    from lenet.statistics import mean_error

    bits = np.array([np.frombuffer(bytes.fromhex(o.wrong), np.uint8) for o in job])
    return mean_error(np.unpackbits(bits, axis=1, count=job[0].digits).astype(bool))


def _mean(job: Sequence[Outcome]) -> str:
    """Of a job's seeds the mean error and its interval, in per cent; the mean alone where the
    interval is not known."""
    error = mean_of(job)
    if error is None:
        return f"{100 * mean(o.error for o in job):5.2f}"
    return _per_cent(error.mean, error.low, error.high)


def summary(jobs: Sequence[Sequence[Outcome]], failures: Sequence[Failure], search: bool) -> str:
    """The table of a sweep in Markdown, for its run. Of a search it has the validation errors, as
    nothing may be chosen by others."""
    lines = [
        f"| run | {'validation' if search else 'test'} error % | seconds |",
        "| --- | --- | --- |",
    ]
    for o in (outcome for job in jobs for outcome in job):
        values = "".join(f", {k}={v}" for k, v in o.values.items() if k not in IN_NAME)
        error = f"{100 * o.validation_error:.2f}" if search else _per_cent(o.error, o.low, o.high)
        lines.append(f"| {o.name} seed {o.seed}{values} | {error} | {o.seconds:.0f} |")
    lines += ["", *(f"- failed: {failure.name}: {failure.reason}" for failure in failures)]
    return "\n".join(lines)


def _error(outcome: Outcome) -> str:
    return _per_cent(outcome.error, outcome.low, outcome.high)


def _per_cent(error: float, low: float, high: float) -> str:
    return f"{100 * error:5.2f} ({100 * low:.2f}-{100 * high:.2f})"


def _end(outcomes: Sequence[Outcome], failures: Sequence[Failure]) -> None:
    for page in sorted({o.page for o in outcomes} - {""}):
        print(f"To look at them: {page}")
    for failure in failures:
        said = f" {failure.name}: {failure.reason}"
        console.print(Text.assemble(("failed", "bold red"), said))


def progress(number: int, jobs: int, name: str, seconds: float | None) -> None:
    """Says which job of a sweep begins, from 1, and about how long it all takes yet, if known."""
    left = "" if seconds is None else f", about {_time(seconds)} left"
    print(f"{number} of {jobs}: {name}{left}", flush=True)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def epoch(name: str, number: int, metrics: dict[str, float]) -> None:
    """One line for one epoch, where no progress bar can be drawn; with what was measured."""
    shown = {
        "loss {:.4f}": metrics.get("train/loss"),
        "training error {:.2%}": metrics.get("train/error"),
        "validation error {:.2%}": metrics.get("validation/error"),
        "{:.1f} s": metrics.get("epoch_seconds"),
    }
    parts = [text.format(value) for text, value in shown.items() if value is not None]
    print("   ".join([name, f"epoch {number}", *parts]), flush=True)
