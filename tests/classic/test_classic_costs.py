"""Multiply-accumulates and stored variables against Figures 11 and 12."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from lenet.classic.costs import costs
from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.polynomial import pca_quadratic
from lenet.classic.rbf import rbf_network
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM
from lenet.classic.tangent import TangentDistance
from lenet.paper import ROWS

PIXELS = {"regular": 28 * 28, "deslanted": 20 * 20, "16x16": 16 * 16}


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1_200, 784)).astype(np.float32)


LABELS = np.arange(1_200) % 10


@pytest.mark.parametrize(
    ("row", "estimator"),
    [
        ("linear_deslant", TanhUnits(passes=1)),
        ("linear_deslant", RidgeClassifier()),
        ("pairwise_linear", PairwiseLinear()),
        ("pca_quadratic", pca_quadratic()),
        ("rbf_network", rbf_network(shared=True)),
    ],
)
def test_costs_are_the_papers(row, estimator, noise):
    """In thousands; the paper's figures are rounded or cut to whole ones."""
    paper = ROWS[row]
    found = costs(estimator.fit(noise[:, : PIXELS[paper.view]], LABELS))
    assert found.macs / 1_000 == pytest.approx(paper.macs, abs=1)
    assert found.variables / 1_000 == pytest.approx(paper.memory, abs=0.5)


def test_widths_of_their_own_are_stored_too():
    x, y = np.random.default_rng(0).normal(size=(60, 9)), np.arange(60) % 2
    one, own = (costs(rbf_network(5, shared=shared).fit(x, y)) for shared in (True, False))
    assert own == (one.macs, one.variables + 10 - 1)


def test_neighbours_keep_the_training_set():
    paper = ROWS["knn_deslant"]
    row = NearestNeighbours()
    row.patterns_ = np.empty((60_000, PIXELS[paper.view]), np.uint8)  # untouched: takes no memory
    assert costs(row) == (paper.macs * 1_000, paper.memory * 1_000)


def test_linear_by_hand(noise):
    assert costs(TanhUnits(passes=1).fit(noise, LABELS)) == (7_850, 7_850)  # III.C.1


def test_tangent_distance_is_of_the_papers_order():
    paper = ROWS["tangent_distance"]
    row = TangentDistance(candidates=100)
    row.patterns_ = np.empty((60_000, PIXELS[paper.view]), np.uint8)
    found = costs(row)
    assert found.variables == 60_000 * 256
    assert 60_000 * 256 < found.macs < 1.1 * paper.macs * 1_000


def test_support_vectors_count_once(noise):
    """Three classes: every vector is stored once and supports one machine or two."""
    row = PolynomialSVM().fit(noise[:90, :64], np.arange(90) % 3)
    vectors, used = row.vectors_.size, int((row.coefs_ != 0).sum())
    assert len(row.vectors_) <= used <= 2 * len(row.vectors_)
    assert costs(row) == (vectors + used + 3, vectors + used + 3)


def test_reduced_set_comes_near_the_papers_figure():
    """160 vectors a class on 20x20 pixels."""
    row = ReducedSetSVM()
    row.vectors_ = np.empty((10, row.vectors, PIXELS["deslanted"]))
    row.coefs_, row.biases_ = np.empty((10, row.vectors)), np.empty(10)
    assert costs(row).macs / 1_000 == pytest.approx(ROWS["rs_svm_poly5"].macs, rel=0.02)


def test_costs_of_something_else_are_not_known():
    with pytest.raises(TypeError, match="costs of a dict"):
        costs({})
