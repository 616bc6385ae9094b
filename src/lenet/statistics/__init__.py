"""Statistics of error rates: across seeds, beside the paper, between methods.

Pure functions of which classifier got which digit wrong. ``wrong`` is (S, N) bool: S seeds of one
method on the same N test digits. Everything is a fraction, not per cent; whatever is random takes
a numpy Generator. docs/statistics.md tells what each figure counts and how well it covers.
"""

from lenet.statistics.comparisons import Comparison, holm, mcnemar, paired_bootstrap
from lenet.statistics.effects import effects
from lenet.statistics.intervals import Interval, Verdict, mean_error, verdict, wilson

__all__ = [
    "Comparison",
    "Interval",
    "Verdict",
    "effects",
    "holm",
    "mcnemar",
    "mean_error",
    "paired_bootstrap",
    "verdict",
    "wilson",
]
