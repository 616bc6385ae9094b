"""A data set as classifiers learn it: digits in a view, split as the paper splits them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lenet.data.distortions import distorted_patterns, salt_and_pepper
from lenet.data.raw import Raw
from lenet.data.views import VIEWS
from lenet.errors import InputError

SET_SEED = 1998  # of the one set of distorted patterns, and of its noise


@dataclass(frozen=True)
class Split:
    """Some digits and their classes.

    Attributes:
        images: N x 1 x H x W float32, -0.1 (background) to 1.175 (foreground), paper II.B.
        labels: N int64, from 0 on.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """A data set, split. The validation split is the last digits of the training set, or those of
    some writers (it may be empty); nothing is chosen on the test split."""

    name: str  # "mnist", or "digits" for the stand-in
    digest: str  # of the raw bytes
    train: Split
    validation: Split
    test: Split
    distorted: bool = False  # whether training shows the paper's set of distorted patterns
    test_each_epoch: bool = False  # for Figure 5 alone; nothing may go by it
    mined: Tensor | None = None  # K x M: the distorted patterns that each of K nets learns instead
    noise: float = 0.0  # the probability that training shows a pixel inverted (III.E)
    classes: int = 10
    further: Split | None = None  # more test digits, to be told apart from those of the paper

    @property
    def as_they_are(self) -> bool:
        """Whether training shows the digits of its split and nothing made from them."""
        return not self.distorted and self.mined is None and not self.noise


def split(
    raw: Raw,
    view: str = "regular",
    train_size: int | None = None,
    validation: int | Tensor | None = None,
    distort: bool = False,
    test_each_epoch: bool = False,
    noise: float = 0.0,
) -> Digits:
    """Brings raw digits into a view and splits them.

    Args:
        raw: the training and test images as they come.
        view: the form of the images, a key of `VIEWS`.
        train_size: trains on the first so many digits; None is all that validation leaves.
        validation: how many of the last training digits choices are made on; None is the data
            set's own fixed split (5,000 of MNIST), 0 trains on all. Or which digits they are, by
            their numbers in order.
        distort: trains on the paper's set of distorted patterns and their originals.
        test_each_epoch: has the test error recorded after each epoch, for Figure 5.
        noise: the probability that training shows a pixel inverted, anew in each pass.

    Raises:
        InputError: a view that does not exist, or sizes that the training set does not have.
    """
    if view not in VIEWS:
        raise InputError(f"data.view={view} is not one of {', '.join(VIEWS)}")
    see = VIEWS[view]
    total = len(raw.train_labels)
    if isinstance(validation, Tensor):
        held_out = len(validation)
        rest = torch.ones(total, dtype=torch.bool).index_fill(0, validation, False).nonzero()[:, 0]
    else:
        held_out = raw.validation if validation is None else validation
    if not 0 <= held_out < total:
        raise InputError(f"data.validation={held_out} has to lie between 0 and {total - 1:,}")
    size = total - held_out if train_size is None else train_size
    if not 1 <= size <= total - held_out:
        raise InputError(
            f"data.train_size={size} has to lie between 1 and {total - held_out:,} "
            f"({total:,} digits less {held_out:,} of validation)"
        )
    train: slice | Tensor = slice(0, size)
    held: slice | Tensor = slice(total - held_out, total)
    if isinstance(validation, Tensor):
        train, held = rest[:size], validation
    return Digits(
        raw.name,
        raw.digest,
        Split(see(raw.train_images[train]), raw.train_labels[train]),
        Split(see(raw.train_images[held]), raw.train_labels[held]),
        Split(see(raw.test_images), raw.test_labels),
        distorted=distort,
        test_each_epoch=test_each_epoch,
        noise=noise,
        classes=len(raw.classes),
        further=None if raw.further is None else Split(see(raw.further[0]), raw.further[1]),
    )


def training_patterns(split: Split, patterns: Tensor, noise: float = 0.0, number: int = 0) -> Split:
    """The patterns of a training set that have some numbers; the set is always the same.

    Numbers below the size of the split are its digits as they are, larger ones are distortions
    of them (`lenet.data.distortions`). Noise is put on top: always the same on a pattern in one
    pass, another in the next.

    Args:
        patterns: their N numbers, in any order.
        noise: the probability that a pixel is inverted.
        number: of the pass, from 0.

    Returns:
        N patterns and their classes.
    """
    images = distorted_patterns(split.images, patterns, SET_SEED)
    if noise:
        images = salt_and_pepper(images, patterns, noise, (SET_SEED, number))
    return Split(images, split.labels[patterns % len(split)])
