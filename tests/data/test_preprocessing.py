"""Pictures come into MNIST's form whatever they look like, and MNIST's own digits keep theirs."""

import numpy as np
import pytest
import torch
from tests.conftest import PROJECT

from lenet import results
from lenet.data.preprocessing import normalise
from lenet.data.source import load_raw
from lenet.errors import InputError
from lenet.predict.chosen import choose

BAR = np.zeros((60, 60), np.float32)
BAR[10:50, 20:30] = 1  # 40 x 10 white on black


def form(digit: np.ndarray) -> tuple[int, int]:
    """Height and width of the ink."""
    return int((digit > 0).any(1).sum()), int((digit > 0).any(0).sum())


def test_the_longer_side_is_20_and_the_mass_in_the_middle() -> None:
    digit = normalise(BAR)
    assert (digit.shape, digit.dtype) == ((28, 28), np.uint8)
    assert form(digit) == (20, 5)
    rows, columns = np.nonzero(digit == 255)
    assert (rows.min(), rows.max()) == (4, 23)
    assert (columns.min(), columns.max()) == (12, 16)  # its middle falls into pixel 14


def test_the_mass_is_centred_not_the_box() -> None:
    flag = BAR.copy()
    flag[10:20, 30:50] = 1  # to the upper right
    digit = normalise(flag)
    rows, columns = np.nonzero(digit)
    # small: 100 pixels around (9.5, 2) and 50 around (2, 9.5), together around (7, 4.5)
    assert (rows.min(), rows.max()) == (7, 26)
    assert (columns.min(), columns.max()) == (9, 23)


@pytest.mark.parametrize("paper", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ink", [0.15, 0.6, 0.85])
def test_any_paper_and_any_ink(paper: float, ink: float) -> None:
    assert np.array_equal(normalise(paper + (ink - paper) * BAR), normalise(BAR))


def test_noise_shadows_and_specks_are_paper() -> None:
    rng = np.random.default_rng(0)
    photo = 0.7 - 0.6 * BAR + rng.normal(0, 0.02, BAR.shape).astype(np.float32)
    photo[:, 40:] -= 0.2  # a shadow
    photo[2, 2] = 0  # a speck
    assert form(normalise(photo)) == (20, 5)


def test_thin_lines_do_not_pale() -> None:
    line = np.zeros((1000, 1000), np.float32)
    line[100:900, 500] = 1
    assert normalise(line).max() == 255


def test_small_digits_grow() -> None:
    assert form(normalise(np.pad(np.ones((4, 2), np.float32), 2))) == (20, 10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 2), (28, 28)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_blank_pictures_are_refused(shape: tuple[int, int], level: float) -> None:
    with pytest.raises(InputError, match="is blank"):
        normalise(np.full(shape, level, np.float32))


def test_mnists_own_digits_pass_almost_unchanged(mnist_root, tmp_path) -> None:
    images = load_raw("mnist", tmp_path).test_images[::100].numpy()
    again = np.stack([normalise(image / np.float32(255)) for image in images])
    changed = np.abs(again.astype(int) - images).max((1, 2))
    assert np.median(changed) <= 4  # full ink is 255, no longer 252 to 254
    assert (changed <= 8).mean() >= 0.95


@pytest.mark.slow
def test_the_error_on_mnist_is_the_same(mnist_root, tmp_path) -> None:
    raw = load_raw("mnist", tmp_path)
    again = np.stack([normalise(image / np.float32(255)) for image in raw.test_images.numpy()])
    reader = choose(PROJECT, "off", None).reader
    before, after = (
        (reader.scores(images).argmax(1) != raw.test_labels.numpy()).mean()
        for images in (raw.test_images, torch.from_numpy(again))
    )
    assert before == pytest.approx(results.load(PROJECT / "results" / "lenet5").errors[0], abs=1e-3)
    assert abs(after - before) <= 0.002
