"""Digits of the user's own in MNIST's form: pictures in folders or named by a table, files in
MNIST's format, arrays, and torchvision's data sets.

They keep their own test set where they have one, else every fifth of each class is held out; the
training digits come in an order that is drawn once, the same each time.
"""

import csv
import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lenet.data import pictures
from lenet.data.fetch import Unreachable
from lenet.data.preprocessing import normalise
from lenet.data.raw import Raw
from lenet.data.views import SIDE
from lenet.errors import InputError
from lenet.files import load_arrays

TABLE = "labels.csv"
COLUMNS = ("name", "label")  # of a table, and "split" if there is a test set
PARTS = ("train", "test")
HELD_OUT = 5  # where there is no test set, every fifth digit of a class is in it
VALIDATION = 12  # one of so many training digits, as MNIST's 5,000 of 60,000
MOST_CLASSES = 256
LARGEST = 2**30  # bytes of a file in MNIST's format, unpacked
TORCHVISION = {"FashionMNIST": {}, "KMNIST": {}, "EMNIST": {"split": "digits"}}
ORDER_SEED = 1998


@dataclass(frozen=True)
class _Part:
    """N labelled greys, H x W uint8 of any size, and what each is called in an error."""

    images: Sequence[NDArray[np.uint8]]
    labels: Sequence[str]
    names: Sequence[str]


_Found = tuple[_Part, _Part | None, tuple[str, ...]]  # to train on, to test on, the classes


def own_digits(source: str, place: Path, preprocess: bool, dataset: str = "") -> Raw:
    """The digits that a user has.

    Args:
        source: of `SOURCES`, what there is.
        place: where: a folder or a file.
        preprocess: whether each picture is brought into MNIST's form, as `normalise` does; else it
            has to be 28x28 grey, all of them light on dark or all of them dark on light.
        dataset: of torchvision, a key of `TORCHVISION`.

    Raises:
        InputError: nothing there, or something that cannot be learned from, which it names.
    """
    try:
        train, test, classes = SOURCES[source](place, dataset, not preprocess)
    except OSError as e:
        raise InputError(f"data.folder={place}: {e.filename} cannot be read: {e.strerror}") from e
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise InputError(
            f"{place} has {len(classes)} classes: there have to be 2 to {MOST_CLASSES}"
        )
    if test is None:
        train, test = _held_out(train)
    numbers = {name: number for number, name in enumerate(classes)}
    if missing := [name for name in classes if name not in set(train.labels)]:
        raise InputError(f"{place}: class {missing[0]} has no digit to train on")
    if not test.labels:
        raise InputError(
            f"{place} has no digit to test on: each class needs {HELD_OUT}, or a test set"
        )
    order = np.random.default_rng(ORDER_SEED).permutation(len(train.labels))
    images = [_in_form(part, preprocess) for part in (train, test)]
    labels = [torch.tensor([numbers[label] for label in part.labels]) for part in (train, test)]
    images[0], labels[0] = images[0][order], labels[0][torch.from_numpy(order)]
    inverted = not preprocess and _border(images[0]) > 127  # paper is light
    if inverted:
        images = [255 - part for part in images]
    digest = hashlib.sha256(repr(classes).encode())
    for values in (*images, *(part.numpy() for part in labels)):
        digest.update(np.ascontiguousarray(values).tobytes())
    return Raw(
        f"{source}:{ascii(dataset or place.resolve().stem)[1:-1]}",
        place.resolve(),
        digest.hexdigest(),
        *(torch.from_numpy(images[0]), labels[0], torch.from_numpy(images[1]), labels[1]),
        validation=len(order) // VALIDATION,
        classes=classes,
    )


def _held_out(part: _Part) -> tuple[_Part, _Part]:
    """To train on and to test on."""
    seen: dict[str, int] = {}
    parts: tuple[list[int], list[int]] = ([], [])
    for number, label in enumerate(part.labels):
        seen[label] = seen.get(label, 0) + 1
        parts[seen[label] % HELD_OUT == 0].append(number)
    train, test = (
        _Part(
            [part.images[i] for i in chosen],
            [part.labels[i] for i in chosen],
            [part.names[i] for i in chosen],
        )
        for chosen in parts
    )
    return train, test


