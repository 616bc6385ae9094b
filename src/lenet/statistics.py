"""Statistics of error rates. Pure functions; fractions, not per cent."""

from scipy.stats import binomtest


def wilson(errors: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the error rate of one classifier on ``count`` patterns.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927.
    """
    interval = binomtest(errors, count).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
