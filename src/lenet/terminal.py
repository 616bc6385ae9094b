"""What a person sees in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lenet import paper

RUN_ID = 8  # characters that tell one run from another

console = Console() if Console().is_terminal else Console(width=120)


@dataclass(frozen=True)
class Outcome:
    """What came of one run. Errors are fractions; NaN where there is none."""

    name: str
    seed: int
    row: str  # of Figure 9, which it stands beside
    data: str  # "mnist", or the stand-in's name
    whole: bool  # trained in whole epochs on all of MNIST, as the paper's row was
    error: float
    low: float
    high: float
    validation_error: float
    seconds: float  # of training
    run: str  # the id of the MLflow run, "" if it is not tracked
    page: str  # how to look at it in MLflow, empty if it is not tracked
    skipped: bool = False  # it was finished before


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
    """Each run's test error beside the paper's figure, the mean of a job's seeds, then what failed
    and why.

    Args:
        jobs: of each what came of its runs, one a seed.
        failures: of the jobs that came to nothing.
    """
    outcomes = [outcome for job in jobs for outcome in job]
    stand_in = any(o.data != "mnist" for o in outcomes)
    view = Table(title="stand-in digits, NOT MNIST" if stand_in else "MNIST, 10,000 test digits")
    for column in ("model", "seed", "test error % (95 %)", "paper %", "seconds", "run"):
        right = column in ("seed", "paper %", "seconds")
        view.add_column(column, justify="right" if right else "left", no_wrap=True)
    if any(o.skipped for o in outcomes):
        view.add_column("note", no_wrap=True)
    for job in jobs:
        for o in job:
            view.add_row(
                Text(o.name),  # no text of a user is read as Rich's markup
                str(o.seed),
                f"{100 * o.error:5.2f} ({100 * o.low:.2f}-{100 * o.high:.2f})",
                f"{paper.ROWS[o.row].test_error:.2f}" if o.whole else "-",
                f"{o.seconds:.0f}",
                Text(o.run[:RUN_ID]),
                *(["was finished"] if o.skipped else []),
            )
        if len(job) > 1:
            errors = [100 * o.error for o in job]
            spread = f"{mean(errors):5.2f} (standard deviation {stdev(errors):.2f})"
            view.add_row(Text(job[0].name), f"mean of {len(job)}", spread)
    if outcomes:
        console.print(view)
        if not all(o.whole for o in outcomes):
            print("-: the paper's figures are for whole epochs on all of MNIST.")
        for page in sorted({o.page for o in outcomes} - {""}):
            print(f"To look at them: {page}")
    for failure in failures:
        said = f" {failure.name}: {failure.reason}"
        console.print(Text.assemble(("failed", "bold red"), said))


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
