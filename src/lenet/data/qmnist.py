"""QMNIST: who wrote MNIST's digits, and 50,000 test digits more.

C. Yadav, L. Bottou, "Cold case: the lost MNIST digits", NeurIPS 2019. They are read from the folder
in MNIST_ROOT, else from ``data/``, which is filled from QMNIST's own address; both have
torchvision's layout, ``QMNIST/raw/``, with the archives. Digit for digit QMNIST's training set is
MNIST's, and so are its first 10,000 test digits.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from lenet.data.fetch import Unreachable, fetch
from lenet.data.mnist_files import mnist, read_archive
from lenet.data.raw import Raw
from lenet.errors import InputError
from lenet.statistics import Writers

LABELS = {
    "train": "sha256:2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
    "test": "sha256:9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
}
TEST_IMAGES = "md5:1394631089c404de565df7b7aeaf9412"  # the only digest that is published
CLASS, SERIES, WRITER = range(3)  # columns of the labels
STUDENTS = 4  # NIST's series of the high-school students; the others are of census employees

HELD_OUT = 5_000  # digits of the validation split by writers, about, half of each kind
SPLIT_SEED = 1998  # that draws its writers


def writers(part: Literal["train", "test"], folder: Path) -> Writers:
    """Who wrote MNIST's training or test digits, in their order.

    Args:
        part: of MNIST.
        folder: where the labels are kept when MNIST_ROOT has none.

    Raises:
        Unreachable: they are neither here nor to be fetched.
        InputError: the file is unreadable or altered.
    """
    labels = _labels(part, folder)
    if part == "test":
        labels = labels[:10_000]
    return Writers(labels[:, WRITER].astype(np.int64), labels[:, SERIES] == STUDENTS)


def by_writers(known: Writers) -> Tensor:
    """Digits to validate on: all those of some writers, half of the digits by students, half by
    employees, about `HELD_OUT` together. Always the same.

    Args:
        known: the writers of the training digits.

    Returns:
        (M,) int64, the digits' numbers in the training set, in order.
    """
    generator = np.random.default_rng(SPLIT_SEED)
    chosen: list[int] = []
    for student in (True, False):
        numbers, digits = np.unique(known.number[known.student == student], return_counts=True)
        order = generator.permutation(len(numbers))
        upto = np.abs(np.cumsum(digits[order]) - HELD_OUT / 2).argmin() + 1
        chosen += numbers[order[:upto]].tolist()
    return torch.from_numpy(np.flatnonzero(np.isin(known.number, chosen)))


def qmnist(folder: Path, given: Path | None) -> Raw:
    """MNIST, and QMNIST's other test digits to be tested on apart; arguments as of `mnist`.

    Raises:
        Unreachable: MNIST, or QMNIST's images, are neither here nor to be fetched.
        InputError: a file that is unreadable or altered.
    """
    raw = mnist(folder, given)
    known = len(raw.test_labels)
    pixels = np.frombuffer(_content("qmnist-test-images-idx3-ubyte.gz", TEST_IMAGES, folder), ">u1")
    classes = _labels("test", folder)[known:, CLASS].astype(np.int64)
    images = torch.from_numpy(pixels[16:].reshape(-1, 28, 28)[known:].copy())
    digest = hashlib.sha256(f"{raw.digest} {TEST_IMAGES} {LABELS['test']}".encode()).hexdigest()
    return replace(raw, digest=digest, further=(images, torch.from_numpy(classes)))


def _labels(part: str, folder: Path) -> NDArray[np.int32]:
    """N x 8, as QMNIST has them: class, series, writer, number within the writer, ..."""
    content = _content(f"qmnist-{part}-labels-idx2-int.gz", LABELS[part], folder)
    return np.frombuffer(content, ">i4")[3:].reshape(-1, 8)


def _content(name: str, digest: str, folder: Path) -> bytes:
    """Of an archive, fetched if it is not there."""
    given = os.environ.get("MNIST_ROOT")
    places = [Path(root) / "QMNIST" / "raw" for root in (given, folder) if root]
    at = next((place for place in places if (place / name).exists()), None)
    if at is None:
        at = places[-1]
        try:
            at.mkdir(parents=True, exist_ok=True)
            with FileLock(at / ".lock"):
                _fetch(name, digest, at)
        except OSError as e:
            raise InputError(f"{at} cannot be used ({e}): set another data.folder") from e
    return read_archive(at / name, digest)


def _fetch(name: str, digest: str, at: Path) -> None:
    import lenet.data.torchvision_ops  # noqa: F401  before torchvision is imported

    # isort: split
    from torchvision.datasets import QMNIST  # takes more than a second

    address = QMNIST.resources["test"][0][0].rpartition("/")[0]
    try:
        fetch([f"{address}/"], {name: digest}, at)
    except Unreachable as e:
        raise Unreachable(
            f"{name}, of QMNIST, is not here and its address does not give it: put it into a "
            "folder's QMNIST/raw and set MNIST_ROOT to that folder"
        ) from e
