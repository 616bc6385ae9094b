"""Saved and loaded: the same bits, nothing that runs, known classes only, no half-written file."""

import io
import json
import os
import pickle
import resource
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from test_estimators import ROWS

from lenet.classic.linear import TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.persistence import load, save
from lenet.classic.polynomial import pca_quadratic

ESTIMATORS = {name: row for name, (row, _) in ROWS.items()} | {
    "uncentred": pca_quadratic(20, centred=False)
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_scores_to_the_bit(name, small, tmp_path):
    fitted = clone(ESTIMATORS[name]).fit(small.x, small.y)
    save(fitted, tmp_path / "row.skops")
    loaded = load(tmp_path / "row.skops")
    assert type(loaded) is type(fitted)
    assert repr(loaded) == repr(fitted)  # the parameters, those of steps too
    assert np.array_equal(
        loaded.decision_function(small.test_x), fitted.decision_function(small.test_x)
    )
    assert np.array_equal(loaded.predict(small.test_x), fitted.predict(small.test_x))
    assert [p.name for p in tmp_path.iterdir()] == ["row.skops"]


def test_names_of_classes_and_orders_in_memory_are_kept(small, tmp_path):
    rows = small.y < 2
    fitted = NearestNeighbours(1).fit(small.x[rows], np.array(["zero", "one"])[small.y[rows]])
    fitted.patterns_ = np.asfortranarray(fitted.patterns_)
    save(fitted, tmp_path / "row")
    loaded = load(tmp_path / "row")
    assert loaded.classes_.tolist() == ["one", "zero"]
    assert loaded.patterns_.flags.f_contiguous
    assert loaded.patterns_.ctypes.data % 16 == 0  # where a matrix lies can change its products
    assert np.array_equal(loaded.patterns_, fitted.patterns_)


def test_the_order_of_part_of_an_array_is_kept(tmp_path):
    """PCA's components are the first rows of a matrix stored by columns."""
    x = np.random.default_rng(0).normal(size=(600, 400)).astype(np.float32)
    fitted = pca_quadratic().fit(x, np.arange(600) % 10)
    components = fitted["pca"].components_
    assert not components.flags.forc
    save(fitted, tmp_path / "row")
    loaded = load(tmp_path / "row")
    assert loaded["pca"].components_.flags.f_contiguous
    assert np.array_equal(loaded.decision_function(x), fitted.decision_function(x))


def test_what_calls_functions_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="is not among"):
        save(make_pipeline(FunctionTransformer(np.sqrt), TanhUnits()), tmp_path / "row")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="a TanhUnits cannot be saved"):
        save(TanhUnits(rate=(n for n in [])), tmp_path / "row")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


RAN: list[str] = []


class Foreign(BaseEstimator):
    """Tells when it is made; a file of another program may hold any class that can be imported."""

    def __init__(self, word: str = "") -> None:
        self.word = word

    def __new__(cls, *args: Any) -> "Foreign":
        RAN.append("__new__")
        return super().__new__(cls)

    def __setstate__(self, state: dict[str, Any]) -> None:
        RAN.append("__setstate__")


class Reduced:
    def __init__(self, word: str) -> None:
        self.word = word
        RAN.append(word)

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.word,)


def within(value: Any) -> TanhUnits:
    return TanhUnits(rate=value)


@pytest.mark.parametrize(
    ("hostile", "named"),
    [
        (Foreign("a"), "Foreign"),
        (within(Foreign("a")), "Foreign"),
        (within(Reduced("a")), r"Reduced \(ConstructorFromReduceNode\)"),
        (within(os.system), r"posix.system"),
        (within(np.sqrt), r"sqrt"),  # skops itself trusts this and the next ones
        (within(SVC()), "sklearn.svm._classes.SVC"),  # libsvm believes the sizes it is given
        (within(slice(3)), "slice"),
        (within(np.random.default_rng(0)), r"Generator"),
        (within({1: "a"}), "builtins.int"),
    ],
)
def test_other_classes_are_not_made_from_a_file(hostile, named, tmp_path):
    skops.io.dump(hostile, tmp_path / "row")
    RAN.clear()
    with pytest.raises(ValueError, match=named) as told:
        load(tmp_path / "row")
    assert not RAN
    assert "\n" not in str(told.value)


