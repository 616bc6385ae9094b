"""Digits of the user's own: however they come, the same; what cannot be learned from is told."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet.data import load_raw, normalise
from lenet.data.digits import split
from lenet.data.source import stand_in
from lenet.errors import InputError

RAW = stand_in()
IMAGES, LABELS = RAW.train_images[:100].numpy(), RAW.train_labels[:100].numpy()


def pictures(root: Path, images=IMAGES, labels=LABELS, names: Callable = str) -> Path:
    """A folder for each class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / names(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return root


def idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    content += array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def arrays(**changed: np.ndarray) -> dict[str, np.ndarray]:
    whole = {"train_images": IMAGES[:80], "train_labels": LABELS[:80]}
    return whole | {"test_images": IMAGES[80:], "test_labels": LABELS[80:]} | changed


def same(raw, count: int = 80) -> None:
    """The digits of `arrays`, in an order of their own."""
    assert len(raw.train_labels) == count
    assert raw.own
    assert not raw.stand_in
    rows = {(i.tobytes(), int(c)) for i, c in zip(IMAGES[:count], LABELS, strict=False)}
    found = zip(raw.train_images.numpy(), raw.train_labels, strict=True)
    assert {(image.tobytes(), int(c)) for image, c in found} == rows


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    raw = load_raw("folder", pictures(tmp_path / "scans"))
    assert raw.name == "folder:scans"
    assert raw.classes == tuple("0123456789")
    of_class = np.bincount(LABELS)
    assert len(raw.test_labels) == (of_class // 5).sum()
    assert np.array_equal(np.bincount(raw.test_labels), of_class // 5)
    for images, labels in (raw.train_images, raw.train_labels), (raw.test_images, raw.test_labels):
        for image, label in zip(images.numpy(), labels, strict=True):
            assert any((image == IMAGES[n]).all() for n in np.flatnonzero(int(label) == LABELS))
    digits = split(raw, distort=True)
    assert (digits.classes, len(digits.validation)) == (10, len(raw.train_labels) // 12)
    assert len(set(digits.validation.labels.tolist())) > 1, "the last are not all of one class"


def test_a_test_set_of_its_own_and_names_that_are_no_numbers(tmp_path: Path) -> None:
    few = LABELS < 3
    for part in ("train", "test"):
        pictures(tmp_path / part, IMAGES[few], LABELS[few], lambda label: "abc"[label])
    raw = load_raw("folder", tmp_path)
    assert raw.classes == ("a", "b", "c")
    assert len(raw.train_labels) == len(raw.test_labels) == few.sum()
    assert np.array_equal(raw.test_labels, np.sort(LABELS[few]))


def test_a_table_of_names_and_labels(tmp_path: Path) -> None:
    lines = ["name,label,split"]
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{label},{'train' if number < 80 else 'test'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    same(load_raw("folder", tmp_path))
    same(load_raw("folder", tmp_path / "labels.csv"))
    lines = [line.rpartition(",")[0] for line in lines]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    raw = load_raw("folder", tmp_path / "all.csv")
    assert len(raw.test_labels) == (np.bincount(LABELS) // 5).sum()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_in_mnists_format(suffix: str, tmp_path: Path) -> None:
    for name, values in arrays().items():
        kind = "images-idx3" if "images" in name else "labels-idx1"
        idx(tmp_path / f"{name.partition('_')[0]}-{kind}-ubyte{suffix}", values)
    raw = load_raw("idx", tmp_path)
    same(raw)
    assert np.array_equal(raw.test_images, IMAGES[80:])


def test_emnist_has_columns_for_lines(tmp_path: Path) -> None:
    for name, values in arrays().items():
        kind = "images-idx3" if "images" in name else "labels-idx1"
        turned = values.transpose(0, 2, 1) if values.ndim == 3 else values
        idx(tmp_path / f"emnist-digits-{name.partition('_')[0]}-{kind}-ubyte", turned)
    same(load_raw("idx", tmp_path))


@pytest.mark.parametrize("keras", [False, True])
def test_arrays(keras: bool, tmp_path: Path) -> None:
    values = arrays()
    if keras:
        names = ("x_train", "y_train", "x_test", "y_test")
        values = dict(zip(names, values.values(), strict=True))
    np.savez_compressed(tmp_path / "own.npz", **values)
    raw = load_raw("npz", tmp_path / "own.npz")
    same(raw)
    assert raw.name == "npz:own"


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
def test_torchvisions_files_that_are_there(name: str, tmp_path: Path) -> None:
    for part, values in zip(("train", "train", "t10k", "t10k"), arrays().values(), strict=True):
        kind = "images-idx3" if values.ndim == 3 else "labels-idx1"
        idx(tmp_path / name / "raw" / f"{part}-{kind}-ubyte", values)
    raw = load_raw("torchvision", tmp_path, dataset=name)
    same(raw)
    assert raw.name == f"torchvision:{name}"


def test_the_digest_is_of_pixels_labels_and_names(tmp_path: Path) -> None:
    first = load_raw("folder", pictures(tmp_path / "a"))
    assert load_raw("folder", pictures(tmp_path / "b")).digest == first.digest
    renamed = load_raw("folder", pictures(tmp_path / "c", names=lambda label: f"n{label}"))
    changed = IMAGES.copy()
    changed[3, 14, 14] ^= 1
    pixel = load_raw("folder", pictures(tmp_path / "d", changed))
    assert len({first.digest, renamed.digest, pixel.digest}) == 3


def test_dark_on_light_is_inverted(tmp_path: Path) -> None:
    pictures(tmp_path / "light", 255 - IMAGES)
    pictures(tmp_path / "dark")
    light, dark = (load_raw("folder", tmp_path / name) for name in ("light", "dark"))
    assert light.digest == dark.digest


def test_pictures_of_any_size_on_request(tmp_path: Path) -> None:
    large = [np.array(Image.fromarray(255 - i).resize((60, 50))) for i in IMAGES]
    place = pictures(tmp_path / "own", large)
    with pytest.raises(InputError, match=r"is 60x50, and a digit has to be 28x28: data\.preproc"):
        load_raw("folder", place)
    raw = load_raw("folder", place, preprocess=True)
    found = {image.tobytes() for image in (*raw.train_images.numpy(), *raw.test_images.numpy())}
    expected = {normalise(image.astype(np.float32) / 255).tobytes() for image in large}
    assert found == expected


def colour(root: Path) -> None:
    pictures(root)
    Image.new("RGB", (28, 28), "red").save(root / "3" / "red.png")


def empty(root: Path) -> None:
    pictures(root)
    (root / "cat").mkdir()


def of_another_class(root: Path) -> None:
    pictures(root / "train")
    pictures(root / "test", names=lambda label: f"{label + 1}")


def blank(root: Path) -> None:
    pictures(root)
    Image.new("L", (28, 28)).save(root / "3" / "none.png")


def table(text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        root.mkdir()
        Image.fromarray(IMAGES[0]).save(root / "a.png")
        (root / "labels.csv").write_text(text)

    return make


def npz(**changed: np.ndarray) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        with root.open("wb") as file:
            np.savez(file, **arrays(**changed))

    return make


def one_file(root: Path) -> None:
    idx(root / "train-images-idx3-ubyte", IMAGES)


def cut(root: Path) -> None:
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        idx(root / f"{name}-ubyte", IMAGES if "images" in name else LABELS)
    (root / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0")


def two_sets(root: Path) -> None:
    cut(root)
    idx(root / "letters-train-images-idx3-ubyte", IMAGES)


def pipe(root: Path) -> None:
    cut(root)
    (root / "t10k-images-idx3-ubyte").unlink()
    os.mkfifo(root / "t10k-images-idx3-ubyte")


def odd_name(root: Path) -> None:
    pictures(root)
    (root / "3" / "a\nb\x1b[2J.png").touch()


WRONG = [
    ("folder", lambda root: None, "is not there"),
    ("folder", lambda root: root.mkdir(), "has no folder for each class"),
    ("folder", empty, "holds no pictures: class cat is empty"),
    ("folder", colour, r"red\.png is in colour: data\.preprocess=true takes its greys"),
    ("folder", of_another_class, "is of a class that .* has not"),
    ("folder", lambda root: pictures(root, names=lambda _: "7"), "1 classes: there have to be 2"),
    ("folder", lambda root: pictures(root, IMAGES[:12], LABELS[:12]), "no digit to test on"),
    ("folder", table("a.png,3"), "has to begin with the line name,label"),
    ("folder", table("name,label\na.png,"), "line 2: name, label, and train or test"),
    ("folder", table("name,label,split\na.png,3,dev"), "line 2"),
    ("folder", table("name,label\nb.png,3"), r"b\.png cannot be opened"),
    ("folder", table("name,label,split\na.png,3,train\na.png,4,test"), "class 4 has no digit to"),
    ("folder", table("name,label\n\xff\n"), "line 2: name, label"),
    ("folder", table('name,label\na.png," "'), "line 2: name, label"),
    ("folder", table(f"name,label\na.png,{5000 * '9'}"), "1 classes: there have to be 2"),
    ("folder", odd_name, r"a\\nb\\x1b\[2J\.png is empty"),
    ("npz", npz(train_images=IMAGES[:80, :0]), "have to be greys"),
    ("npz", lambda root: root.write_bytes(b"PK"), r"is no \.npz file"),
    ("npz", npz(train_labels=LABELS[:80].astype(object)), r"is no \.npz file"),
    ("npz", npz(train_labels=LABELS[:80].astype(float)), "80 labels of float64"),
    ("npz", npz(train_labels=LABELS[:79]), "80 images and 79 labels"),
    ("npz", npz(train_labels=LABELS[:80] - 1), "from 0 to 255"),
    ("npz", npz(train_labels=LABELS[:80] * 30), "lie between 0 and 270"),
    ("npz", npz(train_labels=LABELS[:80] + 1), "class 0 has no digit to train on"),
    ("npz", npz(train_images=IMAGES[:80, :20]), "is 28x20"),
    ("npz", npz(train_images=np.stack([IMAGES[:80]] * 3, -1)), "have to be greys"),
    ("npz", npz(train_images=IMAGES[:80] / 255), "images are float64"),
    ("idx", one_file, "has no file of train labels"),
    ("idx", two_sets, "several files of train images"),
    ("idx", cut, "no file of bytes in 3 dimensions"),
    ("idx", pipe, "no file of t10k images"),
]


@pytest.mark.parametrize(("source", "make", "told"), WRONG)
def test_what_cannot_be_learned_from_is_told(source, make, told: str, tmp_path: Path) -> None:
    make(tmp_path / "own")
    with pytest.raises(InputError, match=told) as refused:
        load_raw(source, tmp_path / "own")
    assert "\n" not in str(refused.value)


def test_no_row_of_a_table_is_standard_input(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("name,label\n-,3")
    with pytest.raises(InputError, match=r"/- cannot be opened \(No such file"):
        load_raw("folder", Path("labels.csv"))


def test_a_blank_picture_is_named(tmp_path: Path) -> None:
    blank(tmp_path / "own")
    with pytest.raises(InputError, match=r"none\.png is blank"):
        load_raw("folder", tmp_path / "own", preprocess=True)
