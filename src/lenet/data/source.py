"""Where digits come from: the four MNIST files, checked to the last byte, or the stand-in.

MNIST is read from the folder in the environment variable MNIST_ROOT (which is only read), else
from ``data/`` (which is filled from torchvision's mirrors). Both have torchvision's layout,
``MNIST/raw/*.gz`` or the unpacked files.
"""

import functools
import gzip
import hashlib
import os
import shutil
import socket
import tempfile
import zlib
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from lenet.errors import InputError

MIRROR_TIMEOUT = 10.0  # seconds of silence after which a mirror is given up

# sha256 of the unpacked files; torchvision knows only those of the archives
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@dataclass(frozen=True)
class Raw:
    """Digits as they come: images N x 28 x 28 uint8 (255 is ink), labels N int64."""

    name: str
    root: Path | None  # where the files lie, in torchvision's layout; None for the stand-in
    digest: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    validation: int  # the size of the fixed validation split, the last digits of the training set

    @property
    def stand_in(self) -> bool:
        """Whether they only stand in for MNIST."""
        return self.name != "mnist"

    @property
    def origin(self) -> str:
        """Where they were found."""
        return str(self.root or "bundled with scikit-learn")


class Unreachable(InputError):
    """MNIST is not there, and no mirror answers."""


def load_raw(source: str, folder: Path) -> Raw:
    """The digits that ``data.source`` names: "mnist", "digits" (the stand-in), or "auto".

    Args:
        source: "auto" is MNIST if it is there or can be fetched, else the stand-in.
        folder: where MNIST is kept when MNIST_ROOT is not set.

    Raises:
        InputError: an unknown source; a file that is missing, truncated or altered.
        Unreachable: "mnist" is neither there nor to be fetched.
    """
    if source not in ("auto", "mnist", "digits"):
        raise InputError(f"data.source={source} is not one of auto, mnist, digits")
    return _load(source, folder, os.environ.get("MNIST_ROOT"))


@functools.lru_cache(maxsize=1)  # the jobs of a sweep share the digits, and ask no mirror again
def _load(source: str, folder: Path, given: str | None) -> Raw:
    if source == "digits":
        return stand_in()
    try:
        return mnist(folder, Path(given) if given else None)
    except Unreachable:
        if source == "mnist":
            raise
        return stand_in()


def mnist(folder: Path, given: Path | None) -> Raw:
    """The official MNIST, 60,000 training and 10,000 test digits, from the folder that is given,
    else from ``folder``. Raises as `load_raw` does."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    root = _complete_root(folder, given)
    raw = root / "MNIST" / "raw"
    digest = hashlib.sha256("".join(FILES.values()).encode()).hexdigest()
    images = [read_image_file(str(raw / f"{part}-images-idx3-ubyte")) for part in ("train", "t10k")]
    labels = [read_label_file(str(raw / f"{part}-labels-idx1-ubyte")) for part in ("train", "t10k")]
    return Raw("mnist", root, digest, images[0], labels[0], images[1], labels[1], validation=5_000)


def _complete_root(folder: Path, given: Path | None) -> Path:
    """The folder whose MNIST/raw holds the four unpacked files, verified."""
    if given and _has(given, ""):
        _verify(given)
        return given
    if given and not _has(given, ".gz"):
        missing = next(name for name in FILES if not _path(given, f"{name}.gz").exists())
        raise InputError(
            f"{_path(given, missing)}.gz is missing: put the four MNIST archives there, "
            "or unset MNIST_ROOT to have them fetched"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not _has(folder, ""):
                _install(folder, given or (folder if _has(folder, ".gz") else None))
    except OSError as e:
        raise InputError(f"data.folder={folder} cannot be used ({e}): set another one") from e
    _verify(folder)
    return folder


def _path(root: Path, name: str) -> Path:
    return root / "MNIST" / "raw" / name


def _has(root: Path, suffix: str) -> bool:
    return all(_path(root, name + suffix).exists() for name in FILES)


def _install(folder: Path, archives: Path | None) -> None:
    """Unpacks the archives of a folder, or fetched ones, and moves them into place when whole."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as new:
        if archives is None:
            archives = Path(new)
            _fetch(archives)
        for name, digest in FILES.items():
            _unpack(_path(archives, f"{name}.gz"), Path(new) / name, digest)
        _path(folder, "").mkdir(parents=True, exist_ok=True)
        for name in FILES:
            os.replace(Path(new) / name, _path(folder, name))


def _fetch(root: Path) -> None:
    """Brings the archives to a folder, verified by torchvision; one mirror after the other, since
    torchvision itself stops at one that falls silent."""
    from torchvision.datasets import MNIST

    for mirror in MNIST.mirrors:
        one = type("MNIST", (MNIST,), {"mirrors": [mirror]})
        try:
            with open(os.devnull, "w") as quiet, redirect_stderr(quiet), _silence_ends():
                one(root, download=True)
        except (RuntimeError, OSError, HTTPException):
            continue
        return
    raise Unreachable(
        "MNIST is not here and no mirror answers: put its four .gz files into a folder's "
        "MNIST/raw and set MNIST_ROOT to that folder, or use data=digits, a stand-in"
    )


@contextmanager
def _silence_ends():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(MIRROR_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unpack(archive: Path, to: Path, digest: str) -> None:
    try:
        with gzip.open(archive) as packed, open(to, "wb") as out:
            shutil.copyfileobj(packed, out)
    except (gzip.BadGzipFile, EOFError, zlib.error) as e:
        raise InputError(f"{archive} is damaged ({e}): replace it by the official file") from e
    if _sha256(to) != digest:
        raise InputError(f"{archive} holds altered digits: replace it by the official file")


def _verify(root: Path) -> None:
    for name, digest in FILES.items():
        path = _path(root, name)
        if _sha256(path) != digest:
            raise InputError(
                f"{path} is not the official file (truncated or altered): "
                "delete it to have it unpacked or fetched anew"
            )


def _sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def stand_in() -> Raw:
    """scikit-learn's 1,797 digits of 8x8 pixels in MNIST's form: 20x20, centred by mass in 28x28.

    The last 500 are the test set. No result on them is a result on MNIST.
    """
    from sklearn.datasets import load_digits
    from torch.nn.functional import interpolate, pad

    bunch = load_digits()
    small = torch.tensor(bunch.images, dtype=torch.float32)[:, None] * (255 / 16)
    large = interpolate(small, size=(20, 20), mode="bilinear", antialias=False)
    images = pad(large, (4, 4, 4, 4))[:, 0]
    images = torch.stack([_centre(image) for image in images]).round().to(torch.uint8)
    labels = torch.tensor(bunch.target, dtype=torch.int64)
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


def _centre(image: Tensor) -> Tensor:
    """Moves the centre of mass of one 28x28 image to its middle, by whole pixels."""
    at = torch.arange(28.0)
    mass = image.sum()
    row, column = (image.sum(1) @ at) / mass, (image.sum(0) @ at) / mass
    shifts = round(13.5 - float(row)), round(13.5 - float(column))
    return image.roll(shifts, (0, 1))
