import pytest
import torch

from lenet import paper
from lenet.data.views import VIEWS, deslanted, reduced, regular

RANGE = paper.FOREGROUND - paper.BACKGROUND


def blank(n=1):
    return torch.zeros(n, 28, 28, dtype=torch.uint8)


def ink(view):
    return (view - paper.BACKGROUND) / RANGE


def slanted_bar(step):
    """Two pixels wide, on the 8 lines 10 to 17, one line's shift to the next is ``step``."""
    raw = blank()
    for n, line in enumerate(range(10, 18)):
        left = 13 + step * n - step * 4
        raw[0, line, left : left + 2] = 255
    return raw


def test_the_views_are_those_that_the_rows_name_and_one_without_geometry():
    assert set(VIEWS) == {row.view for row in paper.ROWS.values()} | {"permuted"}


def test_permuted_pixels_are_the_same_in_one_other_order():
    raw = torch.arange(784).view(1, 28, 28).remainder(256).to(torch.uint8).repeat(2, 1, 1)
    raw[1, 0, 0] = 200
    plain, other = regular(raw).flatten(1), VIEWS["permuted"](raw).flatten(1)
    assert torch.equal(plain.sort(1).values, other.sort(1).values)
    assert not torch.equal(plain, other)
    at = (other[0] != other[1]).nonzero().flatten()
    assert len(at) == 1, "every digit has the same order"
    torch.testing.assert_close(torch.cdist(plain, plain), torch.cdist(other, other))


def test_regular_keeps_every_pixel_and_sets_the_papers_range():
    raw = blank(2)
    raw[1, 3, 4], raw[1, 3, 5] = 255, 51
    view = regular(raw)
    assert view.shape == (2, 1, 28, 28)
    assert view.dtype == torch.float32
    assert view[1, 0, 3, 4].item() == pytest.approx(paper.FOREGROUND)
    assert view[1, 0, 3, 5].item() == pytest.approx(paper.BACKGROUND + RANGE / 5)
    view[1, 0, 3, 4:6] = paper.BACKGROUND
    torch.testing.assert_close(view, torch.full_like(view, paper.BACKGROUND))


def test_regular_leaves_the_raw_digits_alone():
    raw = slanted_bar(1)
    before = raw.clone()
    for view in VIEWS.values():
        view(raw)
    assert torch.equal(raw, before)


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_slanted_bar_becomes_upright_in_the_middle(step):
    # lines y = -3.5 ... 3.5 from the centre of mass at x = step y: m11 / m02 = step exactly
    upright = ink(deslanted(slanted_bar(step)))[0, 0]
    expected = torch.zeros(20, 20)
    expected[6:14, 9:11] = 1
    torch.testing.assert_close(upright, expected, atol=1e-5, rtol=0)


def test_half_a_pixel_a_line_becomes_upright_with_all_its_ink():
    # pairs of lines shifted by one: x = 0, 0, 1, 1, 2, 2, 3, 3. About the means 3.5 and 1.5,
    # m11 = 2 (3.5 1.5 + 2.5 1.5 + 1.5 .5 + .5 .5) = 20, m02 = 2 (3.5^2 + ... + .5^2) = 42
    raw = blank()
    for n, line in enumerate(range(10, 18)):
        raw[0, line, 10 + n // 2] = 255
    view = ink(deslanted(raw))[0, 0]
    assert view.sum().item() == pytest.approx(8, abs=1e-4)
    place = torch.arange(20) - 9.5
    x_of_line = (view * place).sum(1)[6:14] / view.sum(1)[6:14]
    y = torch.arange(8) - 3.5
    x = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]) - 1.5
    torch.testing.assert_close(x_of_line, x - 20 / 42 * y, atol=1e-4, rtol=0)
    assert (x_of_line * y).sum().item() == pytest.approx(0, abs=1e-3)


def test_grey_pixels_count_by_their_ink():
    # two lines at y = +-0.5, but a pixel of weight 1/4 beside one of weight 3/4 in the upper:
    # the line's centre is at 3/4, x0 = 3/8, m11 / m02 = -3/4, the crop's middle is the centre
    raw = blank()
    raw[0, 10, 12], raw[0, 10, 13], raw[0, 11, 12] = 60, 180, 240
    view = ink(deslanted(raw))[0, 0] * 255
    place = torch.arange(20) - 9.5
    for line in (9, 10):
        assert (view[line] @ place).item() == pytest.approx(0, abs=1e-2)
        assert view[line].sum().item() == pytest.approx(240, abs=1e-2)


def test_where_a_digit_stands_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    raw = blank(2)
    raw[0, 8:18, 9:17] = torch.randint(256, (10, 8), generator=generator, dtype=torch.uint8)
    raw[1, 5:15, 12:20] = raw[0, 8:18, 9:17]
    view = deslanted(raw)
    torch.testing.assert_close(view[0], view[1], atol=1e-4, rtol=0)


def test_a_digit_without_ink_stays_blank():
    assert ink(deslanted(blank())).abs().max().item() < 1e-6


def test_a_single_line_has_no_slant_wherever_it_is():
    raw = blank(28)
    for n in range(28):
        raw[n, n, 2:6] = 85
    view = ink(deslanted(raw))
    # its centre lies on a line, the crop's between two: half the ink on each of them
    expected = torch.zeros(28, 1, 20, 20)
    expected[:, :, 9:11, 8:12] = 1 / 6
    torch.testing.assert_close(view, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("level", [0, 102, 255])
def test_a_constant_stays_the_same_constant_at_16x16(level):
    view = reduced(torch.full((1, 28, 28), level, dtype=torch.uint8))
    assert view.shape == (1, 1, 16, 16)
    torch.testing.assert_close(
        view, torch.full_like(view, paper.BACKGROUND + RANGE * level / 255), atol=1e-5, rtol=0
    )


def test_16x16_shows_the_central_20x20():
    raw = torch.full((1, 28, 28), 255, dtype=torch.uint8)
    raw[0, 4:24, 4:24] = 0
    assert ink(reduced(raw)).abs().max().item() < 1e-5


def test_one_pixel_at_16x16_by_hand():
    # Small pixel j is a mean of the inner 20 around 1.25 (j + .5), weighed by a triangle that
    # falls to zero at 1.25. Around 9.375 (j = 7) the middles 8.5, 9.5, 10.5 weigh .3, .9, .1;
    # around 10.625 (j = 8) the middles 9.5, 10.5, 11.5 weigh .1, .9, .3.
    raw = blank()
    raw[0, 14, 14] = 255  # the inner 20's pixel 10, its middle at 10.5
    line = torch.zeros(16)
    line[7], line[8] = 0.1 / 1.3, 0.9 / 1.3
    torch.testing.assert_close(ink(reduced(raw))[0, 0], line[:, None] * line, atol=1e-5, rtol=0)


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_no_digits_give_no_views_of_the_same_size(view):
    assert view(blank(0)).shape[1:] == view(blank(1)).shape[1:]
    assert len(view(blank(0))) == 0


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(2, 28, 28),
        torch.zeros(28, 28, dtype=torch.uint8),
        torch.zeros(2, 1, 28, 28, dtype=torch.uint8),
        torch.zeros(2, 32, 32, dtype=torch.uint8),
    ],
)
def test_anything_else_is_refused_in_one_line(view, wrong):
    with pytest.raises(ValueError, match=r"take N x 28 x 28 uint8 digits, got") as error:
        view(wrong)
    assert "\n" not in str(error.value)
