"""A pattern is a function of its number: the map and the noise that the paper describes, as much
of each as asked for, the same in every batch."""

import math

import numpy as np
import pytest
import torch

from lenet import paper
from lenet.data.distortions import (
    COPIES,
    RANGES,
    Ranges,
    distort,
    distorted_patterns,
    parameters_of,
    patterns_of_pass,
    salt_and_pepper,
)

RANGE = paper.FOREGROUND - paper.BACKGROUND
SUM = paper.BACKGROUND + paper.FOREGROUND


def picture(rows, columns, n=1):
    """Full ink on some rows and columns of a 28x28 background."""
    images = torch.full((n, 1, 28, 28), paper.BACKGROUND)
    images[:, :, rows, columns] = paper.FOREGROUND
    return images


def parameters(dx=0.0, dy=0.0, scale=0.0, squeeze=0.0, shear=0.0):
    return torch.tensor([[dx, dy, scale, squeeze, shear]])


def noise(n, seed=0):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) * RANGE - 0.1


def test_no_distortion_changes_nothing():
    images = noise(3)
    torch.testing.assert_close(distort(images, torch.zeros(3, 5)), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (-1, 0), (0, -1), (1, -1)])
def test_a_shift_by_one_pixel_moves_every_pixel_right_and_down(dx, dy):
    images = noise(1)
    expected = torch.full_like(images, paper.BACKGROUND)
    expected[:, :, max(dy, 0) : 28 + min(dy, 0), max(dx, 0) : 28 + min(dx, 0)] = images[
        :, :, max(-dy, 0) : 28 + min(-dy, 0), max(-dx, 0) : 28 + min(-dx, 0)
    ]
    torch.testing.assert_close(distort(images, parameters(dx, dy)), expected, atol=1e-5, rtol=0)


def test_half_a_pixel_shares_the_ink_of_two():
    shifted = distort(picture(14, 14), parameters(dx=0.5))
    half = paper.BACKGROUND + RANGE / 2
    assert shifted[0, 0, 14, 14:16].tolist() == pytest.approx([half, half], abs=1e-5)


def test_doubling_the_scale_doubles_a_square_about_the_centre():
    # 12 ... 15 is the square |x|, |y| < 2; at twice the size its inner pixels are full
    doubled = distort(picture(slice(12, 16), slice(12, 16)), parameters(scale=math.log(2)))
    assert (doubled[0, 0, 11:17, 11:17] - paper.FOREGROUND).abs().max().item() < 1e-5
    outside = doubled.clone()
    outside[0, 0, 9:19, 9:19] = paper.BACKGROUND  # |x| < 4, and the edge's interpolation
    assert (outside - paper.BACKGROUND).abs().max().item() < 1e-5
    assert ((doubled - paper.BACKGROUND).sum() / RANGE).item() == pytest.approx(64, rel=1e-4)


def test_squeezing_trades_width_for_height():
    squeezed = distort(picture(slice(10, 18), slice(10, 18)), parameters(squeeze=-math.log(2)))
    ink = (squeezed[0, 0] - paper.BACKGROUND) / RANGE
    # |x| < 2 and |y| < 8, read along the two middle lines
    assert ink[13].sum().item() == pytest.approx(4, abs=1e-4)
    assert ink[:, 13].sum().item() == pytest.approx(16, abs=1e-4)


def test_shear_moves_a_line_in_proportion_to_its_height():
    # line 16 lies 2.5 below the centre: at a shear of 0.4 it moves by one pixel to the right
    sheared = distort(picture(slice(11, 17), 14), parameters(shear=0.4))
    lines = ((sheared[0, 0] - paper.BACKGROUND) / RANGE)[11:17]
    x = (lines * torch.arange(28)).sum(1) / lines.sum(1)
    expected = 14 + 0.4 * torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    torch.testing.assert_close(x, expected, atol=1e-4, rtol=0)


def test_all_at_once_puts_a_spot_where_the_formula_says():
    spot = picture(slice(9, 11), slice(16, 18))  # centre of mass at (3, -4)
    ink = distort(spot, parameters(0.7, -0.4, 0.05, 0.06, 0.12))[0, 0] - paper.BACKGROUND
    place = torch.arange(28) - 13.5
    x, y = ink.sum(0) @ place / ink.sum(), ink.sum(1) @ place / ink.sum()
    assert x.item() == pytest.approx(math.exp(0.11) * (3 - 0.12 * 4) + 0.7, abs=0.05)
    assert y.item() == pytest.approx(-math.exp(-0.01) * 4 - 0.4, abs=0.05)


def test_what_comes_in_from_outside_is_background():
    full = torch.full((1, 1, 28, 28), paper.FOREGROUND)
    moved = distort(full, parameters(dx=5))
    assert (moved[..., :5] - paper.BACKGROUND).abs().max().item() < 1e-5
    assert (moved[..., 5:] - paper.FOREGROUND).abs().max().item() < 1e-5


def test_the_first_patterns_are_the_originals_bit_by_bit():
    images = noise(20)
    assert torch.equal(distorted_patterns(images, torch.arange(20), seed=3), images)


def test_pattern_p_is_a_distortion_of_digit_p_modulo_n():
    images = noise(20)
    patterns = torch.tensor([45, 3, 25])
    made = distorted_patterns(images, patterns, seed=3)
    expected = distort(images[[5, 5]], parameters_of(torch.tensor([45, 25]), 20, seed=3))
    torch.testing.assert_close(made[[0, 2]], expected)
    assert torch.equal(made[1], images[3])
    assert not torch.allclose(made[0], made[2], atol=1e-3)


