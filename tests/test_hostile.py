"""Every way in gets files that try to run code, to read a secret, or to fill the memory: nothing
of them runs, nothing is told, and there is one line."""

import io
import json
import os
import pickle
import resource
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from pyarrow import parquet
from safetensors.torch import load_file
from tests import commands
from tests.conftest import PROJECT

from lenet import files, results
from lenet.classic import NearestNeighbours, persistence
from lenet.data import pictures
from lenet.errors import InputError
from lenet.experiment import load_classifier, own_names, read_configuration
from lenet.experiment.repeat import configuration
from lenet.nets import save_tensors
from lenet.predict.chosen import choose
from lenet.report import page, tables
from lenet.report.drawn import PICTURES as PICTURES_FILE
from lenet.results.predictions import MOST_DIGITS, read_predictions
from lenet.study import profile
from lenet.tracking import Tracker
from lenet.tracking.queue import RECORDS, RunQueue, Unusable

SECRET = "a-token-that-nobody-may-see"
WITHIN = 30.0  # seconds; each takes a fraction of one, on a machine that does nothing else


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that hostile content would make; the environment has a secret."""
    monkeypatch.setenv("TOKEN", SECRET)
    path, start = tmp_path / "canary", time.monotonic()
    yield path
    assert not path.exists(), "foreign code ran"
    assert time.monotonic() - start < WITHIN
    told = [f for f in tmp_path.rglob("*") if f.is_file() and SECRET.encode() in f.read_bytes()]
    assert not told, "the secret was written down"


def refused(call: Callable[[], object], kind: type[Exception] = InputError) -> str:
    """What a call is refused with: one line, which a terminal can show."""
    with pytest.raises(kind) as told:
        call()
    line = str(told.value)
    assert line.isprintable(), line
    assert len(line) < 1_000
    assert SECRET not in line
    return line


# a run's configuration, in a store


def config(**parts: Any) -> str:
    plain = {
        "name": "a run",
        "model": {"_target_": "lenet.classic.NearestNeighbours", "k": 3},
        "recipe": {"_target_": "lenet.classic.Fit"},
        "data": {"source": "digits", "view": "regular"},
        "trainer": {},
    }
    return json.dumps(plain | parts)  # JSON is YAML


def touch(canary: str) -> dict[str, Any]:
    return {"_target_": "subprocess.check_call", "args": ["touch", canary]}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
CONFIGURATIONS: dict[str, Callable[[str], str | bytes]] = {
    "a target": lambda c: config(model=touch(c)),
    "a target deep inside": lambda c: config(recipe={"base": [{"x": touch(c)}]}),
    "pandas reads a pickle": lambda c: config(
        model={
            "_target_": "lenet.nets.MLP",
            "hidden": [{"_target_": "pandas.read_pickle", "filepath_or_buffer": "http://x/y"}],
        }
    ),
    "arguments": lambda c: config(model={"_target_": "lenet.nets.MLP", "_args_": [touch(c)]}),
    "a target by reference": lambda c: config(model="${evil}", evil=touch(c)),
    "a target under another key": lambda c: config(evil=touch(c)),
    "hydra's own part": lambda c: config(hydra={"callbacks": {"x": touch(c)}}),
    "a callback": lambda c: config(trainer={"callbacks": [touch(c)]}),
    "the environment": lambda c: config(name="${oc.env:TOKEN}"),
    "the environment, nested": lambda c: config(data={"view": ["${oc.env:${x}}"]}),
    "the environment in a key": lambda c: config(**{"${oc.env:TOKEN}": 1}),
    "a python object": lambda c: f"model: !!python/object/apply:os.system ['touch {c}']",
    "aliases without end": lambda c: BOMB,
    "nesting": lambda c: "[" * 20_000,
    "a long text": lambda c: config(name="x" * 50_000),
    "a huge file": lambda c: "#" * 2_000_000,
    "bytes": lambda c: b"\xff\xfe\x00\x01",
    "no mapping": lambda c: "- a",
    "a name of two lines": lambda c: config(name="a\nb"),
    "a name for the terminal": lambda c: 'name: "\\e]0;x\\a"',
    "a name that is none": lambda c: config(name=["x"]),
    "a value that is missing": lambda c: config(name="???"),
    "no model": lambda c: config(model=3),
    "a recipe for a model": lambda c: config(model={"_target_": "lenet.classic.Fit"}),
    "a model for a recipe": lambda c: config(recipe={"_target_": "lenet.nets.LeNet1"}),
    "a model that is half made": lambda c: config(
        model={"_target_": "lenet.classic.NearestNeighbours", "_partial_": True}
    ),
    "a data set that is none": lambda c: config(
        model={"_target_": "lenet.nets.LeNet5"},
        recipe={"_target_": "lenet.learning.SDLM"},
        data={"source": "torchvision", "dataset": "__import__", "view": "regular"},
    ),
    "many processes": lambda c: config(trainer={"devices": 100_000, "strategy": "ddp_fork"}),
    "a large number": lambda c: f"seed: 0x{'f' * 20_000}",
}


@pytest.fixture
def keep(tmp_path: Path, empty_database: Path, monkeypatch) -> Callable[..., str]:
    """Keeps a run with files as they are given, in a store of the test's own; its id."""
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    tags = {"data.digest": "0", "git.dirty": "false", "threads": "1", "data": "digits"}

    def keep(contents: dict[str, str | bytes], **more: str) -> str:
        tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns", stand_in=True)
        with tracker.start().run("a run") as run:
            run.tags(tags | more)
            run.metrics({"training_seconds": 1.0})
            for name, content in contents.items():
                with run.artifact(name) as path:
                    path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(run.id)

    return keep


