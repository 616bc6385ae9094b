"""Many copies of one small net, trained side by side in SIMD lanes, one pattern per update."""

from lenet.learning.lanes.engine import Lanes

__all__ = ["Lanes"]
