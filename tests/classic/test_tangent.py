"""Tangent vectors against finite differences, the distance against least squares."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from lenet.classic.tangent import (
    TRANSFORMATIONS,
    TangentDistance,
    tangent_distances,
    tangent_planes,
    tangent_vectors,
)

SIDE = 16


@pytest.fixture(scope="module")
def strokes() -> np.ndarray:
    """Four smooth images, 16x16 float64, dark at the edges: bars at four angles."""
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    y, x = np.meshgrid(grid, grid, indexing="ij")
    images = []
    for angle in np.radians([0, 35, 80, 120]):
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        images.append(np.exp(-((along - 0.5) ** 2) / 24 - (across + 0.7) ** 2 / 12))
    return np.stack(images)


def moved(image: np.ndarray, name: str, amount: float) -> np.ndarray:
    """The image seen through a small transformation of its plane, interpolated by splines."""
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    y, x = np.meshgrid(grid, grid, indexing="ij")
    dy, dx = {
        "x": (0, 1),
        "y": (1, 0),
        "scaling": (y, x),
        "rotation": (-x, y),
        "axis": (-y, x),
        "diagonal": (x, y),
        "thickness": np.gradient(image),
    }[name]
    middle = (SIDE - 1) / 2
    where = [y + amount * dy + middle, x + amount * dx + middle]
    return map_coordinates(image, where, order=5, mode="nearest")


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_tangent_vectors_are_finite_differences(name, strokes):
    ours = tangent_vectors(strokes)[:, TRANSFORMATIONS.index(name)]
    for image, tangent in zip(strokes, ours, strict=True):
        small = 1e-3
        difference = (moved(image, name, small) - moved(image, name, -small)) / (2 * small)
        error = np.linalg.norm(tangent - difference) / np.linalg.norm(difference)
        assert error < 0.1  # pixels are coarse: differences of neighbours against derivatives
        assert np.sum(tangent * difference) > 0


def test_planes_are_orthonormal_and_span_the_vectors(strokes):
    planes = tangent_planes(strokes)
    vectors = tangent_vectors(strokes).reshape(4, 7, -1)
    assert planes @ planes.swapaxes(1, 2) == pytest.approx(np.tile(np.eye(7), (4, 1, 1)), abs=1e-9)
    assert vectors @ planes.swapaxes(1, 2) @ planes == pytest.approx(vectors, abs=1e-9)


def test_an_empty_image_has_no_plane():
    assert not tangent_planes(np.zeros((1, SIDE, SIDE))).any()


def distance(a: np.ndarray, b: np.ndarray, spring: float = 1e-3) -> float:
    images = np.stack([a, b])
    flat, planes = (torch.from_numpy(v) for v in (images.reshape(2, -1), tangent_planes(images)))
    found = tangent_distances(flat[:1], planes[:1], flat[None, 1:], planes[None, 1:], spring)
    return float(found[0, 0])


@pytest.mark.parametrize("spring", [1e-3, 0.5])
def test_distance_is_the_least_squares_solution(spring, strokes):
    """numpy's own solver on the 14 unknowns, the spring as 14 more equations."""
    for a, b in [(0, 1), (2, 3)]:
        t, u = tangent_planes(strokes[[a, b]])
        system = np.vstack([np.hstack([t.T, -u.T]), np.sqrt(spring) * np.eye(14)])
        right = np.concatenate([(strokes[b] - strokes[a]).ravel(), np.zeros(14)])
        solution = np.linalg.lstsq(system, right, rcond=None)[0]
        brute = np.linalg.norm(system @ solution - right)
        assert distance(strokes[a], strokes[b], spring) == pytest.approx(brute, rel=1e-9)


def test_distance_is_symmetric_and_below_the_euclidean_one(strokes):
    for a, b in [(0, 1), (1, 2), (0, 3)]:
        there, back = distance(strokes[a], strokes[b]), distance(strokes[b], strokes[a])
        assert there == pytest.approx(back, rel=1e-9)
        assert 0 < there < np.linalg.norm(strokes[a] - strokes[b])


def test_distance_to_itself_is_zero(strokes):
    assert distance(strokes[0], strokes[0]) == 0


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_small_transformations_hardly_change_the_distance(name, strokes):
    """Moving one image changes its distance to another far less than the Euclidean distance."""
    amount = 0.4 if name in ("x", "y", "thickness") else 0.06
    other = moved(strokes[1], name, amount)
    euclidean = np.linalg.norm(other - strokes[1])
    assert euclidean > 0.1
    assert distance(strokes[1], other) < 0.15 * euclidean
    assert abs(distance(strokes[0], other) - distance(strokes[0], strokes[1])) < 0.15 * euclidean


def test_shifted_digits_are_still_recognised(small):
    """Digits shifted by half a pixel, of which Euclidean neighbours get more wrong."""
    images = small.test_x.reshape(-1, 8, 8)
    half = (0.5 * (images + np.roll(images, 1, axis=1))).reshape(small.test_x.shape)
    row = TangentDistance(k=1, candidates=100, blur=0.5).fit(small.x, small.y)
    plain = TangentDistance(k=1, candidates=1, blur=0.5).fit(small.x, small.y)
    wrong, plain_wrong = ((r.predict(half) != small.test_y).sum() for r in (row, plain))
    assert wrong < plain_wrong


def test_patterns_are_smoothed_as_images(small):
    row = TangentDistance(blur=0.7).fit(small.x, small.y)
    first = gaussian_filter(small.x[0].reshape(8, 8), 0.7, mode="nearest").ravel()
    assert row.patterns_[0] == pytest.approx(first, abs=1e-6)


def test_impossible_k_is_refused(small):
    with pytest.raises(ValueError, match=r"k must lie in 1\.\.1347"):
        TangentDistance(k=0).fit(small.x, small.y)