def repeat(run: str) -> object:
    given = [f"repeat={run}"]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            cfg = compose("config", given, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        return configuration(cfg, given)
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_of_a_store(kind: str, keep, canary: Path, tmp_path: Path) -> None:
    text = CONFIGURATIONS[kind](str(canary))
    run = keep({"config.yaml": text, "model.skops": "x", "predictions.parquet": PREDICTIONS})
    refused(lambda: repeat(run))
    refused(lambda: choose(PROJECT, f"sqlite:///{tmp_path}/mlflow.db", run))


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"threads": "9" * 5_000}, "tag threads"),
        ({"threads": "\x1b[2J"}, "tag threads"),
        ({"git.dirty": "true"}, "no file uncommitted.diff"),
    ],
)
def test_tags_of_a_store(tags: dict[str, str], line: str, keep, canary, tmp_path: Path) -> None:
    run = keep({"config.yaml": config()}, **tags)
    assert line in refused(lambda: repeat(run))


def test_a_device_for_a_file_of_a_store(keep, canary: Path, tmp_path: Path) -> None:
    run = keep({"config.yaml": config()})
    [path] = (tmp_path / "mlruns").rglob("config.yaml")
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "config.yaml is empty" in refused(lambda: repeat(run))


def test_a_class_that_only_the_store_names(canary: Path, tmp_path: Path) -> None:
    """A user's own class is made where the user's own conf/ names it, too."""
    (tmp_path / "c.yaml").write_text("model: {_target_: own.Net}")
    refused(lambda: read_configuration(tmp_path / "c.yaml"))
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "own.yaml").write_text("_target_: own.Net")
    own = own_names(tmp_path / "conf")
    assert read_configuration(tmp_path / "c.yaml", own) == {"model": {"_target_": "own.Net"}}


# predictions


def table(rows: int = 20, **columns: Any) -> bytes:
    plain = {"label": 1, "prediction": 1} | {f"score_{i}": float(i) for i in range(10)}
    content = io.BytesIO()
    pd.DataFrame({k: [v] * rows for k, v in (plain | columns).items()}).to_parquet(content)
    return content.getvalue()


