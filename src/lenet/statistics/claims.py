"""Whether data show a claim, contradict it, or cannot tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet.statistics.estimates import Estimate, Writers, combined, estimate

HOLDS, OPEN, CONTRADICTED = "holds", "not contradicted", "contradicted"
UNTESTABLE = "not testable here"
VERDICTS = (HOLDS, OPEN, CONTRADICTED, UNTESTABLE)

LEVEL = 0.05  # of all verdicts of a ledger together
POWER = 0.8  # with which a difference could have been shown


@dataclass(frozen=True)
class Evidence:
    """What data say of a claim.

    Attributes:
        holds: the p value of the claim being false; where it is small, the claim holds.
        contradicted: the p value of the claim being true.
        estimate: the least sure one that it rests on; None for what was counted, not drawn.
    """

    holds: float
    contradicted: float
    estimate: Estimate | None = None

    @property
    def p(self) -> float:
        """Two-sided: either could have been found."""
        return min(1.0, 2 * min(self.holds, self.contradicted))

    def verdict(self, p: float) -> str:
        """`HOLDS`, `OPEN` or `CONTRADICTED`, by ``p`` adjusted for all that is looked at."""
        if p >= LEVEL:
            return OPEN
        return HOLDS if self.holds < self.contradicted else CONTRADICTED

    def showable(self, claims: int) -> float:
        """The smallest distance from a claim's bound that would have been shown with a power of
        80 %, as one of so many claims."""
        if self.estimate is None:
            return 0.0
        level = 1 - LEVEL / 2 / claims
        return (self.estimate.quantile(level) + self.estimate.quantile(POWER)) * self.estimate.error

    def digits(self, claims: int, margin: float, count: int) -> float:
        """How many digits rather than ``count`` would show equivalence within a margin where
        nothing differs, with that power and as one of so many claims."""
        if self.estimate is None:
            return 0.0
        level = 1 - LEVEL / 2 / claims
        quantiles = self.estimate.quantile(level) + self.estimate.quantile((1 + POWER) / 2)
        return float(count * (quantiles * self.estimate.error / margin) ** 2)


def within(found: Estimate, margin: float) -> Evidence:
    """The claim that a truth lies within ±margin: two one-sided tests (D. J. Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987) for it, one of the interval against it."""
    outside = Estimate(abs(found.value), found.variance, found.freedom)
    return Evidence(
        max(found.above(-margin), found.below(margin)),
        min(1.0, outside.above(margin) + outside.above(-margin))
        if outside.variance
        else outside.above(margin),
        found,
    )


def below(found: Estimate, bound: float = 0.0) -> Evidence:
    """The claim that a truth lies below a bound."""
    return Evidence(found.below(bound), found.above(bound), found)


def counted(true: bool) -> Evidence:
    """A claim about what is counted and not drawn: no chance is in it."""
    return Evidence(float(not true), float(true))


def every(parts: Iterable[Evidence]) -> Evidence:
    """The claim that several hold: it does if each is shown (an intersection-union test), and does
    not if any is contradicted (by Bonferroni's correction)."""
    parts = list(parts)
    weakest = max(
        (part for part in parts if part.estimate is not None),
        key=lambda part: part.holds,
        default=Evidence(0.0, 1.0),
    )
    return Evidence(
        max(part.holds for part in parts),
        min(1.0, len(parts) * min(part.contradicted for part in parts)),
        weakest.estimate,
    )


def beside(wrong: NDArray[np.bool_], paper_error: float, paper_count: int) -> Estimate:
    """Our mean error less the paper's, which is one run on ``paper_count`` digits.

    The two are put together as if their digits were others and strangers. The digits are the same
    ones, whose writers are hard or easy for both: between classifiers of like error the standard
    error of a difference, with writers as clusters, is 0.7 times this in the median and hardly ever
    larger (docs/statistics.md). The paper's seed, a draw, too, and its rounding are left out.

    Args:
        wrong: (S, N), of ours.
        paper_error: a fraction.
        paper_count: digits it was measured on.
    """
    ours = estimate([wrong])
    theirs = _draw_of_paper(paper_error, paper_count)
    return combined(ours.value - paper_error, [(ours.variance, ours.freedom), theirs])


def _draw_of_paper(error: float, count: int) -> tuple[float, float]:
    return error * (1 - error) / count, count - 1


def detectable(
    methods: Sequence[NDArray[np.bool_]],
    seeds: int,
    writers: Writers | None = None,
    paper: tuple[float, int] | None = None,
) -> float:
    """The smallest difference that so many seeds show with a power of 80 %, at a level of 5 %.

    The variance is that of `estimate`, but with the spread of all S seeds rather than of the few
    themselves; what the draw of digits adds is the mean over all groups of that many seeds.

    Args:
        methods: one beside the paper, or two on the same digits; (S, N) each, of many seeds.
        seeds: of each method, at most S.
        writers: of the N digits.
        paper: the error that one method is held against, and of how many digits.
    """
    spread = [(wrong.mean(1).var(ddof=1) / seeds, len(wrong) - 1) for wrong in methods]
    groups = [
        wrong[: len(wrong) // seeds * seeds].reshape(-1, seeds, wrong.shape[1]).mean(1)
        for wrong in methods
    ]
    weights = (1.0, -1.0)[: len(methods)]
    draws = [
        estimate([digits[None] for digits in group], weights, writers)
        for group in zip(*groups, strict=True)
    ]
    draw = [float(np.mean([getattr(each, of) for each in draws])) for of in ("variance", "freedom")]
    parts = [*spread, (draw[0], draw[1]), *([_draw_of_paper(*paper)] if paper else [])]
    return Evidence(0.0, 1.0, combined(0.0, parts)).showable(1)
