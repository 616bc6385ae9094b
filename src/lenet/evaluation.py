"""From scores to figures. Knows digits and scores, no model.

Scores are N x classes, larger is better; labels are N, from 0 on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet.statistics import wilson

REJECTION_TARGET = 0.005  # III.D: the error on the patterns that are not rejected


@dataclass(frozen=True)
class Evaluation:
    """What scores on a set of labelled digits amount to."""

    count: int  # digits
    errors: int  # of them given a wrong class
    error: float  # a fraction
    low: float  # the 95 % interval of the error (Wilson)
    high: float
    reject: float  # the fraction to reject for 0.5 % error on the rest


def evaluate(scores: NDArray, labels: NDArray) -> Evaluation:
    """The figures of one run.

    Raises:
        ValueError: scores that are not one for each class and label, or not finite.
    """
    if scores.ndim != 2 or len(scores) != len(labels) or labels.max() >= scores.shape[1]:
        raise ValueError(f"scores of shape {scores.shape} for {len(labels)} labels")
    if not np.isfinite(scores).all():
        raise ValueError("scores are not finite: the classifier has no opinion on some digits")
    return evaluate_answers(scores.argmax(1) != labels, margins(scores))


def evaluate_answers(wrong: NDArray[np.bool_], margin: NDArray[np.float16]) -> Evaluation:
    """The figures of one run, from what is kept of its scores.

    Args:
        wrong: N, whether the class given is wrong.
        margin: N, of `margins`.
    """
    low, high = wilson(int(wrong.sum()), len(wrong))
    reject = float((margin < threshold(margin, wrong, REJECTION_TARGET)).mean())
    return Evaluation(len(wrong), int(wrong.sum()), float(wrong.mean()), low, high, reject)


def margins(scores: NDArray) -> NDArray[np.float16]:
    """The difference between the two best scores (III.D), what rejection goes by: N x classes -> N.

    In half precision, as it is kept: figures come out the same from scores and from what is kept.
    """
    second, best = np.partition(scores, -2, axis=1)[:, -2:].T
    with np.errstate(over="ignore"):
        return (best - second).astype(np.float16)


def threshold(margin: NDArray, wrong: NDArray, target: float) -> float:
    """The smallest threshold such that of the patterns whose margin is not below it at most the
    ``target`` fraction is wrong; infinite where there is none (III.D, Figure 10).

    Patterns of equal margin are rejected together, as no threshold tells them apart.

    Args:
        margin: N, the difference of the two best scores.
        wrong: N, whether the class given is wrong.
        target: a fraction.
    """
    order = np.argsort(-margin, kind="stable")
    errors = np.cumsum(wrong[order])
    kept = np.arange(1, len(order) + 1)
    last_of_margin = np.append(margin[order][1:] != margin[order][:-1], True)
    good = order[(errors <= target * kept) & last_of_margin]
    return float(margin[good[-1]]) if len(good) else np.inf
