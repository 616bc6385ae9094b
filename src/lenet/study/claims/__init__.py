"""Every claim of section III, and three of II, held against the results: a verdict on each.

`ledger` says what is claimed, `evidence` how results are asked, `margins` what counts as alike,
much or far, and why.
"""

from lenet.study.claims.evidence import Study, beside
from lenet.study.claims.judge import Judged, judge

__all__ = ["Judged", "Study", "beside", "judge"]
