"""Where variance comes from: in the report as soon as all of its experiments have all seeds."""

from pathlib import Path

import numpy as np
import pytest
from tests.report.conftest import WRITERS, build, make

from lenet import results
from lenet.report import groups
from lenet.report.figures import style
from lenet.report.figures import variance as figures_variance
from lenet.results import Figures, Result
from lenet.study import evaluation

NAME = "figure_beyond_variance"


def many(seeds: int = groups.SEEDS) -> dict[str, Result]:
    """Experiments whose seeds err on 4 to 10 of 500 digits."""
    errors = np.random.default_rng(0).integers(4, 11, seeds).tolist()
    return {name: make(name, errors, "lenet5") for name in sorted(groups.OF_VARIANCE)}


@pytest.fixture(scope="module")
def evaluated() -> Figures:
    return evaluation.evaluate(many(), WRITERS)


def test_shares_add_up_and_more_seeds_show_more(evaluated: Figures) -> None:
    shares = evaluated["variance"]
    assert [each["source"] for each in shares] == list(figures_variance.SOURCES)
    assert sum(each["share"] for each in shares) == pytest.approx(1)
    one, five, hundred = evaluated["detectable"]
    assert (one["seeds"], five["seeds"], hundred["seeds"]) == (1, 5, 100)
    for of in ("paper", "pair"):
        assert one[of] > five[of] > hundred[of] > 0


@pytest.mark.parametrize("less", ["fewer seeds", "one missing", "unknown writers"])
def test_of_less_nothing_is_told(less: str) -> None:
    found = many(20) if less == "fewer seeds" else many()
    if less == "one missing":
        del found[groups.CROSSED]
    figures = evaluation.evaluate(found, None if less == "unknown writers" else WRITERS)
    assert (figures["variance"], figures["detectable"]) == ([], [])
    assert figures_variance.all_figures(found, figures) == {}


@pytest.mark.parametrize("width", [style.WIDTH, style.NARROW])
def test_the_figure_has_a_mark_a_seed_beside_the_paper(evaluated: Figures, width: float) -> None:
    found = many()
    figure = figures_variance.all_figures(found, evaluated)[NAME].draw(width)
    for axes, name in zip(figure.axes, groups.OF_SEEDS, strict=False):
        marks, dotted = axes.lines
        np.testing.assert_allclose(marks.get_xdata(), 100 * found[name].errors)
        assert list(dotted.get_xdata()) == [0.95, 0.95]
        alike = np.asarray(marks.get_ydata())[found[name].errors == found[name].errors[0]]
        assert alike.tolist() == list(range(1, len(alike) + 1))
    *_, seeds, shares = figure.axes
    assert [label.get_text() for label in seeds.get_yticklabels()] == [
        *("1 seed", "5 seeds", "100 seeds")
    ]
    assert len(shares.get_yticklabels()) == 5


def test_the_report_tells_it_where_it_says_how_sure_one_can_be(tmp_path: Path) -> None:
    found = many() | {"lenet5": make("lenet5", [5, 6])}
    for name, result in found.items():
        results.save(result, tmp_path / "results" / name)
    build(tmp_path / "results", tmp_path / "reports")
    page = (tmp_path / "reports" / "index.html").read_text()
    section = page[page.index('<section id="certainty">') : page.index('<section id="method">')]
    section = section.replace("&#39;", "'")
    assert f'<figure id="{NAME}">' in section
    assert "The variance of LeNet-5's test error comes" in section
    assert "difference from the paper's figure that could be shown: 1 seed" in section
    assert (tmp_path / "reports" / "figures" / f"{NAME}.png").is_file()