def _in_form(part: _Part, preprocess: bool) -> NDArray[np.uint8]:
    """N x 28 x 28."""
    images = np.empty((len(part.labels), SIDE, SIDE), np.uint8)
    for number, (image, name) in enumerate(zip(part.images, part.names, strict=True)):
        if preprocess:
            try:
                images[number] = normalise(np.divide(image, 255, dtype=np.float32))
            except InputError as e:
                raise InputError(f"{name} {e}") from e
        elif image.shape == (SIDE, SIDE):
            images[number] = image
        else:
            height, width = image.shape
            raise InputError(
                f"{name} is {width}x{height}, and a digit has to be {SIDE}x{SIDE}: "
                "data.preprocess=true brings pictures of any size into MNIST's form"
            )
    return images


def _border(images: NDArray[np.uint8]) -> float:
    """The mean of the pixels at the borders of N x 28 x 28."""
    return float(np.mean([images[:, at].mean() + images[:, :, at].mean() for at in (0, -1)]) / 2)


def _of_folder(place: Path, _: str, grey_only: bool) -> _Found:
    """Pictures in a folder for each class, or named in a table; below train/ and test/, if they are
    there."""
    table = place if place.is_file() else place / TABLE
    if table.is_file():
        return _of_table(table, grey_only)
    if not place.is_dir():
        raise InputError(f"data.folder={place} is not there")
    divided = all((place / part).is_dir() for part in PARTS)
    roots = [place / part for part in PARTS] if divided else [place]
    classes = _sorted({path.name for path in roots[0].iterdir() if path.is_dir()})
    if not classes:
        raise InputError(f"{roots[0]} has no folder for each class, and no {TABLE}")
    parts = []
    for root in roots:
        rows = []
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            if folder.name not in classes:
                raise InputError(f"{folder} is of a class that {roots[0]} has not")
            found = pictures.files(str(folder))
            if found == [str(folder)]:
                raise InputError(f"{folder} holds no pictures: class {folder.name} is empty")
            rows += [(name, folder.name) for name in found]
        parts.append(_read(rows, grey_only))
    return parts[0], parts[1] if divided else None, classes


def _of_table(table: Path, grey_only: bool) -> _Found:
    """A table whose first line says name,label or name,label,split; names are beside it."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as e:
        raise InputError(f"{table} is no table of text: {e}") from e
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise InputError(f"{table} has to begin with the line {','.join(COLUMNS)}")
    of_parts: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    for line, row in enumerate(rows, 2):
        part = row.get("split") or PARTS[0]
        if part not in of_parts or not row["name"] or not (row["label"] or "").strip():
            raise InputError(
                f"{table}, line {line}: name, label, and train or test have to be there"
            )
        name = table.parent.absolute() / row["name"]  # a bare "-" would be standard input
        of_parts[part].append((str(name), row["label"].strip()))
    train, test = (_read(of_parts[part], grey_only) for part in PARTS)
    classes = _sorted(set(train.labels))
    if odd := sorted(set(test.labels) - set(classes)):
        raise InputError(f"{table}: class {odd[0]} has no digit to train on")
    return train, test if test.labels else None, classes


def _sorted(names: set[str]) -> tuple[str, ...]:
    """Numbers by their size, other names by the alphabet."""
    numbers = all(name.isascii() and name.isdigit() and len(name) < 20 for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if numbers else 0, name)))


def _read(rows: Sequence[tuple[str, str]], grey_only: bool) -> _Part:
    images = []
    for name, _ in rows:
        try:
            grey = pictures.read(name, grey_only)
        except InputError as e:
            raise InputError(f"{name} {e}") from e
        images.append((255 * grey).round().astype(np.uint8))
    return _Part(images, [label for _, label in rows], [name for name, _ in rows])


def _of_idx(place: Path, _: str, __: bool) -> _Found:
    """The four files of a data set in MNIST's format, packed or not."""
    files = sorted((path for path in place.rglob("*ubyte*") if path.is_file()), reverse=True)
    found = {path.name.removesuffix(".gz"): path for path in files}
    arrays = []
    for ends in ("train",), ("t10k", "test"):
        for kind, dimensions in ("images", 3), ("labels", 1):
            names = [name for name in found if kind in name and any(end in name for end in ends)]
            if len(names) != 1:
                many = "several files" if names else "no file"
                raise InputError(
                    f"data.folder={place} has {many} of {ends[0]} {kind}: it has to hold the four "
                    "files of one data set, named as MNIST's"
                )
            array = _idx(found[names[0]], dimensions)
            if names[0].startswith("emnist") and dimensions == 3:  # which has columns for lines
                array = array.transpose(0, 2, 1)
            arrays.append(array)
    return _of_arrays(str(place), *arrays)


