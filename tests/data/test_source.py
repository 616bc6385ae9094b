"""Digits arrive whole, once, or with one line that says what to do."""

import functools
import gzip
import os
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from tests.commands import FORKS

import lenet.data.torchvision_ops  # noqa: F401  before torchvision is imported
from lenet.data import mnist_files, source
from lenet.errors import InputError

IMAGES = "t10k-images-idx3-ubyte"
MIRRORS = "torchvision.datasets.MNIST.mirrors"
DIGEST = "c65580678af93f1ea48c2c0d01d543ec89307c6b8a0eb7ca542d7c18c5f4c681"  # results carry it


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None: ...


@pytest.fixture
def root(mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the archives that a test may spoil, given as MNIST_ROOT."""
    copy = tmp_path / "given"
    (copy / "MNIST" / "raw").mkdir(parents=True)
    for archive in (mnist_root / "MNIST" / "raw").glob("*.gz"):
        shutil.copy(archive, copy / "MNIST" / "raw")
    monkeypatch.setenv("MNIST_ROOT", str(copy))
    return copy


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No local MNIST, and mirrors that refuse at once."""
    monkeypatch.delenv("MNIST_ROOT", raising=False)
    monkeypatch.setattr(MIRRORS, ["http://127.0.0.1:9/"])


def test_mnist_comes_from_archives_that_are_only_read(root: Path, tmp_path: Path) -> None:
    raw = source.load_raw("mnist", tmp_path / "data")
    assert raw.train_images.shape == (60_000, 28, 28)
    assert raw.test_images.shape == (10_000, 28, 28)
    assert raw.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert (raw.validation, raw.digest) == (5_000, DIGEST)
    assert not list(root.rglob("*ubyte")), "MNIST_ROOT is read only"


def test_unpacked_files_serve_as_well(root: Path, tmp_path: Path) -> None:
    for archive in (root / "MNIST" / "raw").glob("*.gz"):
        with gzip.open(archive) as packed:
            archive.with_suffix("").write_bytes(packed.read())
        archive.unlink()
    assert source.load_raw("mnist", tmp_path / "data").name == "mnist"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("strict", ["mnist", "auto"])
def test_a_truncated_archive_is_named(root: Path, tmp_path: Path, strict: str) -> None:
    path = root / "MNIST" / "raw" / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=rf"{IMAGES}\.gz is damaged .*replace it"):
        source.load_raw(strict, tmp_path / "data")
    assert not (tmp_path / "data" / "MNIST").exists()


def test_an_altered_archive_is_named(root: Path, tmp_path: Path) -> None:
    path = root / "MNIST" / "raw" / f"{IMAGES}.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content), compresslevel=1))
    with pytest.raises(InputError, match=rf"{IMAGES}\.gz holds altered digits"):
        source.load_raw("mnist", tmp_path / "data")


def test_archives_in_the_projects_own_folder_are_unpacked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_ROOT")
    root.rename(tmp_path / "data")
    assert source.load_raw("mnist", tmp_path / "data").name == "mnist"


def test_a_folder_that_is_a_file_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"data\.folder=.* cannot be used"):
        source.load_raw("mnist", tmp_path / "file")


def test_a_missing_archive_is_named(root: Path, tmp_path: Path) -> None:
    (root / "MNIST" / "raw" / f"{IMAGES}.gz").unlink()
    with pytest.raises(InputError, match=rf"{IMAGES}\.gz is missing: put the four"):
        source.load_raw("auto", tmp_path / "data")


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b[:-1] + b"\1", lambda b: b""])
def test_unpacked_content_is_checked_each_time(root: Path, tmp_path: Path, spoil) -> None:
    source.load_raw("mnist", tmp_path / "data")
    source._load.cache_clear()
    path = tmp_path / "data" / "MNIST" / "raw" / IMAGES
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=rf"{IMAGES} is not the official file"):
        source.load_raw("mnist", tmp_path / "data")


def count(root: str, folder: Path) -> int:
    """How many digits to train on a process finds, with that MNIST_ROOT."""
    os.environ["MNIST_ROOT"] = root
    return len(source.load_raw("mnist", folder).train_labels)


@pytest.mark.usefixtures("root")
def test_eight_processes_unpack_once_and_all_succeed(tmp_path: Path) -> None:
    given = 8 * [os.environ["MNIST_ROOT"]], 8 * [tmp_path / "data"]
    with ProcessPoolExecutor(8, FORKS) as pool:
        assert list(pool.map(count, *given)) == 8 * [60_000]
    assert [p.name for p in (tmp_path / "data").iterdir() if p.name != ".lock"] == ["MNIST"]


