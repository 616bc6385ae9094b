"""Splits are the paper's: fixed, in order, and never overlapping; noise is fresh in each pass."""

from pathlib import Path

import pytest
import torch

from lenet import paper
from lenet.data.digits import split, training_patterns
from lenet.data.raw import Raw
from lenet.data.source import stand_in
from lenet.errors import InputError


@pytest.fixture
def raw() -> Raw:
    """100 training digits whose every pixel is the digit's number."""
    images = torch.arange(100, dtype=torch.uint8)[:, None, None].expand(100, 28, 28)
    labels = torch.arange(100) % 10
    return Raw("mnist", Path(), "digest", images, labels, images[:20], labels[:20], validation=10)


def test_the_last_digits_validate(raw: Raw) -> None:
    digits = split(raw)
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (90, 10, 20)
    assert digits.validation.labels.tolist() == raw.train_labels[90:].tolist()


def test_pixels_go_to_the_papers_range(raw: Raw) -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None].expand(2, 28, 28)
    bright = Raw("mnist", None, "", images, raw.test_labels[:2], images, raw.test_labels[:2], 0)
    seen = split(bright).train.images
    assert seen.shape == (2, 1, 28, 28)
    assert seen[0].unique().tolist() == pytest.approx([paper.BACKGROUND])
    assert seen[1].unique().tolist() == pytest.approx([paper.FOREGROUND])


def test_train_size_takes_the_first(raw: Raw) -> None:
    digits = split(raw, train_size=15)
    assert digits.train.labels.tolist() == raw.train_labels[:15].tolist()
    assert len(digits.validation) == 10


def test_without_validation_all_are_trained_on(raw: Raw) -> None:
    digits = split(raw, validation=0)
    assert (len(digits.train), len(digits.validation)) == (100, 0)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"train_size": 91}, r"data.train_size=91 has to lie between 1 and 90"),
        ({"train_size": 0}, r"data.train_size=0 has to lie"),
        ({"validation": 100}, r"data.validation=100 has to lie between 0 and 99"),
        ({"view": "upside-down"}, r"data.view=upside-down is not one of regular"),
    ],
)
def test_what_the_training_set_does_not_have_is_refused(raw: Raw, arguments, line: str) -> None:
    with pytest.raises(InputError, match=line):
        split(raw, **arguments)


def test_each_pass_has_its_own_noise_on_the_same_patterns() -> None:
    train = split(stand_in()).train
    patterns = torch.tensor([3, len(train) + 3])
    clean, first = training_patterns(train, patterns), training_patterns(train, patterns, 0.1, 0)
    assert torch.equal(first.labels, clean.labels)
    assert torch.equal(first.images, training_patterns(train, patterns, 0.1, 0).images)
    assert not torch.equal(first.images, training_patterns(train, patterns, 0.1, 1).images)
    inverse = paper.BACKGROUND + paper.FOREGROUND
    torch.testing.assert_close(
        torch.where(first.images == clean.images, clean.images, inverse - clean.images),
        first.images,
    )
