"""40 PCA + quadratic (III.C.3), 1000 RBF + linear (III.C.4)."""

import numpy as np
import pytest

from lenet.classic.polynomial import UncentredPCA, pca_quadratic
from lenet.classic.rbf import GaussianUnits

PAPER_INPUTS = 821  # III.C.3


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(900, 50)).astype(np.float32), np.arange(900) % 10


@pytest.mark.parametrize(
    ("inputs", "expected"), [("products", PAPER_INPUTS), ("cross", PAPER_INPUTS), ("all", 861)]
)
def test_inputs_of_the_linear_classifier(inputs, expected, images):
    fitted = pca_quadratic(inputs=inputs).fit(*images)
    assert fitted["linear"].n_features_in_ == expected
    assert fitted["pca"].n_components_ == 40


def test_products_of_two_components_by_hand(images):
    fitted = pca_quadratic(2).fit(*images)
    a, b = fitted["pca"].transform(images[0][:1])[0]
    assert fitted[:2].transform(images[0][:1])[0] == pytest.approx([1, a * a, a * b, b * b])


def test_uncentred_projection_is_onto_the_same_components(images):
    x = images[0] + 1
    pca = UncentredPCA(5)
    projected = pca.fit_transform(x)
    assert projected == pytest.approx(x @ pca.components_.T, abs=1e-4)
    centred = (x - x.mean(0)) @ pca.components_.T
    assert projected - projected.mean(0) == pytest.approx(centred, abs=1e-4)
    assert np.array_equal(pca.transform(x), projected)


def test_unknown_inputs_are_refused():
    with pytest.raises(ValueError, match="products, cross, all, not 'cubes'"):
        pca_quadratic(inputs="cubes")


@pytest.mark.parametrize("shared", [True, False])
def test_gaussian_units_by_hand(shared):
    """Class a: clusters {0, 2} and {10, 14} with centres 1, 12; class b: {30, 36}, centre 33.

    Mean squared distances 1, 4, 9: together 28 / 6.
    """
    x, y = np.array([[0.0], [2], [10], [14], [30], [36]]), np.array([0, 0, 0, 0, 1, 1])
    b_alone = GaussianUnits(1, shared=shared).fit(x[4:], y[4:])
    assert b_alone.centres_.tolist() == [[33.0]]
    assert b_alone.variances_ == pytest.approx([9.0])
    both = GaussianUnits(1, width=0.5, shared=shared).fit(np.vstack([x[:2], x[4:]]), [0, 0, 1, 1])
    expected = [2.5, 2.5] if shared else [0.5, 4.5]
    assert both.variances_ == pytest.approx(expected)
    out = both.transform(np.array([[3.0]]))
    assert out[0] == pytest.approx(np.exp([-4 / 2 / expected[0], -900 / 2 / expected[1]]))


def test_each_class_has_its_own_centres(small):
    units = GaussianUnits(7).fit(small.x, small.y)
    assert units.transform(small.x).shape == (len(small.x), 70)
    alone = GaussianUnits(7).fit(small.x[small.y == 3], small.y[small.y == 3])
    assert np.array_equal(units.centres_[21:28], alone.centres_)


def test_a_small_class_has_a_unit_for_each_pattern():
    units = GaussianUnits(5).fit(np.array([[0.0], [1], [9]]), [0, 0, 1])
    assert sorted(units.centres_.ravel()) == [0, 1, 9]
    assert np.isfinite(units.transform(np.array([[0.5]]))).all()
