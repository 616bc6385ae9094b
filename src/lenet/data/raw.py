"""Digits as they are distributed."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor


@dataclass(frozen=True)
class Raw:
    """Digits as they are distributed: images N x 28 x 28 uint8 (255 is ink), labels N int64, the
    numbers of ``classes``."""

    name: str  # "mnist", "digits" for the stand-in; of the user's own, their source and place
    root: Path | None  # where the files lie; None for the stand-in
    digest: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    validation: int  # the size of the fixed validation split, the last digits of the training set
    classes: tuple[str, ...] = tuple("0123456789")
    further: tuple[Tensor, Tensor] | None = None  # images and labels to be tested on apart

    @property
    def stand_in(self) -> bool:
        """Whether they only stand in for MNIST."""
        return self.name == "digits"

    @property
    def own(self) -> bool:
        """Whether they are the user's own."""
        return ":" in self.name

    @property
    def origin(self) -> str:
        """Where they were found."""
        return str(self.root or "bundled with scikit-learn")
