"""Pictures come into MNIST's form whatever they look like, and MNIST's own digits keep theirs."""

import numpy as np
import pytest
import torch
from tests.conftest import PROJECT

from lenet import results
from lenet.data.preprocessing import normalise, normalise_all
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


GRADIENTS = {  # of light, 120 to 220 of 255, and others
    "across": lambda x, y: 120 + 100 * x,
    "slanted": lambda x, y: 90 + 70 * x + 70 * y,
    "dark corners": lambda x, y: 220 - 200 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    "soft shadow": lambda x, y: 210 - 80 / (1 + np.exp(-40 * (x + 0.3 * y - 0.6))),
}


@pytest.mark.parametrize("light", GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("dark", [True, False])
def test_a_digit_under_uneven_light_is_found(light, dark: bool) -> None:
    y, x = np.mgrid[0:240, 0:320] / np.array([240, 320]).reshape(2, 1, 1)
    seven = np.zeros((240, 320))
    seven[60:76, 120:200] = 1
    for row in range(60, 190):
        seven[row, 184 - (row - 60) // 3 : 200 - (row - 60) // 3] = 1
    plain = normalise(seven.astype(np.float32)).astype(float)
    paper = light(x, y) / 255 if dark else light(x, y) / 510
    picture = paper * (1 - 0.6 * seven) if dark else paper + 0.45 * seven
    picture += np.random.default_rng(0).normal(0, 0.01, picture.shape)
    found = normalise(picture.clip(0, 1).astype(np.float32)).astype(float)
    assert np.abs(found - plain).sum() / np.maximum(found, plain).sum() < 0.35


def test_strokes_of_one_digit_and_digits_beside_each_other() -> None:
    assert len(normalise_all(BAR)) == 1
    broken = BAR.copy()
    broken[28:31] = 0  # in two, one above the other
    broken[46:50, 32:40] = 1  # a foot that does not touch
    assert len(normalise_all(broken)) == 1
    two_lines = np.zeros((160, 120), np.float32)
    for top, left in ((10, 70), (10, 20), (90, 20)):
        two_lines[top : top + 50, left : left + 10] = 1
    two_lines[90:140, 20:60] = 1
    found = normalise_all(two_lines)
    assert [form(digit)[1] for digit in found] == [4, 4, 16], "line by line, from left to right"


def test_mnists_own_digits_are_one_each(mnist_root, tmp_path) -> None:
    images = load_raw("mnist", tmp_path).test_images[::20].numpy()
    several = sum(len(normalise_all(image / np.float32(255))) > 1 for image in images)
    assert several <= 2


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


def test_a_pattern_of_very_many_strokes_is_refused() -> None:
    dots = np.zeros((1000, 1000), np.float32)
    dots[4::8, 4::8] = 1
    with pytest.raises(InputError, match="shows 15625 strokes, more than 500"):
        normalise_all(dots)


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
