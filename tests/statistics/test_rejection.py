"""Rejection and its variance, against evaluation's own and values worked by hand."""

import numpy as np
import pytest

from lenet.evaluation import REJECTION_TARGET, evaluate_answers
from lenet.statistics import Resamples, Writers, rejection
from lenet.statistics.rejection import rejected


def answers(seed: int, count: int = 2_000, error: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """A run whose margins are coarse, so that many are equal, and tell a little."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(count) < error
    margin = np.round(generator.random(count) * np.where(wrong, 0.6, 1), 2).astype(np.float16)
    return wrong, margin


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_share_that_evaluation_gives(seed: int) -> None:
    wrong, margin = answers(seed)
    expected = evaluate_answers(wrong, margin).reject
    assert rejected(wrong, margin, REJECTION_TARGET) == pytest.approx(expected)


def test_no_error_needs_no_rejection() -> None:
    wrong, margin = answers(0, error=0)
    assert rejected(wrong, margin, REJECTION_TARGET).tolist() == [0]


def test_a_resample_is_as_if_its_digits_were_there() -> None:
    wrong, margin = answers(1, 400)
    draws = Resamples.draw(400, None, np.random.default_rng(0), 3)
    for times, share in zip(draws.times, rejected(wrong, margin, 0.01, draws), strict=True):
        drawn = np.repeat(np.arange(400), times.astype(int))
        assert share == pytest.approx(rejected(wrong[drawn], margin[drawn], 0.01)[0])


def test_writers_are_drawn_whole_and_kinds_keep_their_shares() -> None:
    who = Writers(np.arange(400) // 4, np.arange(400) < 100)
    draws = Resamples.draw(400, who, np.random.default_rng(0), 50)
    assert draws.times.shape == (50, 100)
    of_digits = draws.times[:, draws.cluster]
    assert of_digits[:, who.student].sum(1) == pytest.approx(100)
    assert of_digits.sum(1) == pytest.approx(400)
    whole = draws.times[:, draws.cluster[who.student]] * 24 / 25  # 24 of 25 students are drawn
    assert whole == pytest.approx(np.round(whole))


def test_a_difference_counts_digits_once_and_seeds_of_each() -> None:
    runs = [answers(seed) for seed in range(4)]
    a, b = (
        tuple(np.stack(part) for part in zip(*two, strict=True)) for two in (runs[:2], runs[2:])
    )
    draws = Resamples.draw(2_000, None, np.random.default_rng(0), 200)
    alone, same = rejection([a], (1,), 0.01, draws), rejection([a, a], (1, -1), 0.01, draws)
    shares = [rejected(*run, 0.01)[0] for run in runs]
    assert alone.value == pytest.approx(np.mean(shares[:2]))
    assert rejection([a, b], (1, -1), 0.01, draws).value == pytest.approx(
        np.mean(shares[:2]) - np.mean(shares[2:])
    )
    assert same.value == 0
    assert same.variance == pytest.approx(np.var(shares[:2], ddof=1))  # twice that over two seeds
