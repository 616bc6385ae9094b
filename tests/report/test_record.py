"""The record: in the report as soon as both of its nets have all seeds."""

from pathlib import Path

import numpy as np
import pytest
from tests.report.conftest import WRITERS, build, make

from lenet import results
from lenet.report import groups
from lenet.report.figures import record, style
from lenet.results import Result
from lenet.study import evaluation

NAME = "figure_beyond_record"


def both(seeds: int = groups.SEEDS) -> dict[str, Result]:
    """Nets whose seeds err on 4 and 5 of 500 digits, 99.1 % in the mean, and on 9 and 10."""
    best, taught = groups.RECORDS
    return {
        best: make(best, [4, 5] * (seeds // 2), "lenet5"),
        taught: make(taught, [9, 10] * (seeds // 2), "lenet5"),
    }


@pytest.mark.parametrize("less", ["fewer seeds", "one missing"])
def test_of_less_nothing_is_told(less: str) -> None:
    found = both(20) if less == "fewer seeds" else both()
    if less == "one missing":
        del found["lenet5_modern_record"]
    assert record.all_figures(found, evaluation.evaluate(found, WRITERS)) == {}


@pytest.mark.parametrize("width", [style.WIDTH, style.NARROW])
def test_the_figure_has_a_mark_a_seed_and_their_mean(width: float) -> None:
    found = both()
    figure = record.all_figures(found, evaluation.evaluate(found, WRITERS))[NAME].draw(width)
    for axes, result in zip(figure.axes, found.values(), strict=True):
        marks, aim, mean = axes.lines
        accuracies = 100 * (1 - result.errors)
        np.testing.assert_allclose(marks.get_xdata(), accuracies)
        assert np.asarray(marks.get_ydata()).max() == groups.SEEDS / 2  # of the same accuracy
        assert list(aim.get_xdata()) == [99, 99]
        np.testing.assert_allclose(mean.get_xdata(), accuracies.mean())


@pytest.mark.parametrize("known", [True, False])
def test_the_words_tell_mean_interval_and_seconds(known: bool) -> None:
    found = both()
    figures = evaluation.evaluate(found, WRITERS if known else None)
    drawing = record.all_figures(found, figures)[NAME]
    told = drawing.finding.split("; ")[0]
    of_seeds = "max pooling, ReLU: 99.10 % in n=100, 30.0 s (95 % interval 99.08 to 99.12"
    assert told.startswith(of_seeds)
    assert (", with other writers 9" in told) == known
    assert "(threads: 1): the median of 100 seeds" in drawing.reading


def test_the_report_tells_it_where_it_says_what_an_error_rate_costs(tmp_path: Path) -> None:
    for name, result in (both() | {"lenet5": make("lenet5", [5, 6])}).items():
        results.save(result, tmp_path / "results" / name)
    build(tmp_path / "results", tmp_path / "reports")
    page = (tmp_path / "reports" / "index.html").read_text()
    section = page[page.index('<section id="costs">') : page.index('<section id="parts">')]
    assert f'<figure id="{NAME}">' in section
    assert "max pooling, ReLU: 99.10 % in n=100, 30.0 s" in section
    assert (tmp_path / "reports" / "figures" / f"{NAME}.png").is_file()
