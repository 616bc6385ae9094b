"""Intervals, against published values and simulation."""

import numpy as np
import pytest

from lenet.statistics import wilson


def test_wilson_by_hand() -> None:
    # centre (p + z^2/2n) / (1 + z^2/n), z = 1.959964: p = 95 / 10,000
    low, high = wilson(95, 10_000)
    assert low == pytest.approx(0.0077782, abs=1e-7)
    assert high == pytest.approx(0.0115986, abs=1e-7)


def test_wilson_covers_95_per_cent() -> None:
    generator = np.random.default_rng(0)
    errors = generator.binomial(10_000, 0.01, size=4_000)
    bounds = {k: wilson(int(k), 10_000) for k in np.unique(errors)}
    covered = np.mean([bounds[k][0] <= 0.01 <= bounds[k][1] for k in errors])
    assert 0.94 <= covered <= 0.96
