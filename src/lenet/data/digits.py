"""What every part of the project means by "the digits"."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Some digits and their classes.

    Attributes:
        images: N x 1 x H x W float32, -0.1 (background) to 1.175 (foreground), paper II.B.
        labels: N int64, 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """A data set, split. The validation split is the last digits of the training set (it may be
    empty); nothing is chosen on the test split."""

    name: str  # "mnist", or "digits" for the stand-in
    digest: str  # of the raw bytes and of what was done to them
    train: Split
    validation: Split
    test: Split

    @property
    def stand_in(self) -> bool:
        return self.name != "mnist"
