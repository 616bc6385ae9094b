"""Figures of scores, against values worked by hand."""

import numpy as np
import pytest

from lenet.evaluation import evaluate, evaluate_answers, margins, threshold


def scores_of(given: list[int], margin: list[float]) -> np.ndarray:
    """Scores whose best class is `given` and whose two best differ by `margin`."""
    scores = np.zeros((len(given), 10))
    scores[np.arange(len(given)), given] = margin
    return scores


def test_margin_is_between_the_two_best() -> None:
    scores = np.array([[0, 3, 1, 2.5, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0.0]])
    assert margins(scores).tolist() == [0.5, 0.0]


def test_errors_and_interval() -> None:
    labels = np.zeros(100, dtype=int)
    result = evaluate(scores_of([0] * 95 + [1] * 5, [1.0] * 100), labels)
    assert (result.count, result.errors, result.error) == (100, 5, 0.05)
    assert result.low == pytest.approx(0.02154, abs=1e-5)  # Wilson, by hand
    assert result.high == pytest.approx(0.11175, abs=1e-5)


def test_nothing_is_rejected_where_few_are_wrong() -> None:
    labels = np.zeros(1000, dtype=int)
    assert evaluate(scores_of([0] * 995 + [1] * 5, [1.0] * 1000), labels).reject == 0


def test_the_least_sure_go_first() -> None:
    labels = np.zeros(10, dtype=int)
    margin = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    scores = scores_of([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], margin)  # the second least sure is wrong
    assert evaluate(scores, labels).reject == pytest.approx(0.2)


def test_equal_margins_are_rejected_together() -> None:
    labels = np.zeros(4, dtype=int)
    scores = scores_of([1, 0, 0, 0], [0.5, 0.5, 0.5, 1.0])
    assert evaluate(scores, labels).reject == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("wrong", "target", "expected"),
    [
        ([0, 0, 0, 0], 0.25, 0.1),  # all may stay, the least sure too
        ([0, 0, 1, 1], 0.25, 0.4),
        ([0, 0, 1, 1], 0.35, 0.3),  # one wrong of three
        ([1, 0, 0, 0], 0.25, 0.1),  # more of the surer ones make up for the surest
        ([1, 1, 1, 1], 0.25, np.inf),
    ],
)
def test_the_threshold_keeps_as_many_as_the_target_lets(
    wrong: list[int], target: float, expected: float
) -> None:
    margin = np.array([0.5, 0.4, 0.3, 0.1])
    order = np.array([2, 0, 3, 1])  # in any order
    assert threshold(margin[order], np.array(wrong, bool)[order], target) == expected


def test_all_are_rejected_where_the_surest_is_wrong() -> None:
    assert evaluate(scores_of([1, 0], [2.0, 1.0]), np.zeros(2, dtype=int)).reject == 1


def test_figures_are_the_same_from_scores_and_from_what_is_kept() -> None:
    generator = np.random.default_rng(0)
    scores, labels = generator.normal(size=(500, 10)), generator.integers(10, size=500)
    kept = margins(scores)
    assert kept.dtype == np.float16
    assert evaluate_answers(scores.argmax(1) != labels, kept) == evaluate(scores, labels)


def test_scores_without_an_opinion_are_refused() -> None:
    scores = np.full((3, 10), np.nan)
    with pytest.raises(ValueError, match="not finite"):
        evaluate(scores, np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="shape"):
        evaluate(np.zeros((3, 2)), np.arange(3))
