"""Boosting of three nets (III.C.9), after H. Drucker, R. Schapire, P. Simard, "Boosting
performance in neural networks", IJPRAI 7(4), 1993.

Net 1 is trained as usual, net 2 on patterns half of which net 1 gets wrong, net 3 on patterns on
which nets 1 and 2 disagree; their outputs are added. So many patterns come only from a stream
without end: the distorted digits, whose pattern p can be made from p. Training sets are therefore
lists of such numbers. How a net is trained is none of this module's business.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Stream = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From N numbers to N patterns and their N classes; any number from 0 on has a pattern."""

Scorer = Callable[[Tensor], Tensor]
"""From N patterns to N x 10 scores, larger is better."""

_CHUNK = 2048  # patterns of the stream at a time


@dataclass(frozen=True)
class Boosted:
    """Three trained nets as one classifier."""

    nets: tuple[Scorer, Scorer, Scorer]

    def scores(self, patterns: Tensor) -> Tensor:
        """The outputs added: N patterns -> N x 10."""
        first, second, third = (net(patterns) for net in self.nets)
        return first + second + third


def boost(
    train: Callable[[list[Tensor]], list[Scorer]],
    stream: Stream,
    first_set: Tensor,
    size: int,
    limit: int,
    seeds: int,
) -> list[Boosted]:
    """Trains the three nets one after the other, for several seeds side by side.

    Args:
        train: from the numbers of one training set a seed to one trained net a seed.
        stream: where the patterns are made.
        first_set: the numbers that net 1 is trained on. The others are mined beyond the largest
            of them, so that net 1 is judged on patterns that it has not seen.
        size: patterns in the sets of nets 2 and 3.
        limit: patterns of the stream to look through for each of the two.
        seeds: how many.

    Raises:
        ValueError: the stream has too few of the patterns wanted within the limit.
    """
    firsts = train([first_set] * seeds)
    start = int(first_set.max()) + 1
    sets = [second_set(first, stream, size, start, limit) for first in firsts]
    seconds = train(sets)
    starts = [int(numbers.max()) + 1 for numbers in sets]
    sets = [
        third_set(first, second, stream, size, start, limit)
        for first, second, start in zip(firsts, seconds, starts, strict=True)
    ]
    return [Boosted(nets) for nets in zip(firsts, seconds, train(sets), strict=True)]


def second_set(first: Scorer, stream: Stream, size: int, start: int, limit: int) -> Tensor:
    """Numbers of patterns that net 1 gets wrong and right, one right after each wrong one.

    Right and wrong ones come from the same stretch of the stream, as if a coin were thrown for
    each next pattern.

    Args:
        first: net 1.
        size: how many patterns, an even number.
        start: the first number of the stream to look at.
        limit: how many numbers to look at, at most.

    Raises:
        ValueError: too few within the limit, or an odd size.
    """
    if size % 2:
        raise ValueError(f"size={size} has no half; ask for an even number of patterns")

    def pairs(patterns: Tensor, labels: Tensor) -> Tensor:
        right = first(patterns).argmax(1) == labels
        wrong, correct = (~right).nonzero()[:, 0], right.nonzero()[:, 0]
        few = min(len(wrong), len(correct))
        return torch.stack([wrong[:few], correct[:few]], 1).flatten()

    return _mined(pairs, stream, size, start, limit, "errors of net 1 paired with right answers")


def third_set(
    first: Scorer, second: Scorer, stream: Stream, size: int, start: int, limit: int
) -> Tensor:
    """Numbers of patterns on which nets 1 and 2 disagree, in the order of the stream.

    Args:
        first, second: nets 1 and 2.
        size, start, limit: as for the second set.

    Raises:
        ValueError: too few within the limit.
    """

    def disagreements(patterns: Tensor, labels: Tensor) -> Tensor:
        return (first(patterns).argmax(1) != second(patterns).argmax(1)).nonzero()[:, 0]

    return _mined(disagreements, stream, size, start, limit, "disagreements of nets 1 and 2")


def mean_calls(first: Tensor, threshold: float) -> float:
    """The mean number of nets called when net 1 ends the matter if it is sure (paper: 1.75).

    Args:
        first: N x 10 scores of net 1.
        threshold: net 1 is sure where its two best scores differ by at least this much.
    """
    return 1 + 2 * (_margins(first) < threshold).double().mean().item()


def cascade(first: Tensor, added: Tensor, threshold: float) -> Tensor:
    """The N classes answered when nets 2 and 3 are called only if net 1 is unsure.

    Args:
        first, added: N x 10 scores of net 1 and of all three.
        threshold: as for ``mean_calls``.
    """
    return torch.where(_margins(first) >= threshold, first.argmax(1), added.argmax(1))


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


def _chunks(start: int, limit: int) -> Iterator[Tensor]:
    for first in range(start, start + limit, _CHUNK):
        yield torch.arange(first, min(first + _CHUNK, start + limit))


def _mined(
    wanted: Callable[[Tensor, Tensor], Tensor],
    stream: Stream,
    size: int,
    start: int,
    limit: int,
    what: str,
) -> Tensor:
    """The first ``size`` numbers of which ``wanted`` gives the places in their chunk."""
    found: list[Tensor] = []
    count = 0
    for numbers in _chunks(start, limit):
        some = numbers[wanted(*stream(numbers))]
        if count * 10 // size < (count + len(some)) * 10 // size:
            log.info("%d of %d %s", min(count + len(some), size), size, what)
        found.append(some)
        count += len(some)
        if count >= size:
            return torch.cat(found)[:size]
    raise ValueError(
        f"only {count} of {size} {what} in {limit} patterns: ask for fewer or raise the limit"
    )
