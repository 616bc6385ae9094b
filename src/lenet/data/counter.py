"""Random bits by their place: the same whatever was drawn before, and in whatever batches."""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def bits(keys: tuple[int, ...], numbers: NDArray[np.int64], columns: int) -> NDArray[np.uint64]:
    """N x columns random words, a function of keys, number and column alone.

    SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) read
    at places of its sequence: its state is a counter, so any place can be reached at once.

    Args:
        keys: what tells one sequence from another, each from 0 on.
        numbers: (N,), from 0 on.
    """
    start = np.zeros(1, np.uint64)
    for key in keys:
        start = _mixed(start + np.array([key + 1], np.uint64) * _GOLDEN)
    column = np.arange(1, columns + 1, dtype=np.uint64)
    place = numbers.astype(np.uint64)[:, None] * np.uint64(columns) + column
    return _mixed(start + place * _GOLDEN)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
