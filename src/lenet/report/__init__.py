"""The report: everything from `results/` to `reports/`, and the figures of a run.

It trains nothing and knows no net. Importing it is cheap: what draws is imported by what is called.
"""

from lenet.report import groups, run_figures
from lenet.report.drawn import load_pictures
from lenet.report.groups import caveat
from lenet.report.pipeline import build

__all__ = ["build", "caveat", "groups", "load_pictures", "run_figures"]
