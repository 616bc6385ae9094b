"""Figures of the study show what they say."""

import numpy as np
import pytest
from tests.report.conftest import make, rows

from lenet.report import groups, tables
from lenet.report.figures import cost as figures_cost
from lenet.report.figures import errors as figures_errors
from lenet.report.figures import learning as figures_learning
from lenet.report.figures import rows as figures_rows
from lenet.report.figures import style
from lenet.study.evaluation import evaluate


def test_pairs_are_counted_in_the_mean_over_seeds():
    result = make("lenet5_dist", [4, 8])  # every error gives the next class
    counts = result.pairs
    assert counts.sum() == pytest.approx(6)
    next_class = counts[np.arange(10), (np.arange(10) + 1) % 10]
    assert next_class.sum() == pytest.approx(6)


def test_the_paper_is_like_itself():
    from lenet import paper

    table = np.array(paper.FIGURE_8)
    assert table.sum() == 82
    assert table.diagonal().sum() == 0
    assert figures_errors.rank_correlation(table.astype(float)) == pytest.approx(1)


def test_rejection_takes_the_least_margins_first():
    wrong = np.array([True, False, True, False])
    margin = np.array([0.1, 0.9, 0.8, 0.2])
    found = figures_errors.rejection_curve(wrong, margin, np.array([0, 0.25, 0.5, 0.75]))
    np.testing.assert_allclose(found, [1 / 2, 1 / 3, 1 / 2, 0])


def test_digits_that_every_seed_misses_are_framed():
    result = make("lenet5_dist", [3, 0])
    result.prediction[1] = result.prediction[0]
    result.prediction[1, np.flatnonzero(result.wrong[0])[0]] = result.label[
        np.flatnonzero(result.wrong[0])[0]
    ]
    index = np.flatnonzero(result.wrong.any(0))
    figure = figures_errors.figure_8_digits(result, index, np.zeros((3, 28, 28), np.uint8))
    axes = figure.axes[0]
    assert len(axes.texts) == 3
    assert len(axes.patches) == 2
    label = result.label[index]
    assert {text.get_text() for text in axes.texts} == {f"{i}→{(i + 1) % 10}" for i in label}


def test_figure_9_says_every_number_once():
    table = rows({"lenet5": make("lenet5", [5, 10])})
    axes = figures_rows.figure_9(table).axes[0]
    said = [text.get_text() for text in axes.texts]
    assert said.count("1.50") == 1  # ours
    assert said.count("–") == 26  # not trained
    assert said.count("12.00") == 1  # the paper's linear row
    assert [label.get_text() for label in axes.get_yticklabels()] == table["label"].tolist()


def test_second_configs_are_drawn_below_the_row_they_stand_beside():
    found = {
        name: make(name, [errors], row)
        for name, errors, row in (
            ("lenet5", 5, "lenet5"),
            ("mine, of two words", 10, "lenet5"),
            ("linear_least_squares", 50, "linear"),
        )
    }
    table = rows(found)
    axes = figures_rows.figure_9(table).axes[0]
    heights = {
        round(float(line.get_xdata()[0]), 2): float(line.get_ydata()[0])
        for line in axes.lines
        if line.get_markersize() == 3.5
    }
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert heights == {2: labels.index("LeNet-5") + 0.3, 10: labels.index("Linear") + 0.3}


def test_rows_that_none_beats_in_error_and_cost_are_the_pareto_front():
    found = {name: make(name, [errors]) for name, errors in (("linear", 50), ("knn", 20))}
    found["lenet5"] = make("lenet5", [5])
    table = rows(found)
    table["macs"] = table["row"].map({"linear": 1_000, "knn": 900_000, "lenet5": 2_000})
    assert figures_cost.pareto_front(table)["row"].tolist() == ["linear", "lenet5"]


def test_the_learning_curve_is_the_mean_over_seeds():
    result = make("lenet5", [5, 15])
    axes = figures_learning.figure_5(result).axes[0]
    test = next(line for line in axes.lines if line.get_label() == "test")
    np.testing.assert_allclose(test.get_ydata(), [20, 2])


@pytest.mark.parametrize(
    ("value", "text"), [(60, "60"), (4_010, "4.01 k"), (999_999, "1 M"), (24e6, "24 M")]
)
def test_quantities_have_three_figures(value, text):
    assert style.quantity(value) == text


def test_a_seed_that_fails_is_named_and_does_not_hide_the_others():
    failing = {"lenet5_relu_rbf": 400}
    found = {
        name: make(name, [5, 6, failing.get(name, 7)], "lenet5") for name in groups.CELLS.values()
    }
    drawn = figures_learning.all_figures(found, tables.effects(evaluate(found)))
    figure, caption = drawn["figure_beyond_ablation_cells"]
    assert "Of the 3 seeds of average pooling, ReLU, RBF output 1 failed: 80.0 %." in caption
    assert "rest on that" in drawn["figure_beyond_ablation"][1]
    assert figure.axes[0].get_xscale() == "log"
