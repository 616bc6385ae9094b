"""What `reports/evaluation.json` keeps: the figures that follow from the answers of all runs, so
that another way to evaluate them trains nothing. Who wrote a digit is not in it, only what comes of
it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from lenet.errors import InputError
from lenet.files import Count, Number, Seed, Share, Text, read_json
from lenet.results.result import Result
from lenet.statistics import VERDICTS

FIGURES = "evaluation.json"  # in reports/
AGAIN = "dvc repro -s -f evaluate"

EXACT = ConfigDict(strict=True, extra="forbid")
Verdict = Annotated[Text, Field(pattern=f"^({'|'.join(VERDICTS)})$")]


@with_config(EXACT)
class Run(TypedDict):
    """`Evaluation` of a run, and its seed."""

    seed: Seed
    count: Count
    errors: Annotated[int, Field(ge=0)]
    error: Share
    low: Share
    high: Share
    reject: Share


@with_config(EXACT)
class Method(TypedDict):
    """An experiment over its seeds: fractions with 95 % intervals, by digit (low, high) and, where
    the writers are known, by writer; its error on either half of the digits; ours less the paper's;
    what it has to reject; the verdict beside the paper, and its p value, adjusted."""

    error: Share
    low: Share
    high: Share
    writer_low: Share | None
    writer_high: Share | None
    students: Share | None
    employees: Share | None
    difference: Number
    difference_low: Number
    difference_high: Number
    p: Share
    verdict: Verdict
    reject: Share
    reject_low: Share
    reject_high: Share
    reject_writer_low: Share | None
    reject_writer_high: Share | None


@with_config(EXACT)
class Difference(TypedDict):
    """The error of experiment a less that of b, as fractions; by writer where they are known."""

    a: Text
    b: Text
    difference: Number
    low: Number
    high: Number
    method: Text
    p: Share
    p_holm: Share


@with_config(EXACT)
class Effect(TypedDict):
    """Of the 2x2x2, as `lenet.statistics.effects` gives it."""

    effect: Text
    difference: Number
    low: Number
    high: Number
    p: Share
    p_holm: Share


@with_config(EXACT)
class Source(TypedDict):
    """The share that one draw has of the variance of a training's error, with its interval."""

    source: Text
    share: Share
    low: Share
    high: Share


@with_config(EXACT)
class Detectable(TypedDict):
    """The smallest difference that so many seeds show: from the paper's figure, and between the two
    nets of many seeds."""

    seeds: Count
    paper: Share
    pair: Share


@with_config(EXACT)
class Claim(TypedDict):
    """A line of the ledger. p is adjusted for all lines; None where nothing was drawn."""

    id: Text
    section: Text
    claim: Text
    verdict: Verdict
    ours: str
    margin: str
    test: str
    p: Share | None
    needs: str
    command: str


@with_config(EXACT)
class Figures(TypedDict):
    """All of it."""

    writers: bool  # whether they are known: else every interval is by digit
    runs: dict[Text, list[Run]]
    methods: dict[Text, Method]
    comparisons: list[Difference]
    effects: list[Effect]
    variance: list[Source]
    detectable: list[Detectable]
    claims: list[Claim]


KIND = TypeAdapter(Figures)


def save_figures(figures: Figures, path: Path) -> None:
    """Writes figures, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(figures, indent=1) + "\n")
    os.replace(part, path)


def load_figures(path: Path, results: Mapping[str, Result]) -> Figures:
    """Reads what `save_figures` wrote of those results.

    Raises:
        InputError: a file that is missing or damaged, or of other runs.
    """
    try:
        figures: Any = read_json(path, KIND, AGAIN)
    except FileNotFoundError as e:
        raise InputError(f"there is no {path}: {AGAIN}") from e
    for name, result in results.items():
        seeds = [run["seed"] for run in figures["runs"].get(name, [])]
        if seeds != [run["seed"] for run in result.runs] or name not in figures["methods"]:
            raise InputError(f"{path} does not tell of the runs of {name}: {AGAIN}")
    return figures
