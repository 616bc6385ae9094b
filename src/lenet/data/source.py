"""The raw digits that ``data.source`` names: MNIST, QMNIST, the stand-in, or the user's own."""

import functools
import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lenet.data.fetch import Unreachable
from lenet.data.mnist_files import mnist
from lenet.data.raw import Raw
from lenet.errors import InputError


def load_raw(source: str, folder: Path, preprocess: bool = False, dataset: str = "") -> Raw:
    """The digits that ``data.source`` names: "mnist", "qmnist" (MNIST, with QMNIST's other test
    digits besides), "digits" (the stand-in), "auto", or the user's own.

    Args:
        source: "auto" is MNIST if it is there or can be fetched, else the stand-in.
        folder: where MNIST is kept when MNIST_ROOT is not set, or where one's own digits lie.
        preprocess: as of `own_digits`, and so is ``dataset``.

    Raises:
        InputError: an unknown source; a file or folder that is missing, unreadable, truncated or
            altered; digits of one's own that cannot be learned from.
        Unreachable: "mnist" or "qmnist" is neither there nor to be fetched.
    """
    return _load(source, folder, os.environ.get("MNIST_ROOT"), preprocess, dataset)


@functools.lru_cache(maxsize=1)  # the jobs of a sweep share the digits, and ask no mirror again
def _load(source: str, folder: Path, given: str | None, preprocess: bool, dataset: str) -> Raw:
    from lenet.data import own  # pictures take time to import

    if source in own.SOURCES:
        return own.own_digits(source, folder, preprocess, dataset)
    if source not in ("auto", "mnist", "qmnist", "digits"):
        raise InputError(f"data.source={source} is not one of auto, mnist, qmnist, digits")
    if source == "digits":
        return stand_in()
    root = Path(given) if given else None
    if source == "qmnist":
        from lenet.data.qmnist import qmnist

        return qmnist(folder, root)
    try:
        return mnist(folder, root)
    except Unreachable:
        if source == "mnist":
            raise
        return stand_in()


def stand_in() -> Raw:
    """scikit-learn's 1,797 digits of 8x8 pixels in MNIST's form: 20x20, centred by mass in 28x28.

    The last 500 are the test set. No result on them is a result on MNIST.
    """
    from torch.nn.functional import interpolate, pad

    pixels, classes = _bundled_digits()
    small = torch.tensor(pixels, dtype=torch.float32)[:, None] * (255 / 16)
    large = interpolate(small, size=(20, 20), mode="bilinear", antialias=False)
    images = pad(large, (4, 4, 4, 4))[:, 0]
    images = torch.stack([_centre(image) for image in images]).round().to(torch.uint8)
    labels = torch.tensor(classes, dtype=torch.int64)
    digest = hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    cut = len(images) - 500
    return Raw(
        "digits",
        None,
        digest,
        images[:cut],
        labels[:cut],
        images[cut:],
        labels[cut:],
        validation=200,
    )


def _bundled_digits() -> tuple[NDArray, NDArray]:
    """What scikit-learn's load_digits gives, 1,797 x 8 x 8 from 0 to 16 and 1,797 labels, straight
    from its file: importing scikit-learn takes a fifth of a start."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    table = np.loadtxt(Path(spec.origin).parent / "datasets/data/digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1]


def _centre(image: Tensor) -> Tensor:
    """Moves the centre of mass of one 28x28 image to its middle, by whole pixels."""
    at = torch.arange(28.0)
    mass = image.sum()
    row, column = (image.sum(1) @ at) / mass, (image.sum(0) @ at) / mass
    shifts = round(13.5 - float(row)), round(13.5 - float(column))
    return image.roll(shifts, (0, 1))
