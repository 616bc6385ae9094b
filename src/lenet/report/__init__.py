"""The report: everything from `results/` to `reports/`, the figures of a run, and the pad alone.

It trains nothing and knows no net. Importing it is cheap: what draws is imported by what is called.
"""

from lenet.report import groups, run_figures
from lenet.report.drawn import load_pictures
from lenet.report.groups import caveat
from lenet.report.pipeline import build, pad

__all__ = ["build", "caveat", "groups", "load_pictures", "pad", "run_figures"]
