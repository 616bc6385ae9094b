"""Writers come whole, from a folder or QMNIST's address; a split by writers shares none of them."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from lenet import data
from lenet.data import qmnist, source
from lenet.data.digits import split
from lenet.data.fetch import Unreachable
from lenet.data.raw import Raw
from lenet.errors import InputError
from lenet.statistics import Writers

NAME = "qmnist-{}-labels-idx2-int.gz"
IMAGES = "qmnist-test-images-idx3-ubyte.gz"


def archive(header: tuple[int, ...], values: np.ndarray) -> bytes:
    return gzip.compress(np.array(header, ">i4").tobytes() + values.tobytes(), mtime=0)


def labels(count: int) -> np.ndarray:
    """Of digits by writers of two digits each, students and employees in turn."""
    table = np.zeros((count, 8), ">i4")
    at = np.arange(count)
    table[:, qmnist.CLASS] = at % 10
    table[:, qmnist.WRITER] = at // 2
    table[:, qmnist.SERIES] = np.where(at // 2 % 2, 0, qmnist.STUDENTS)
    return table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with small files in QMNIST's form: 12 training digits, 10,004 test digits."""
    monkeypatch.delenv("MNIST_ROOT", raising=False)
    at = tmp_path / "QMNIST" / "raw"
    at.mkdir(parents=True)
    known = {}
    for part, count in (("train", 12), ("test", 10_004)):
        content = archive((0x0C02, count, 8), labels(count))
        (at / NAME.format(part)).write_bytes(content)
        known[part] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    monkeypatch.setattr(qmnist, "LABELS", known)
    return tmp_path


def test_writers_are_those_of_mnists_digits(folder: Path) -> None:
    train, test = data.writers("train", folder), data.writers("test", folder)
    assert train.number.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert train.student.tolist() == [True, True, False, False] * 3
    assert len(test) == 10_000, "QMNIST's other test digits are not MNIST's"


def test_the_given_folder_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_ROOT", str(folder))
    assert len(data.writers("train", folder / "elsewhere")) == 12
    monkeypatch.setenv("MNIST_ROOT", str(folder / "has none"))
    assert len(data.writers("train", folder)) == 12


def test_an_altered_file_is_named(folder: Path) -> None:
    path = folder / "QMNIST" / "raw" / NAME.format("train")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{path} is not the official file"):
        data.writers("train", folder)


def test_they_are_fetched_where_they_are_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "QMNIST" / "raw" / NAME.format("train")
    content, asked = path.read_bytes(), []
    path.unlink()

    def fetch(mirrors: list[str], files: dict[str, str], into: Path) -> None:
        asked.append((mirrors, files))
        for name in files:
            (into / name).write_bytes(content)

    monkeypatch.setattr(qmnist, "fetch", fetch)
    assert len(data.writers("train", folder)) == 12
    [([mirror], files)] = asked
    assert mirror.endswith("facebookresearch/qmnist/master/")
    assert files == {NAME.format("train"): qmnist.LABELS["train"]}


def test_what_cannot_be_had_says_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_ROOT", raising=False)
    monkeypatch.setattr(
        "torchvision.datasets.QMNIST.resources", {"test": [("http://127.0.0.1:9/x.gz", "")]}
    )
    with pytest.raises(Unreachable, match=r"put it into a folder's QMNIST/raw and set MNIST_ROOT"):
        data.writers("test", tmp_path)


def test_a_split_by_writers_shares_none(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    number = generator.integers(0, 200, 12_000)
    known = Writers(number, number % 2 == 0)
    held = data.by_writers(known).numpy()
    assert np.array_equal(held, np.sort(held))
    assert not np.intersect1d(number[held], np.delete(number, held)).size
    assert len(held) == pytest.approx(5_000, abs=70)  # writers of about 60 digits each
    assert known.student[held].mean() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(data.by_writers(known), torch.from_numpy(held))


def test_digits_of_writers_validate_and_the_rest_trains() -> None:
    images = torch.arange(10, dtype=torch.uint8)[:, None, None].expand(10, 28, 28)
    raw = Raw("mnist", None, "", images, torch.arange(10), images, torch.arange(10), validation=2)
    digits = split(raw, validation=torch.tensor([1, 4, 9]), train_size=5)
    assert digits.validation.labels.tolist() == [1, 4, 9]
    assert digits.train.labels.tolist() == [0, 2, 3, 5, 6]
    with pytest.raises(InputError, match=r"data.train_size=8 has to lie between 1 and 7"):
        split(raw, validation=torch.tensor([1, 4, 9]), train_size=8)


def test_the_other_test_digits_are_tested_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((10_004, 28, 28), np.uint8)
    pixels[10_000:] = np.arange(4)[:, None, None]
    content = archive((0x0803, 10_004, 28, 28), pixels)
    (folder / "QMNIST" / "raw" / IMAGES).write_bytes(content)
    monkeypatch.setattr(qmnist, "TEST_IMAGES", f"md5:{hashlib.md5(content).hexdigest()}")
    digits = torch.zeros(10_000, 28, 28, dtype=torch.uint8), torch.arange(10_000) % 10
    monkeypatch.setattr(
        qmnist, "mnist", lambda *_: Raw("mnist", folder, "d1", *digits, *digits, 5_000)
    )
    raw = source.load_raw("qmnist", folder)
    assert raw.digest != "d1", "other results than those on MNIST alone"
    further = split(raw, validation=0).further
    assert further is not None
    assert further.labels.tolist() == [0, 1, 2, 3]
    assert (len(raw.test_labels), len(further.images)) == (10_000, 4)
    assert split(source.stand_in()).further is None


@pytest.mark.usefixtures("mnist_root")
def test_the_official_labels_say_who_wrote_mnist(tmp_path: Path) -> None:
    try:
        train, test = data.writers("train", tmp_path), data.writers("test", tmp_path)
    except Unreachable:
        pytest.skip("no labels of QMNIST here")
    assert not np.intersect1d(train.number, test.number).size
    assert (len(np.unique(train.number)), len(np.unique(test.number))) == (539, 297)
    assert (train.student.sum(), test.student.sum()) == (29_050, 5_001)
    held = data.by_writers(train)
    assert abs(len(held) - 5_000) < 100
    assert train.student[held].mean() == pytest.approx(0.5, abs=0.01)
