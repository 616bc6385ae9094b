"""Small results of no training: as many errors as a test wants, on 500 digits."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lenet import report, results
from lenet.report import groups, tables
from lenet.results.result import Result
from lenet.statistics import Writers
from lenet.study import evaluation

COUNT = 500
WRITERS = (  # who might have written 60,000 training digits, and these
    Writers(1_000 + np.arange(60_000) // 240, np.arange(60_000) < 30_000),
    Writers(np.arange(COUNT) // 10, np.arange(COUNT) < COUNT // 2),
)


def make(
    experiment: str,
    errors: Sequence[int],
    row: str | None = None,
    data: str = "mnist",
    profile: str = "full",
) -> Result:
    """Runs of one experiment, each wrong on as many digits, the first ones that its seed draws."""
    label = (np.arange(COUNT) % 10).astype(np.uint8)
    prediction = np.tile(label, (len(errors), 1))
    margin = np.ones(prediction.shape, np.float16)
    for seed, count in enumerate(errors):
        wrong = np.random.default_rng(seed).permutation(COUNT)[:count]
        prediction[seed, wrong] = (label[wrong] + 1) % 10
        margin[seed, wrong] = 0.5
    runs = tuple(
        {
            "seed": seed,
            "run": f"{seed:02d}{experiment}".ljust(32, "0"),
            "commit": "c0ffee" + "0" * 34,
            "dirty": False,
            "threads": 1,
            "versions": {"torch": "2.13.0"},
            "metrics": {
                "test/error": count / COUNT,
                "macs": 400_000.0,
                "variables": 60_000.0,
                "training_seconds": 30.0,
            },
            "curves": {"train/error": [0.1, 0.05], "figure_5/test_error": [0.2, count / COUNT]},
        }
        for seed, count in enumerate(errors)
    )
    about = (experiment, row or experiment, data, "d" * 64, profile, runs)
    return Result(*about, label, prediction, margin)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Saves results where a report is made from them."""

    def saved(*found: Result) -> Path:
        for result in found:
            results.save(result, tmp_path / "results" / result.experiment)
        (tmp_path / "results").mkdir(exist_ok=True)
        return tmp_path / "results"

    return saved


def whole(data: str = "mnist") -> list[Result]:
    """Something for every figure that is made from predictions and curves."""
    found = [make(name, [5, 7], data=data) for name in ("lenet5", "lenet5_dist", "knn", "lenet4")]
    found += [make("knn_deslant", [12], data=data)]
    of_lenet5 = {*groups.CELLS.values(), *groups.PATH, groups.LITERAL, groups.NOISE}
    of_lenet5 |= {"lenet5_15000", "lenet5_30000"}
    found += [make(name, [6, 9], "lenet5", data) for name in sorted(of_lenet5 - {"lenet5"})]
    return found


def rows(found: dict[str, Result]) -> pd.DataFrame:
    """The table of results, evaluated."""
    return tables.rows(found, evaluation.evaluate(found, WRITERS))


def build(folder: Path, reports: Path, readme: Path | None = None) -> None:
    """The stages evaluate and report."""
    figures = evaluation.evaluate(results.load_all(folder), WRITERS)
    results.save_figures(figures, reports / results.FIGURES)
    report.build(folder, reports, readme)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of everything, and the report of them."""
    root = tmp_path_factory.mktemp("study")
    for result in whole():
        results.save(result, root / "results" / result.experiment)
    build(root / "results", root / "reports")
    return root