def bomb() -> bytes:
    """A few kilobytes for millions of rows."""
    column = pa.array(np.zeros(MOST_DIGITS + 1, np.int8))
    names = ["label", "prediction", *(f"score_{i}" for i in range(10))]
    content = io.BytesIO()
    parquet.write_table(pa.table(dict.fromkeys(names, column)), content)
    return content.getvalue()


PREDICTIONS = table()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1" + b"\xff" * 64 + b"PAR1",
        PREDICTIONS[:-20],
        bomb(),
        table(rows=0),
        table(label=11),
        table(label="x" * 1_000),
        table(score_3="${oc.env:TOKEN}"),
        table(score_3=float("nan")),
        table(prediction=None),
    ],
    ids=range(10),
)
def test_predictions(content: bytes, canary: Path, tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").write_bytes(content)
    refused(lambda: read_predictions(tmp_path / "predictions.parquet"))


# weights


def weights_with(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        weights = load_file(path)
        change(weights)
        save_tensors(weights, path)

    return write


def first(weights: dict[str, torch.Tensor]) -> str:
    return next(name for name, value in weights.items() if value.is_floating_point())


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Touches(path.parent / "canary")))


WEIGHTS: dict[str, Callable[[Path], object]] = {
    "a pickle": pickled,
    "torch's pickle": lambda path: torch.save(Touches(path.parent / "canary"), path),
    "a header that is longer than the file": lambda p: p.write_bytes(struct.pack("<Q", 2**40)),
    "NaN": weights_with(lambda w: w[first(w)].fill_(float("nan"))),
    "infinite": weights_with(lambda w: w[first(w)].view(-1)[0].fill_(float("inf"))),
    "huge": weights_with(lambda w: [v.fill_(3e38) for v in w.values() if v.is_floating_point()]),
    "another shape": weights_with(lambda w: w.update({first(w): torch.zeros(3)})),
    "another type": weights_with(lambda w: w.update({first(w): w[first(w)].double()})),
    "one more": weights_with(lambda w: w.update({"evil\nline": torch.zeros(3)})),
    "one less": weights_with(lambda w: w.pop(first(w))),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights(kind: str, run_files: Path, canary: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((run_files / path.name).read_bytes())
    WEIGHTS[kind](path)
    refused(lambda: load_classifier(run_files / "config.yaml", path))


@pytest.mark.parametrize(
    "hidden", [[10**5, 10**5], [10**9], [10**18], [2**62, 2**62], [1] * 5_000, [10**4] * 5_000]
)
def test_a_net_too_large_for_its_file(
    hidden: list[int], run_files: Path, canary: Path, tmp_path: Path
) -> None:
    model = {"_target_": "lenet.nets.MLP", "hidden": hidden}
    recipe = {"_target_": "lenet.learning.SDLM"}
    (tmp_path / "config.yaml").write_text(config(model=model, recipe=recipe))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    refused(lambda: load_classifier(tmp_path / "config.yaml", run_files / "model.safetensors"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_estimator_that_is_not_finite(value: float, canary: Path, tmp_path: Path) -> None:
    known = NearestNeighbours(1).fit(np.eye(10, dtype=np.float32), np.arange(10))
    persistence.save(known, tmp_path / "m")
    persistence.load(tmp_path / "m")
    known.patterns_[3, 2] = value
    persistence.save(known, tmp_path / "m")
    assert "not finite" in refused(lambda: persistence.load(tmp_path / "m"), ValueError)


# results


def npz(path: Path, **arrays: Any) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array)


def npy(shape: tuple[int, ...], kind: str = "|u1", content: bytes = b"") -> bytes:
    file = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


ARRAYS: dict[str, Callable[[Path], object]] = {
    "objects": lambda p: np.savez(p, label=np.array([Touches(p.parent / "canary")], object)),
    "a bare pickle": pickled,
    "a shape without end": lambda p: npz(p, label=npy((2**40,))),
    "a shape that overflows": lambda p: npz(p, label=npy((2**32, 2**32))),
    "a bomb": lambda p: npz(p, label=npy((300 * 2**20,), content=bytes(300 * 2**20))),
    "a header that is code": lambda p: npz(p, label=b"\x93NUMPY\1\0\x10\0__import__('os')"),
    "no array": lambda p: npz(p, label=b"x"),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-30]),
    "an array that nobody wants": lambda p: np.savez(p, evil=np.zeros(3)),
    "a pipe": lambda p: (p.unlink(), os.mkfifo(p)),
}
RECORDS_OF_RESULTS: dict[str, Any] = {
    "nesting": "[" * 200_000,
    "a huge file": " " * (files.LARGEST_TEXT + 1),
    "no object": "3",
    "runs that are none": {"runs": [3]},
    "runs that are no list": {"runs": {"a": 1}},
    "a key that nobody wants": {"evil": 1},
    "a row that is none": {"row": "<b>"},
    "a name for the terminal": {"experiment": "\x1b[2J"},
    "an infinite figure": {"runs": [{"seed": 0, "metrics": {"macs": float("inf")}}]},
    "a figure that is a text": {"runs": [{"seed": 0, "metrics": {"macs": "=1"}}]},
    "a seed that is a list": {"runs": [{"seed": [1]}]},
}


@pytest.fixture
def result(project: Path, tmp_path: Path) -> Path:
    """A folder of results with one good row."""
    folder = tmp_path / "results" / "lenet5"
    folder.mkdir(parents=True)
    for name in (results.RUNS, results.PREDICTIONS):
        (folder / name).write_bytes((project / "results" / "lenet5" / name).read_bytes())
    results.load(folder)
    return folder


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_results(kind: str, result: Path, canary: Path) -> None:
    path = result / results.PREDICTIONS
    path.write_bytes(path.read_bytes())
    ARRAYS[kind](path)
    refused(lambda: results.load_all(result.parent))
    if kind != "an array that nobody wants":
        path.rename(result / PICTURES_FILE)
        refused(lambda: files.read_arrays(result / PICTURES_FILE, "again"))


@pytest.mark.parametrize("kind", RECORDS_OF_RESULTS)
def test_records_of_results(kind: str, result: Path, canary: Path) -> None:
    path, content = result / results.RUNS, RECORDS_OF_RESULTS[kind]
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content)
    path.write_text(content)
    refused(lambda: results.load_all(result.parent))
    assert results.find(result.parent, "own") is None


