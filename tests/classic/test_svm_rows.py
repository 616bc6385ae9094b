"""Support vector machines, shifted copies and the reduced set (III.C.11)."""

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from lenet.classic import smo
from lenet.classic.base import class_pairs
from lenet.classic.reduced_set import ReducedSetSVM, coefficients, reduce_set
from lenet.classic.svm import (
    SHIFTS,
    PolynomialSVM,
    VirtualSVM,
    fit_machine,
    polynomial_kernel,
    shifted,
    unit_length,
)
from lenet.paper import BACKGROUND


def test_kernel_by_hand():
    """(3, 4) has length 5; with (1, 0) the product is 3/5, to the fourth 81/625."""
    x = unit_length(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert x.tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert polynomial_kernel(x, np.eye(2), 4) == pytest.approx(np.array([[81, 256], [0, 0]]) / 625)


def test_same_outputs_as_scikit_learn(small):
    """scikit-learn's own one-vs-one machine: its 45 outputs give the least one of each class."""
    row = PolynomialSVM(4, C=10).fit(small.x, small.y)
    svc = SVC(kernel="poly", degree=4, gamma=1, coef0=0, C=10, decision_function_shape="ovo")
    svc.fit(unit_length(small.x), small.y)
    outputs = svc.decision_function(unit_length(small.test_x))
    least = np.full((len(outputs), 10), np.inf)
    for (i, j), output in zip(class_pairs(10), outputs.T, strict=True):
        least[:, i] = np.minimum(least[:, i], output)
        least[:, j] = np.minimum(least[:, j], -output)
    assert row.decision_function(small.test_x) == pytest.approx(least, abs=5e-3)
    assert len(row.vectors_) == pytest.approx(len(svc.support_), abs=3)


def test_who_wins_every_comparison_has_the_only_positive_score(small):
    scores = PolynomialSVM().fit(small.x, small.y).decision_function(small.test_x)
    assert ((scores > 0).sum(1) <= 1).all()
    assert (scores.max(1) > 0).mean() > 0.95


def test_two_jobs_give_the_same_bits(small):
    one, two = (PolynomialSVM(n_jobs=n).fit(small.x, small.y) for n in (1, 2))
    assert np.array_equal(one.decision_function(small.x), two.decision_function(small.x))


def test_the_whole_kernel_gives_the_same_machine(small):
    x = unit_length(small.x[small.y < 2].astype(np.float64))
    positive = small.y[small.y < 2] == 0
    lazy, whole = (fit_machine(x, positive, 5, 10.0, w) for w in (False, True))
    outputs = [polynomial_kernel(x, x[m.support], 5) @ m.coef + m.bias for m in (lazy, whole)]
    assert outputs[0] == pytest.approx(outputs[1], abs=2e-3)


@pytest.mark.parametrize("C", [10.0, 0.02], ids=["free", "bounded"])
def test_chunking_finds_the_same_machine_by_fewer_kernel_rows(small, monkeypatch, C):
    """What the virtual SVM's memory rests on: the row of a pattern is computed once, if at all."""
    monkeypatch.setattr(smo, "ADDED", 16)
    x = unit_length(small.x[np.argsort(small.y, kind="stable")][:270])  # first all 0, then all 1
    positive = np.sort(small.y)[:270] == 0
    asked = []

    def rows(chosen):
        asked.extend(chosen.tolist())
        return polynomial_kernel(x[chosen], x, 5)

    coef, bias = smo.minimize(rows, positive, C)
    whole = fit_machine(x, positive, 5, C, whole=True)
    kernel = polynomial_kernel(x, x, 5)
    expected = kernel[:, whole.support] @ whole.coef + whole.bias
    assert kernel @ coef + bias == pytest.approx(expected, abs=2e-3)
    assert abs(coef).max() == pytest.approx(abs(whole.coef).max(), rel=1e-2)
    assert coef.sum() == pytest.approx(0, abs=1e-9)
    assert len(asked) == len(set(asked)) < len(x)
    assert set(np.flatnonzero(coef)) <= set(asked)


def test_chunking_begins_only_where_its_kernel_fits():
    with pytest.raises(MemoryError, match="the kernel matrix of a support vector machine"):
        smo.minimize(lambda chosen: chosen, np.arange(10_000_000) % 2 == 0, 10.0)


def test_shifts_by_hand():
    image = np.arange(1.0, 5.0).reshape(1, 2, 2)
    b = BACKGROUND
    expected = {
        (0, 0): [[1, 2], [3, 4]],
        (0, 1): [[b, 1], [b, 3]],
        (0, -1): [[2, b], [4, b]],
        (1, 0): [[b, b], [1, 2]],
        (-1, 0): [[3, 4], [b, b]],
    }
    assert set(expected) == set(SHIFTS)
    for shift, pixels in expected.items():
        assert shifted(image, *shift)[0].tolist() == pixels


def test_virtual_vectors_are_shifted_support_vectors(small):
    """Every vector kept is a one-pixel shift, or none, of a support vector of the first fit."""
    first = PolynomialSVM(9).fit(small.x, small.y)
    virtual = VirtualSVM(9).fit(small.x, small.y)
    supports = {tuple(v) for v in first.vectors_.round(5).tolist()}
    known = small.x[[tuple(v) in supports for v in unit_length(small.x).round(5).tolist()]]
    images = known.reshape(-1, 8, 8)
    copies = np.concatenate([shifted(images, *s).reshape(len(images), -1) for s in SHIFTS])
    allowed = {tuple(v) for v in unit_length(copies).round(4).tolist()}
    assert {tuple(v) for v in virtual.vectors_.round(4).tolist()} <= allowed
    assert len(virtual.vectors_) > len(first.vectors_)


def test_virtual_vectors_help_with_shifted_digits(small):
    images = shifted(small.test_x.reshape(-1, 8, 8), 0, 1).reshape(small.test_x.shape)
    plain, virtual = (m.fit(small.x, small.y) for m in (PolynomialSVM(9), VirtualSVM(9)))
    wrong = [(m.predict(images) != small.test_y).sum() for m in (plain, virtual)]
    assert wrong[1] < wrong[0]


def test_coefficients_are_the_best_ones():
    """A set that contains the machine's vectors reproduces it: b = a, at distance zero."""
    x = unit_length(np.random.default_rng(0).normal(size=(6, 4)))
    a = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 0.25])
    b, distance = coefficients(torch.from_numpy(x), torch.from_numpy(x), torch.from_numpy(a), 5)
    assert b.numpy() == pytest.approx(a, rel=1e-3)
    constant = a @ (x @ x.T) ** 5 @ a
    assert float(distance) + constant == pytest.approx(0, abs=1e-4)


def test_descent_comes_nearer_than_where_it_starts():
    x = unit_length(np.random.default_rng(1).normal(size=(40, 6)))
    a = np.random.default_rng(2).normal(size=40)
    left = []
    for steps in (0, 60):
        z, b = reduce_set(x, a, 8, 5, steps, 1e-2)
        assert z.shape == (8, 6)
        left.append(b @ (z @ z.T) ** 5 @ b - 2 * b @ (z @ x.T) ** 5 @ a)
    assert left[1] < left[0] < 0


def test_reduced_set_stands_for_the_machine(small):
    """With as many vectors as the machine has, the scores are the machine's own."""
    whole = ReducedSetSVM(vectors=2_000, steps=0).fit(small.x, small.y)
    few = ReducedSetSVM(vectors=30, steps=30).fit(small.x, small.y)
    assert few.vectors_.shape == (10, 30, 64)
    agreed = whole.predict(small.test_x) == few.predict(small.test_x)
    assert agreed.mean() > 0.97
