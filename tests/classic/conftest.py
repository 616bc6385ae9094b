"""Small digits for the classical rows: scikit-learn's own, 8x8, in the paper's range of pixels."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lenet.paper import BACKGROUND, FOREGROUND


class Small(NamedTuple):
    x: np.ndarray  # (1347, 64) float32
    y: np.ndarray
    test_x: np.ndarray  # (450, 64)
    test_y: np.ndarray


@pytest.fixture(scope="session")
def small() -> Small:
    x, y = load_digits(return_X_y=True)
    x = (BACKGROUND + (FOREGROUND - BACKGROUND) * x / 16).astype(np.float32)
    test = np.arange(len(x)) % 4 == 0
    return Small(x[~test], y[~test], x[test], y[test])


@pytest.fixture(autouse=True)
def _one_thread():
    """So that times and last bits do not depend on the machine's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
