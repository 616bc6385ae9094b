"""The raw digits: the four files of MNIST, verified to the last byte, or the stand-in.

MNIST is read from the folder in the environment variable MNIST_ROOT (which is never written to),
else from ``data/`` (which is filled from torchvision's mirrors). Both have torchvision's layout,
``MNIST/raw/``, with the archives or the unpacked files.
"""

import functools
import gzip
import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from lenet.data.fetch import Unreachable, fetch
from lenet.errors import InputError

# sha256 of the files and of their archives; torchvision knows only the archives' md5
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
ARCHIVES = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


@dataclass(frozen=True)
class Raw:
    """Digits as they are distributed: images N x 28 x 28 uint8 (255 is ink), labels N int64."""

    name: str
    root: Path | None  # where the files lie, in torchvision's layout; None for the stand-in
    digest: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    validation: int  # the size of the fixed validation split, the last digits of the training set
    further: tuple[Tensor, Tensor] | None = None  # images and labels to be tested on apart

    @property
    def stand_in(self) -> bool:
        """Whether they only stand in for MNIST."""
        return self.name != "mnist"

    @property
    def origin(self) -> str:
        """Where they were found."""
        return str(self.root or "bundled with scikit-learn")


def load_raw(source: str, folder: Path) -> Raw:
    """The digits that ``data.source`` names: "mnist", "qmnist" (MNIST, with QMNIST's other test
    digits besides), "digits" (the stand-in), or "auto".

    Args:
        source: "auto" is MNIST if it is there or can be fetched, else the stand-in.
        folder: where MNIST is kept when MNIST_ROOT is not set.

    Raises:
        InputError: an unknown source; a file or folder that is missing, unreadable, truncated or
            altered.
        Unreachable: "mnist" or "qmnist" is neither there nor to be fetched.
    """
    if source not in ("auto", "mnist", "qmnist", "digits"):
        raise InputError(f"data.source={source} is not one of auto, mnist, qmnist, digits")
    return _load(source, folder, os.environ.get("MNIST_ROOT"))


@functools.lru_cache(maxsize=1)  # the jobs of a sweep share the digits, and ask no mirror again
def _load(source: str, folder: Path, given: str | None) -> Raw:
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


def mnist(folder: Path, given: Path | None) -> Raw:
    """The official MNIST, 60,000 training and 10,000 test digits, from the folder that is given,
    else from ``folder``. Raises as `load_raw` does."""
    root = _complete_root(folder, given)
    train_images, train_labels, test_images, test_labels = (
        _read_idx(_path(root, name), sha256) for name, sha256 in FILES.items()
    )
    return Raw(
        "mnist",
        root,
        _sha256("".join(FILES.values()).encode()),
        train_images,
        train_labels.long(),
        test_images,
        test_labels.long(),
        validation=5_000,
    )


def _read_idx(path: Path, sha256: str) -> Tensor:
    """A file's uint8 tensor. Before the values come two zeros, the type, the number of dimensions,
    and each dimension as a big-endian int32."""
    content = _read(path)
    if _sha256(content) != sha256:
        raise InputError(
            f"{path} is not the official file (truncated or altered): "
            "delete it to have it unpacked or fetched anew"
        )
    start = 4 + 4 * content[3]
    shape = struct.unpack(f">{content[3]}i", content[4:start])
    return torch.frombuffer(content, dtype=torch.uint8, offset=start).view(shape)


def _complete_root(folder: Path, given: Path | None) -> Path:
    """A folder whose MNIST/raw holds the four unpacked files, not verified yet."""
    if given and _has(given, ""):
        return given
    if given and not _has(given, ".gz"):
        missing = next(name for name in FILES if not _path(given, f"{name}.gz").exists())
        raise InputError(
            f"{_path(given, missing)}.gz is missing: put the four MNIST archives there, "
            "or unset MNIST_ROOT to have them fetched"
        )
    try:
        if not _has(folder, "") or any(folder.glob(".fetching-*")):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                for left in folder.glob(".fetching-*"):  # by a process that was killed
                    shutil.rmtree(left)
                if not _has(folder, ""):
                    _install(folder, given or folder)
    except OSError as e:
        raise InputError(f"data.folder={folder} cannot be used ({e}): set another one") from e
    return folder


def _path(root: Path, name: str) -> Path:
    return root / "MNIST" / "raw" / name


def _has(root: Path, suffix: str) -> bool:
    try:
        return all(_path(root, name + suffix).exists() for name in FILES)
    except OSError as e:
        raise InputError(f"{e.filename} cannot be read: {e.strerror}") from e


def _install(folder: Path, archives: Path) -> None:
    """Unpacks archives, fetched if they are not there, and moves the files into place when all
    are whole."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
        new = Path(scratch)
        if not _has(archives, ".gz"):
            archives = new
            _fetch_archives(_path(new, ""))
        for name, sha256 in FILES.items():
            (new / name).write_bytes(_unpacked(_path(archives, f"{name}.gz"), sha256))
        _path(folder, "").mkdir(parents=True, exist_ok=True)
        for name in FILES:
            os.replace(new / name, _path(folder, name))


def _unpacked(archive: Path, sha256: str) -> bytes:
    content = _decompressed(archive, _read(archive))
    if _sha256(content) != sha256:
        raise InputError(f"{archive} holds altered digits: replace it by the official file")
    return content


def read_archive(path: Path, digest: str) -> bytes:
    """The content of a .gz file.

    Args:
        path: of the file.
        digest: of the file as it is, "md5:..." or "sha256:...".

    Raises:
        InputError: the file is unreadable or another one.
    """
    packed = _read(path)
    algorithm, _, known = digest.partition(":")
    if hashlib.new(algorithm, packed).hexdigest() != known:
        raise InputError(f"{path} is not the official file (truncated or altered): replace it")
    return _decompressed(path, packed)


def _decompressed(archive: Path, packed: bytes | bytearray) -> bytes:
    try:
        return gzip.decompress(packed)
    except (gzip.BadGzipFile, EOFError, zlib.error) as e:
        raise InputError(f"{archive} is damaged ({e}): replace it by the official file") from e


def _read(path: Path) -> bytearray:
    try:
        return bytearray(path.read_bytes())
    except OSError as e:
        raise InputError(f"{path} cannot be read: {e.strerror}") from e


def _sha256(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch_archives(folder: Path) -> None:
    import lenet.data.torchvision_ops  # noqa: F401  before torchvision is imported

    # isort: split
    from torchvision.datasets import MNIST  # takes more than a second

    try:
        fetch(MNIST.mirrors, {f"{name}.gz": sha256 for name, sha256 in ARCHIVES.items()}, folder)
    except Unreachable as e:
        raise Unreachable(
            "MNIST is not here and no mirror gives it: put its four .gz files into a folder's "
            "MNIST/raw and set MNIST_ROOT to that folder, or use data=digits, a stand-in"
        ) from e


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
