"""Each transformation does what its value says; curves count errors at each value."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lenet import paper
from lenet.data import robustness
from lenet.data.robustness import (
    TRANSFORMATIONS,
    curves,
    ink_kept,
    noisy,
    rotated,
    scaled,
    squeezed,
)


def picture(rows: slice, columns: slice, ink: int = 255) -> Tensor:
    raw = torch.zeros(1, 28, 28, dtype=torch.uint8)
    raw[:, rows, columns] = ink
    return raw


SEVEN = picture(slice(6, 9), slice(8, 20)) | picture(slice(6, 22), slice(17, 20), 130)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_one_value_of_each_changes_nothing(name: str) -> None:
    t = TRANSFORMATIONS[name]
    nothing = 1 if name in ("scale", "squeeze") else 0
    assert nothing in t.values
    assert torch.equal(t.apply(SEVEN, nothing), SEVEN)


def test_a_quarter_turn_is_counterclockwise() -> None:
    assert torch.equal(rotated(SEVEN, 90), torch.rot90(SEVEN, 1, (1, 2)))
    assert torch.equal(rotated(SEVEN, -90), torch.rot90(SEVEN, -1, (1, 2)))


def test_shifts_go_right_and_down_and_over_the_edge() -> None:
    right = robustness.moved_right(SEVEN, 10)[0]
    assert torch.equal(right[:, 10:], SEVEN[0, :, :-10])
    assert not right[:, :10].any()
    down = robustness.moved_down(SEVEN, -7)[0]
    assert torch.equal(down[:-7], SEVEN[0, 7:])
    half = robustness.moved_down(picture(slice(14, 15), slice(3, 9)), 0.5)[0]
    assert half[14:16, 5].tolist() == [128, 128]


def test_scale_and_squeeze_stretch_a_square() -> None:
    square = picture(slice(10, 18), slice(10, 18))
    small, flat = scaled(square, 0.5)[0], squeezed(square, 2)[0]
    assert small[12:16, 12:16].eq(255).all()
    assert small.sum() == 16 * 255
    # 16 wide and 4 high, read along the middle lines
    assert flat[13].sum().item() == pytest.approx(16 * 255, abs=4)
    assert flat[:, 13].sum().item() == pytest.approx(4 * 255, abs=4)


def test_noise_inverts_its_share_and_more_noise_contains_less() -> None:
    raw = torch.arange(256, dtype=torch.uint8).repeat(1_000)[: 300 * 784].view(300, 28, 28)
    some, more = noisy(raw, 0.1), noisy(raw, 0.3)
    changed = some != raw
    assert changed.double().mean().item() == pytest.approx(0.1, abs=0.005)
    assert torch.equal(some[changed], 255 - raw[changed])
    assert torch.equal(more[changed], some[changed])


def test_the_values_reach_what_the_paper_claims() -> None:
    assert max(TRANSFORMATIONS["rotation"].values) > paper.ROTATION
    assert max(TRANSFORMATIONS["scale"].values) == paper.SCALE
    assert 20 * paper.VERTICAL_SHIFT in TRANSFORMATIONS["vertical shift"].values
    assert paper.NOISE in TRANSFORMATIONS["noise"].values


class Above:
    """Takes digits for 1 whose ink lies in the upper half, others for 0."""

    def scores(self, raw: Tensor) -> np.ndarray:
        above = raw[:, :14].flatten(1).double().sum(1) > raw[:, 14:].flatten(1).double().sum(1)
        return np.eye(10)[above.long().numpy()]


def test_curves_are_worked_by_hand() -> None:
    # ink on line 10: below the middle from a shift of 4 on, at -14 out of the picture
    raw = picture(slice(10, 11), slice(13, 15)).expand(4, 28, 28)
    found = curves(Above(), raw, torch.tensor([1, 1, 1, 0]))
    assert set(found) == set(TRANSFORMATIONS)
    shift = dict(found["vertical shift"])
    assert (shift[-14], shift[-10], shift[0], shift[2]) == (0.75, 0.25, 0.25, 0.25)
    assert (shift[4], shift[14]) == (0.75, 0.75)
    assert {error for _, error in found["horizontal shift"]} <= {0.25, 0.75}
    assert dict(found["rotation"])[0] == 0.25


def test_ink_that_leaves_the_picture_is_counted() -> None:
    kept = ink_kept(picture(slice(4, 24), slice(12, 16)))  # as high as MNIST's digits
    down = dict(kept["vertical shift"])
    assert (down[4], down[10], down[-14]) == pytest.approx((1, 14 / 20, 10 / 20))
    assert dict(kept["scale"])[2] == pytest.approx(28 / 40, abs=0.01)
    assert dict(kept["scale"])[0.5] == pytest.approx(1, abs=0.01)
    assert dict(kept["squeeze"]).keys() == set(TRANSFORMATIONS["squeeze"].values)
    assert "noise" not in kept
