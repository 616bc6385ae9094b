"""Small nets in SIMD lanes: copies of one net side by side, one pattern per update; or the digits
of a mini-batch side by side, for one net's gradient."""

from lenet.learning.lanes.batch import BatchLanes
from lenet.learning.lanes.engine import Lanes

__all__ = ["BatchLanes", "Lanes"]
