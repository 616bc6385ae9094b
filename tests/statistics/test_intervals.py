"""Wilson's interval, against values worked by hand and scipy's."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binomtest

from lenet.statistics import wilson


def test_wilson_by_hand() -> None:
    # centre (p + z^2/2n) / (1 + z^2/n), z = 1.959964: p = 95 / 10,000
    low, high = wilson(95, 10_000)
    assert low == pytest.approx(0.0077782, abs=1e-7)
    assert high == pytest.approx(0.0115986, abs=1e-7)


@pytest.mark.parametrize(("errors", "count"), [(0, 60), (60, 60), (1, 7), (95, 10_000)])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_wilson_is_scipys_to_the_last_bit(errors: int, count: int, confidence: float) -> None:
    expected = binomtest(errors, count).proportion_ci(confidence, method="wilson")
    assert wilson(errors, count, confidence) == tuple(expected)


@pytest.mark.parametrize(("errors", "count"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_refuses_what_is_no_rate(errors: int, count: int) -> None:
    with pytest.raises(ValueError, match="patterns"):
        wilson(errors, count)


def test_wilson_needs_none_of_the_slow_libraries() -> None:
    code = (
        "import sys; from lenet.statistics import wilson; wilson(95, 10_000); "
        "print({'scipy.stats', 'pandas', 'statsmodels'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_wilson_covers_95_per_cent() -> None:
    generator = np.random.default_rng(0)
    rates = generator.uniform(0.005, 0.05, size=20_000)
    errors = generator.binomial(10_000, rates)
    bounds = {k: wilson(int(k), 10_000) for k in np.unique(errors)}
    covered = np.mean(
        [bounds[k][0] <= p <= bounds[k][1] for k, p in zip(errors, rates, strict=True)]
    )
    assert 0.94 <= covered <= 0.96