def rewritten(path: Path, change: Any, compression: int = zipfile.ZIP_STORED) -> None:
    """The file with another schema, as an attacker would write it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema)
    members["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture
def row(small, tmp_path) -> Path:
    save(TanhUnits(passes=1).fit(small.x[:50], small.y[:50]), tmp_path / "row")
    return tmp_path / "row"


@pytest.mark.parametrize(
    ("loader", "module", "name"),
    [
        ("ObjectNode", "posix", "system"),
        ("FunctionNode", "posix", "system"),
        ("OperatorFuncNode", "operator", "methodcaller"),
        ("MethodNode", "lenet.classic.linear", "TanhUnits"),
        ("ConstructorFromReduceNode", "lenet.classic.linear", "TanhUnits"),
        ("TreeNode", "sklearn.tree._tree", "Tree"),
        ("ListNode", "lenet.classic.linear", "TanhUnits"),
        ("TypeNode", "builtins", "map"),
        ("NdArrayNode", "numpy", "memmap"),
        ("CachedNode", "lenet.classic.linear", "TanhUnits"),
    ],
)
def test_a_known_class_is_not_made_in_another_way(loader, module, name, row):
    def change(schema: dict[str, Any]) -> None:
        schema["content"]["content"]["rate"] |= {
            "__loader__": loader,
            "__module__": module,
            "__class__": name,
        }

    rewritten(row, lambda schema: None)
    load(row)
    rewritten(row, change)
    with pytest.raises(ValueError, match=rf"{module}.{name} \({loader}\) is not among"):
        load(row)


def test_a_part_of_a_classifier_is_none(tmp_path):
    skops.io.dump(PCA(), tmp_path / "row")
    with pytest.raises(ValueError, match="a PCA gives no scores"):
        load(tmp_path / "row")


def test_a_file_takes_no_more_memory_than_its_size(tmp_path):
    path = tmp_path / "row"
    units = TanhUnits()
    units.coef_ = np.zeros((10, 1_000))
    skops.io.dump(units, path, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="unpacks to more than its size"):
        load(path)

    save(units, path)

    def read_again(schema: dict[str, Any]) -> None:
        attributes = schema["content"]["content"]
        attributes["more"] = attributes["coef_"] | {"__id__": 1}

    rewritten(path, read_again)
    with pytest.raises(ValueError, match="unpacks to more than its size"):
        load(path)

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", " " * 10_000_000)
    with pytest.raises(ValueError, match="unpacks to more than its size"):
        load(path)


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "row"
    path.write_bytes(pickle.dumps(Foreign("a")))
    RAN.clear()
    with pytest.raises(ValueError, match="not a classifier saved by this program"):
        load(path)
    assert not RAN
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"wrote as safetensors has to be trained again$"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("anything", "else")
    with pytest.raises(ValueError, match=r"not a classifier saved by this program.*schema.json"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


def test_pickled_arrays_are_refused(row):
    pickled = io.BytesIO()
    np.save(pickled, np.array([Foreign("a")], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(row) as archive:
        schema = archive.read("schema.json")
        names = [name for name in archive.namelist() if name != "schema.json"]
    with zipfile.ZipFile(row, "w") as archive:
        archive.writestr("schema.json", schema)
        for name in names:
            archive.writestr(name, pickled.getvalue())
    RAN.clear()
    with pytest.raises(ValueError, match=r"not a classifier saved by this program.*pickle"):
        load(row)
    assert not RAN


def test_damaged_files_are_refused_in_one_line(row):
    """Cut off anywhere; any byte changed gives the same estimator or a refusal."""
    whole = row.read_bytes()
    expected = load(row)
    for length in range(0, len(whole), 97):
        row.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not a classifier saved by this program") as told:
            load(row)
        assert "\n" not in str(told.value)
    for place in range(0, len(whole), 61):
        row.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(ValueError):
            loaded = load(row)
            assert np.array_equal(loaded.coef_, expected.coef_)
            assert repr(loaded) == repr(expected)


def test_a_failed_save_leaves_the_old_file(small, row):
    before = row.read_bytes()
    larger = NearestNeighbours(1).fit(small.x, small.y)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save(larger, row)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert row.read_bytes() == before
    assert list(row.parent.iterdir()) == [row]
