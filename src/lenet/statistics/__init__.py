"""Statistics of error rates: across seeds, beside the paper, between methods.

Pure functions of which classifier got which digit wrong. ``wrong`` is (S, N) bool: S seeds of one
method on the same N test digits; `Writers` say who wrote these. Everything is a fraction, not per
cent; whatever is random takes a numpy Generator. docs/statistics.md tells what each figure counts
and how well it covers.
"""

from lenet.statistics.claims import (
    CONTRADICTED,
    HOLDS,
    OPEN,
    UNTESTABLE,
    VERDICTS,
    Evidence,
    below,
    beside,
    counted,
    detectable,
    every,
    within,
)
from lenet.statistics.comparisons import Comparison, compare, holm, mcnemar
from lenet.statistics.components import components
from lenet.statistics.effects import effects
from lenet.statistics.estimates import (
    Estimate,
    Writers,
    estimate,
    mean_error,
    of_values,
    on_two_sets,
    students_less_employees,
)
from lenet.statistics.intervals import Interval, wilson
from lenet.statistics.rejection import Resamples, rejection

__all__ = [
    "CONTRADICTED",
    "HOLDS",
    "OPEN",
    "UNTESTABLE",
    "VERDICTS",
    "Comparison",
    "Estimate",
    "Evidence",
    "Interval",
    "Resamples",
    "Writers",
    "below",
    "beside",
    "compare",
    "components",
    "counted",
    "detectable",
    "effects",
    "estimate",
    "every",
    "holm",
    "mcnemar",
    "mean_error",
    "of_values",
    "on_two_sets",
    "rejection",
    "students_less_employees",
    "wilson",
    "within",
]