def test_a_link_in_a_circle_is_no_missing_result(result: Path, canary: Path) -> None:
    path = result / results.RUNS
    path.unlink()
    path.symlink_to(path)
    refused(lambda: results.load_all(result.parent))


def test_the_name_of_a_folder_is_shown_as_it_is(result: Path, canary: Path) -> None:
    result.rename(result.parent / "a\x1b[2Jb")
    refused(lambda: results.load_all(result.parent))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
        ("a | b", r"a \| b"),
        ("![x](http://y)", r"![x]\(http://y)"),
        ("&lt;b", "&amp;lt;b"),
        ("a\n# b", "a # b"),
        ("p < 0.05 & more", "p < 0.05 & more"),
    ],
)
def test_a_name_in_markdown(name: str, shown: str) -> None:
    assert page.in_markdown(name) == shown


@pytest.mark.parametrize("name", ["=1+2", "+1", "-1", "@a", "\t=1"])
def test_a_name_in_a_spreadsheet(name: str) -> None:
    line = dict.fromkeys(tables.CSV, 0) | {"row": name}
    text = tables.csv(pd.DataFrame([line, line | {"row": "lenet5"}]))
    assert text.splitlines()[1].lstrip('"').startswith("'")
    assert text.splitlines()[2].startswith("lenet5,")


# the spool