def _idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        try:
            content = file.read(LARGEST + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as e:
            raise InputError(f"{path} is damaged ({e})") from e
    start = 4 + 4 * dimensions
    if content[:4] == bytes((0, 0, 8, dimensions)) and len(content) >= start:
        shape = struct.unpack(f">{dimensions}I", content[4:start])
        if np.prod([int(side) for side in shape]) == len(content) - start:
            return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    raise InputError(f"{path} is no file of bytes in {dimensions} dimensions in MNIST's format")


NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
)


def _of_npz(place: Path, _: str, __: bool) -> _Found:
    """Arrays of one file, without pickles."""
    try:
        arrays = load_arrays(place)
    except OSError:
        raise
    except Exception as e:  # of many kinds: no zip, a header that makes no sense, pickles
        raise InputError(f"data.folder={place} is no .npz file of plain arrays: {e}") from e
    for names in NAMES:
        if set(names) <= arrays.keys():
            return _of_arrays(str(place), *(arrays[name] for name in names))
    raise InputError(f"{place} has to hold the arrays {', '.join(NAMES[0])}")


def _of_torchvision(place: Path, dataset: str, _: bool) -> _Found:
    import lenet.data.torchvision_ops  # noqa: F401  before torchvision is imported

    # isort: split
    from torchvision import datasets

    made, options = getattr(datasets, dataset), TORCHVISION[dataset]
    try:
        parts = [made(place, train=part == "train", download=True, **options) for part in PARTS]
    except (OSError, RuntimeError) as e:  # no mirror, a folder that cannot be written
        raise Unreachable(f"{dataset} is neither in {place} nor to be fetched: {e}") from e
    arrays = [array.numpy() for part in parts for array in (part.data, part.targets)]
    if dataset == "EMNIST":  # which has columns for lines
        arrays[0], arrays[2] = (images.transpose(0, 2, 1) for images in (arrays[0], arrays[2]))
    return _of_arrays(dataset, *arrays)


def _of_arrays(
    name: str, images: NDArray, labels: NDArray, test_images: NDArray, test_labels: NDArray
) -> _Found:
    parts = []
    for title, x, y in (PARTS[0], images, labels), (PARTS[1], test_images, test_labels):
        what = f"{name}: {title}"
        x = x[..., 0] if x.ndim == 4 and x.shape[-1] == 1 else x
        y = y.ravel()
        if x.ndim != 3 or x.dtype != np.uint8 or 0 in x.shape[1:]:
            raise InputError(
                f"{what} images are {x.dtype} {' x '.join(map(str, x.shape))}: they have to be "
                "greys, N x height x width of uint8"
            )
        if y.dtype.kind not in "iu" or len(y) != len(x):
            raise InputError(f"{what} has {len(x)} images and {len(y)} labels of {y.dtype}")
        if len(y) and not 0 <= y.min() <= y.max() < MOST_CLASSES:
            raise InputError(
                f"{what} labels lie between {y.min()} and {y.max()}: they have to be from 0 to "
                f"{MOST_CLASSES - 1}"
            )
        parts.append(_Part(list(x), [str(label) for label in y], [f"{what} image"] * len(y)))
    most = max(int(label) for part in parts for label in {*part.labels, "0"})
    return parts[0], parts[1], tuple(map(str, range(most + 1)))


SOURCES: dict[str, Callable[[Path, str, bool], _Found]] = {
    "folder": _of_folder,
    "idx": _of_idx,
    "npz": _of_npz,
    "torchvision": _of_torchvision,
}
"""By the names of ``data.source``."""
