"""Figures of a run show what they say."""

import numpy as np

from lenet.report import run_figures as figures


def test_confusion_counts_true_by_given() -> None:
    figure = figures.confusion(np.array([0, 0, 1, 9]), np.array([0, 3, 1, 9]))
    axes = figure.axes[0]
    assert axes.get_title() == "1 errors of 4"
    shown = np.array([int(text.get_text()) for text in axes.texts]).reshape(10, 10)
    assert shown[0, 3] == shown[0, 0] == shown[1, 1] == shown[9, 9] == 1
    assert shown.sum() == 4


def test_misclassified_shows_each_error_with_its_pair() -> None:
    images = np.random.default_rng(0).random((5, 28, 28))
    figure = figures.misclassified(images, np.array([1, 2, 3, 4, 5]), np.array([1, 7, 3, 4, 6]))
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == ["2→7", "5→6"]
    page = np.asarray(axes.images[0].get_array())
    assert page.sum() == images[1].sum() + images[4].sum()


def test_misclassified_stops_at_a_page() -> None:
    count = figures.SHOWN_ERRORS + 5
    figure = figures.misclassified(
        np.zeros((count, 7, 7)), np.zeros(count, dtype=int), np.ones(count, dtype=int)
    )
    assert len(figure.axes[0].texts) == figures.SHOWN_ERRORS


def test_a_run_without_errors_shows_an_empty_page_that_says_so() -> None:
    figure = figures.misclassified(np.ones((2, 7, 7)), np.ones(2), np.ones(2))
    assert figure.get_suptitle() == "0 errors of 2, true → given"
    [axes] = figure.axes
    assert not axes.texts
    assert not np.asarray(axes.images[0].get_array()).any()


def test_learning_curve_draws_the_errors_in_per_cent() -> None:
    epochs = [
        {"train/error": 0.5, "validation/error": 0.4, "train/loss": 9.0},
        {"train/error": 0.1, "validation/error": 0.2, "train/loss": 1.0},
    ]
    axes = figures.learning_curve(epochs).axes[0]
    lines = [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata())]
    assert lines == [[50.0, 10.0], [40.0, 20.0]]
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