def test_a_pattern_is_the_same_in_every_batch():
    images = noise(30)
    patterns = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    whole = distorted_patterns(images, patterns, seed=5)
    for size in (1, 7, 128):
        parts = [distorted_patterns(images, some, seed=5) for some in patterns.split(size)]
        assert torch.equal(torch.cat(parts), whole)


def test_parameters_do_not_depend_on_the_number_of_originals():
    patterns = torch.arange(100, 200)
    assert torch.equal(parameters_of(patterns, 50, 0), parameters_of(patterns, 100, 0))


def test_parameters_fill_their_ranges_independently():
    values = parameters_of(torch.arange(1000, 101_000), 1000, seed=0)
    limits = torch.tensor([RANGES.shift, RANGES.shift, RANGES.scale, RANGES.squeeze, RANGES.shear])
    unit = values / limits
    assert unit.abs().max().item() <= 1
    # of 100,000 uniform values: mean 0 +- .0018, variance 1/3, correlations 0 +- .0032
    assert unit.mean(0).abs().max().item() < 0.01
    torch.testing.assert_close(unit.var(0), torch.full((5,), 1 / 3), atol=0.005, rtol=0)
    other = parameters_of(torch.arange(1000, 101_000), 1000, seed=1) / limits
    both = torch.cat([unit, other, unit.roll(1, 0)], 1)
    correlation = torch.corrcoef(both.T) - torch.eye(15)
    assert correlation.abs().max().item() < 0.02
    sixteenths = torch.histc(unit[:, 0], 16, -1, 1)
    assert sixteenths.min().item() > 100_000 / 16 * 0.95


def test_ranges_set_the_limits_one_by_one():
    only_shear = Ranges(shift=0, scale=0, squeeze=0, shear=2)
    values = parameters_of(torch.arange(10, 1000), 10, seed=0, ranges=only_shear)
    assert values[:, :4].abs().max().item() == 0
    assert 1.9 < values[:, 4].max().item() <= 2


def test_numbers_far_beyond_the_set_still_have_parameters():
    values = parameters_of(torch.tensor([10**12, 10**12 + 1]), 60_000, seed=0)
    assert torch.isfinite(values).all()
    assert not torch.equal(values[0], values[1])


def test_twenty_passes_show_each_pattern_twice():
    shown = torch.cat([patterns_of_pass(number, 30, seed=2) for number in range(20)])
    assert len(shown) == 20 * 30
    assert torch.equal(shown.bincount(), torch.full((COPIES * 30,), 2))
    first, second = shown[:300], shown[300:]
    assert not torch.equal(first, second)
    assert torch.equal(patterns_of_pass(3, 30, seed=2), shown[90:120])
    assert not torch.equal(patterns_of_pass(3, 30, seed=1), shown[90:120])


@pytest.mark.parametrize(
    ("patterns", "originals", "seed"), [([-1], 10, 0), ([1], 0, 0), ([1], 10, -1)]
)
def test_numbers_that_name_no_pattern_are_refused(patterns, originals, seed):
    with pytest.raises(ValueError, match="from 0 on"):
        parameters_of(torch.tensor(patterns), originals, seed)


def test_parameters_for_other_images_are_refused():
    with pytest.raises(ValueError, match="3 images need parameters 3 x 5, got 2 x 5"):
        distort(noise(3), torch.zeros(2, 5))


def test_distortions_are_those_that_results_were_made_with() -> None:
    values = parameters_of(torch.tensor([100, 10**9]), 60, 1998)
    assert values.tolist() == [
        [
            -0.5916920900344849,
            -0.8114352226257324,
            -0.03577534481883049,
            -0.04486589506268501,
            0.1416616141796112,
        ],
        [
            0.5216318368911743,
            0.5592625141143799,
            0.007924403995275497,
            0.05643194168806076,
            0.125331848859787,
        ],
    ]


def test_a_pixel_is_kept_or_inverted() -> None:
    images = torch.full((1, 1, 4, 5), paper.BACKGROUND)  # 20 pixels: five words of draws
    images[..., 2:] = paper.FOREGROUND
    noisy = salt_and_pepper(images, torch.tensor([7]), 0.5, (0,))
    kept = noisy == images
    assert kept.any()
    assert not kept.all()
    torch.testing.assert_close(noisy[~kept], SUM - images[~kept])


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.1, 0.5])
def test_the_share_of_inverted_pixels_is_the_probability(probability: float) -> None:
    images = noise(2_000)
    noisy = salt_and_pepper(images, torch.arange(2_000), probability, (3, 1))
    inverted = (noisy != images).double()
    # 1,568,000 draws: a standard deviation of at most 0.0004; of a pixel's 2,000 at most 0.011
    assert inverted.mean().item() == pytest.approx(probability, abs=0.002)
    assert (inverted.mean(0) - probability).abs().max().item() < 0.055
    if 0 < probability < 0.5:
        neighbours = np.corrcoef(inverted[..., :-1].flatten(), inverted[..., 1:].flatten())[0, 1]
        images_apart = np.corrcoef(inverted[:-1].flatten(), inverted[1:].flatten())[0, 1]
        assert abs(neighbours) < 0.005
        assert abs(images_apart) < 0.005


def test_noise_depends_on_pattern_and_keys_alone() -> None:
    images, patterns = noise(1_200), torch.arange(1_200) * 7
    whole = salt_and_pepper(images, patterns, 0.1, (5, 2))
    for size in (1, 128, 700):
        parts = zip(images.split(size), patterns.split(size), strict=True)
        assert torch.equal(
            torch.cat([salt_and_pepper(*part, 0.1, (5, 2)) for part in parts]), whole
        )
    for other in ((5, 3), (2, 5), (5,)):
        changed = salt_and_pepper(images, patterns, 0.1, other) != images
        both = (changed & (whole != images)).double().mean().item()
        assert both == pytest.approx(0.01, abs=0.001), "independent of the first"
