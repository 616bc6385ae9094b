"""Intervals of the error rate of one classifier. Fractions, not per cent."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Interval:
    """An error rate and its bounds."""

    mean: float
    low: float
    high: float


def wilson(errors: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the error rate of one classifier on ``count`` patterns.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927.

    Args:
        errors: 0 to ``count``.
        count: at least 1.
        confidence: the share of draws of patterns whose interval holds the error rate.

    Returns:
        The lower and the upper bound, fractions.

    Raises:
        ValueError: numbers outside their ranges.
    """
    from scipy.special import ndtri  # scipy.stats takes three times as long to import

    if not 0 <= errors <= count or count < 1:
        raise ValueError(f"{errors} errors on {count} patterns")
    rate = errors / count
    z = float(ndtri((1 + confidence) / 2))
    denominator = 2 * (count + z**2)
    centre = (2 * count * rate + z**2) / denominator
    half = z / denominator * sqrt(4 * count * rate * (1 - rate) + z**2)
    return (centre - half if errors else 0.0), (centre + half if errors < count else 1.0)