@pytest.mark.usefixtures("nowhere")
def test_without_mnist_auto_is_the_stand_in_and_mnist_an_error(tmp_path: Path) -> None:
    assert source.load_raw("auto", tmp_path / "data").name == "digits"
    with pytest.raises(source.Unreachable, match="set MNIST_ROOT to that folder"):
        source.load_raw("mnist", tmp_path / "data")
    assert not (tmp_path / "data" / "MNIST").exists()


@pytest.mark.usefixtures("nowhere")
def test_a_mirror_fills_the_projects_own_folder(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = functools.partial(Quiet, directory=str(mnist_root / "MNIST" / "raw"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as mirror:
        threading.Thread(target=mirror.serve_forever).start()
        monkeypatch.setattr(MIRRORS, [f"http://127.0.0.1:{mirror.server_port}/"])
        raw = source.load_raw("auto", tmp_path / "data")
        mirror.shutdown()
    assert raw.digest == DIGEST
    assert {p.name for p in (tmp_path / "data").rglob("*") if p.is_file()} == {
        *mnist_files.FILES,
        ".lock",
    }


@pytest.mark.usefixtures("root")
def test_a_kill_leaves_nothing_that_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the process is killed as it waits
        code = (
            "import sys; from pathlib import Path; import lenet.data.torchvision_ops; "
            "from lenet.data.source import load_raw; "
            "from torchvision.datasets import MNIST; MNIST.mirrors = [sys.argv[2]]; "
            "load_raw('mnist', Path(sys.argv[1]))"
        )
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        without = {name: value for name, value in os.environ.items() if name != "MNIST_ROOT"}
        with subprocess.Popen([sys.executable, "-c", code, str(data), mirror], env=without) as one:
            silent.settimeout(60)
            silent.accept()[0].close()
            one.kill()
    [left] = data.glob(".fetching-*")
    assert not (data / "MNIST").exists()
    assert source.load_raw("mnist", data).digest == DIGEST
    assert not left.exists()
    for kept in (1, 4):  # the files that were in place when a process was killed
        for name in list(mnist_files.FILES)[kept:]:
            (data / "MNIST" / "raw" / name).unlink()
        left.mkdir()
        source._load.cache_clear()
        assert source.load_raw("mnist", data).digest == DIGEST
        assert sorted(p.name for p in data.iterdir()) == [".lock", "MNIST"]


@pytest.mark.usefixtures("root")
def test_a_whole_folder_is_only_read(tmp_path: Path) -> None:
    source.load_raw("mnist", tmp_path / "data")
    source._load.cache_clear()
    (tmp_path / "data" / ".lock").unlink()
    source.load_raw("mnist", tmp_path / "data")
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["MNIST"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_cannot_be_read_is_named(root: Path, tmp_path: Path, suffix: str) -> None:
    for archive in (root / "MNIST" / "raw").glob("*.gz"):
        archive.rename(archive.with_suffix(suffix))
    path = root / "MNIST" / "raw" / f"{next(iter(mnist_files.FILES))}{suffix}"
    path.unlink()
    path.mkdir()  # which nobody can read, not even root
    with pytest.raises(InputError, match=f"{path} cannot be read: Is a directory"):
        source.load_raw("mnist", tmp_path / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(root: Path, tmp_path: Path) -> None:
    (root / "MNIST").chmod(0)
    with pytest.raises(InputError, match=f"{root}/MNIST/.* cannot be read: Permission denied"):
        source.load_raw("mnist", tmp_path / "data")
    (root / "MNIST").chmod(0o700)


def test_an_unknown_source_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"data.source=usps is not one of auto, mnist, qmnist, digits"
    ):
        source.load_raw("usps", tmp_path)


def test_the_stand_in_has_mnists_form() -> None:
    raw = source.stand_in()
    assert raw.digest == "aeb2faa559a03cc11771138149436fe86e2f19de5d3f339c26bbc220b6c41604"
    assert len(raw.train_images) + len(raw.test_images) == 1_797
    images = torch.cat([raw.train_images, raw.test_images]).float()
    assert images.shape[1:] == (28, 28)
    assert images[:, 0].max() == images[:, -1].max() == 0, "a dark margin, as in MNIST"
    mass = images.sum((1, 2))
    for dim in (1, 2):
        centre = (images.sum(3 - dim) * torch.arange(28.0)).sum(1) / mass
        assert (centre - 13.5).abs().max() <= 0.51, "centred by mass, to half a pixel"
