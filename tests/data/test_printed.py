"""Printed digits are digits, in MNIST's form."""

import numpy as np
import pytest
from scipy import ndimage

from lenet.data.printed import Printed, printed


@pytest.fixture(scope="module")
def found() -> Printed:
    return printed()


def test_fonts_that_have_other_signs_for_digits_are_left_out(found: Printed) -> None:
    assert {"DejaVu Sans Book", "DejaVu Serif Bold", "DejaVu Sans Mono Oblique"} <= set(found.fonts)
    assert len(set(found.fonts)) == len(found.fonts) == len(found.images)
    others = ("cmsy10", "cmex10", "LastResort", "Display", "Sym", "NonUni")
    assert not [name for name in found.fonts if any(other in name for other in others)]


def test_digits_have_the_holes_that_digits_have(found: Printed) -> None:
    paper = np.pad(found.images.numpy() < 120, [(0, 0), (0, 0), (1, 1), (1, 1)])
    holes = [[ndimage.label(digit)[1] - 1 for digit in font] for font in paper]
    assert np.median(holes, axis=0).tolist() == [1, 0, 0, 0, 1, 0, 1, 0, 2, 1]


def test_they_are_normalised_as_mnist_is(found: Printed) -> None:
    for digit in found.images.flatten(0, 1).double().numpy():
        rows, columns = digit.sum(1), digit.sum(0)
        assert max((rows > 0).sum(), (columns > 0).sum()) == 20
        place = np.arange(28)
        assert abs(rows @ place / rows.sum() - 14) <= 0.5
        assert abs(columns @ place / columns.sum() - 14) <= 0.5