OUTSIDE = {
    "a file of the system": {"path": "/etc/passwd"},
    "a file above": {"path": "../../secret"},
    "a file above, by the folder of files": {"path": "files/../../secret"},
    "a link": {"path": "files/link"},
    "a pipe": {"path": "files/pipe"},
    "no name": {"path": "files/\0"},
    "no text": {"path": ["files", "x"]},
    "a text for a file elsewhere": {"text": "x", "name": "../../x"},
    "a text for a file of the system": {"text": "x", "name": "/etc/x"},
    "a text without a name": {"text": "x", "name": 3},
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_a_record_of_the_spool(kind: str, canary: Path, tmp_path: Path) -> None:
    queue = RunQueue(tmp_path / "spool" / "run")
    (queue.folder / "files").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "spool" / "secret").write_text("x")
    (queue.folder / "files" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(queue.folder / "files" / "pipe")
    (queue.folder / RECORDS).write_text(json.dumps(OUTSIDE[kind]) + "\n")
    [(_, line, _)] = queue.waiting().lines
    with pytest.raises(Unusable):
        queue.decode(line)


# pictures


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    text = b"a\0\0" + zlib.compress(bytes(80 * 2**20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"zTXt", text) + chunk(b"IEND", b"")


PICTURES: dict[str, Callable[[Path], bytes]] = {
    "a program for ghostscript": lambda c: f"%!PS-Adobe-3.0 EPSF-3.0\n({c}) (w) file".encode(),
    "a pickle": lambda c: pickle.dumps(Touches(c)),
    "a page": lambda c: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///'/></svg>",
    "a bomb": lambda c: png_bomb(),
    "a size without end": lambda c: b"P5 999999999 999999999 255\n",
    "nothing": lambda c: b"",
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture(kind: str, canary: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(PICTURES[kind](canary))
    refused(lambda: pictures.read(str(tmp_path / "x.png")))


# params.yaml


@pytest.mark.parametrize(
    "text",
    [
        "data: ${oc.env:TOKEN}",
        BOMB,
        "a: !!python/object/apply:os.system ['true']",
        "profile: [a]\nprofiles: {a: 1}\ndata: x\nthreads: 1",
        "profile: a\nprofiles: [a]\ndata: x\nthreads: 1",
        "profile: a\nprofiles: {a: {seeds: x, epochs: 1, train_size: 1, changed_digits: 1}}\n"
        "data: x\nthreads: 1",
        "profile: full",
        "",
    ],
    ids=range(8),
)
def test_params(text: str, canary: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    refused(profile.parameters)


# a checkpoint is left aside, and the training begins anew


def test_a_checkpoint_that_is_a_pickle(canary: Path, capsys, tmp_path: Path) -> None:
    from lenet.learning.checkpoints import LAST, to_continue_from
    from lenet.learning.trainer import EpochModule

    torch.save({"epochs": Touches(canary)}, tmp_path / LAST)
    assert to_continue_from(tmp_path, EpochModule([])) is None
    assert LAST in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train.py repeat={run}", "predict.py x.png --run {run}"])
def test_through_the_shell(command: str, keep, canary: Path, tmp_path: Path) -> None:
    run = keep({"config.yaml": config(model=touch(str(canary)), name="${oc.env:TOKEN}")})
    from PIL import Image

    Image.new("L", (28, 28), 255).save(tmp_path / "x.png")
    done = commands.run(["python", *command.format(run=run).split()], tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert SECRET not in done.stdout + done.stderr


# files have the modes that the user's umask asks for


def test_what_is_written_has_one_mode(keep, run_files: Path, tmp_path: Path) -> None:
    save_tensors({"a": torch.zeros(3)}, tmp_path / "w")
    queue = RunQueue(tmp_path / "spool" / "run")
    os.chmod(tmp_path / "w", 0o600)
    queue.append({"path": str(tmp_path / "w")})
    os.chmod(tmp_path / "w", 0o644)
    keep({"config.yaml": config(), "model.skops": "x"})
    umask = os.umask(0)
    os.umask(umask)
    for path in [*tmp_path.rglob("*"), *run_files.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o777 if path.is_dir() else 0o666) & ~umask, path
