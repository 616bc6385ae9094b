"""Boosting of three nets (III.C.9), after H. Drucker, R. Schapire, P. Simard, "Boosting
performance in neural networks", IJPRAI 7(4), 1993.

Net 1 is trained as usual, net 2 on patterns half of which net 1 gets wrong, net 3 on patterns on
which nets 1 and 2 disagree; their outputs are added. So many patterns come only from a stream
without end: the distorted digits, whose pattern p can be made from p. Training sets are therefore
lists of such numbers. How a net is trained is none of this module's business.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Stream = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From N numbers to N patterns and their N classes; any number from 0 on has a pattern."""

Scorer = Callable[[Tensor], Tensor]
"""From N patterns to K x N x 10 scores of K nets, one a seed; larger is better."""

_CHUNK = 2048  # patterns of the stream at a time


def boost(
    train: Callable[[Tensor], Scorer], stream: Stream, first_set: Tensor, size: int, limit: int
) -> tuple[Scorer, Scorer, Scorer]:
    """Trains the three nets one after the other, those of K seeds side by side. What a seed
    learns from does not depend on the others.

    Args:
        train: from K x M, the numbers of a training set for each seed, to K trained nets.
        stream: where the patterns are made.
        first_set: K x M, what net 1 is trained on. The other sets are mined beyond the largest of
            these numbers, so that net 1 is judged on patterns that it has not seen.
        size: patterns in the sets of nets 2 and 3.
        limit: patterns of the stream to look through for each of the two.

    Raises:
        ValueError: the stream has too few of the patterns wanted within the limit.
    """
    first = train(first_set)
    sets = second_sets(first, stream, size, first_set.max(1).values + 1, limit)
    second = train(sets)
    sets = third_sets(first, second, stream, size, sets.max(1).values + 1, limit)
    return first, second, train(sets)


def second_sets(first: Scorer, stream: Stream, size: int, starts: Tensor, limit: int) -> Tensor:
    """Numbers of patterns that net 1 gets wrong and right, one right after each wrong one.

    Right and wrong ones come from the same stretch of the stream, as if a coin were thrown for
    each next pattern.

    Args:
        first: net 1 of each seed.
        size: how many patterns, an even number.
        starts: K, the first number of the stream to look at.
        limit: how many numbers to look at, at most.

    Returns:
        K x size.

    Raises:
        ValueError: too few within the limit, or an odd size.
    """
    if size % 2:
        raise ValueError(f"size={size} has no half; ask for an even number of patterns")

    def pairs(patterns: Tensor, labels: Tensor) -> list[Tensor]:
        return [_pairs(right) for right in first(patterns).argmax(2) == labels]

    return _mined(pairs, stream, size, starts, limit, "errors of net 1 paired with right answers")


def third_sets(
    first: Scorer, second: Scorer, stream: Stream, size: int, starts: Tensor, limit: int
) -> Tensor:
    """Numbers of patterns on which nets 1 and 2 disagree, in the order of the stream.

    Args:
        first, second: nets 1 and 2 of each seed.
        size, starts, limit: as for the second set.

    Returns:
        K x size.

    Raises:
        ValueError: too few within the limit.
    """

    def disagreements(patterns: Tensor, labels: Tensor) -> list[Tensor]:
        differ = first(patterns).argmax(2) != second(patterns).argmax(2)
        return [of_seed.nonzero()[:, 0] for of_seed in differ]

    return _mined(disagreements, stream, size, starts, limit, "disagreements of nets 1 and 2")


def _pairs(right: Tensor) -> Tensor:
    """The places of wrong and right answers by turns, as many of each as there are."""
    wrong, correct = (~right).nonzero()[:, 0], right.nonzero()[:, 0]
    few = min(len(wrong), len(correct))
    return torch.stack([wrong[:few], correct[:few]], 1).flatten()


def mean_calls(first: Tensor, threshold: float) -> float:
    """The mean number of nets called when net 1 ends the matter if it is sure (paper: 1.75).

    Args:
        first: N x 10 scores of net 1.
        threshold: net 1 is sure where its two best scores differ by at least this much.
    """
    return 1 + 2 * (_margins(first) < threshold).double().mean().item()


def sparing_threshold(first: Tensor, added: Tensor, labels: Tensor) -> float:
    """The threshold that calls the fewest nets without more errors than all three make.

    To be chosen on validation patterns.

    Args:
        first, added: N x 10 scores of net 1 and of all three.
        labels: the N classes.

    Returns:
        One of net 1's margins, or infinity if net 1 may never end the matter.
    """
    margins, order = _margins(first).sort(descending=True)
    wrong_alone = (first.argmax(1) != labels)[order].long()
    wrong_added = (added.argmax(1) != labels)[order].long()
    surplus = (wrong_alone - wrong_added).cumsum(0)  # if the first n + 1 are net 1's alone
    ends_a_tie = torch.ones_like(margins, dtype=torch.bool)
    ends_a_tie[:-1] = margins[:-1] > margins[1:]
    fitting = margins[(surplus <= 0) & ends_a_tie]
    return fitting[-1].item() if len(fitting) else float("inf")


def _margins(scores: Tensor) -> Tensor:
    best = scores.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def _mined(
    wanted: Callable[[Tensor, Tensor], list[Tensor]],
    stream: Stream,
    size: int,
    starts: Tensor,
    limit: int,
    what: str,
) -> Tensor:
    """For each seed the first ``size`` numbers, from its start on, of which ``wanted`` gives the
    places in a chunk: K x size. The stream is made once for all seeds."""
    found: list[list[Tensor]] = [[] for _ in starts]
    counts = [0] * len(starts)
    tenths = 0
    for first in range(int(starts.min()), int(starts.max()) + limit, _CHUNK):
        numbers = torch.arange(first, first + _CHUNK)
        for k, places in enumerate(wanted(*stream(numbers))):
            some = numbers[places]
            some = some[(some >= starts[k]) & (some < starts[k] + limit)]
            found[k].append(some)
            counts[k] += len(some)
        if tenths < min(counts) * 10 // size:
            tenths = min(counts) * 10 // size
            log.info("%d of %d %s", min(*counts, size), size, what)
        if min(counts) >= size:
            return torch.stack([torch.cat(some)[:size] for some in found])
    raise ValueError(
        f"only {min(counts)} of {size} {what} in {limit} patterns: ask for fewer or raise the limit"
    )
