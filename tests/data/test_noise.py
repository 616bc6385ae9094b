"""Salt and pepper: as much as asked for, the same on the same pattern, and fresh in each pass."""

import numpy as np
import pytest
import torch

from lenet import paper
from lenet.data.digits import shown, split
from lenet.data.distortions import parameters_of
from lenet.data.noise import salt_and_pepper
from lenet.data.source import stand_in

SUM = paper.BACKGROUND + paper.FOREGROUND


def grey(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 1.275 - 0.1


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
    images = grey(2_000)
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
    images, patterns = grey(1_200), torch.arange(1_200) * 7
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


def test_each_pass_has_its_own_noise_on_the_same_patterns() -> None:
    train = split(stand_in()).train
    patterns = torch.tensor([3, len(train) + 3])
    clean, first = shown(train, patterns), shown(train, patterns, 0.1, 0)
    assert torch.equal(first.labels, clean.labels)
    assert torch.equal(first.images, shown(train, patterns, 0.1, 0).images)
    assert not torch.equal(first.images, shown(train, patterns, 0.1, 1).images)
    torch.testing.assert_close(
        torch.where(first.images == clean.images, clean.images, SUM - clean.images), first.images
    )


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
