"""The four files of MNIST, verified to the last byte.

They are read from the folder in the environment variable MNIST_ROOT (which is never written to),
else from ``data/`` (which is filled from torchvision's mirrors). Both have torchvision's layout,
``MNIST/raw/``, with the archives or the unpacked files.
"""

import gzip
import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from lenet.data.fetch import Unreachable, fetch
from lenet.data.raw import Raw
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


def mnist(folder: Path, given: Path | None) -> Raw:
    """The official MNIST, 60,000 training and 10,000 test digits, from the folder that is given,
    else from ``folder``.

    Raises:
        InputError: a file or folder that is missing, unreadable, truncated or altered.
        Unreachable: they are neither there nor to be fetched.
    """
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
