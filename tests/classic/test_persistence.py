"""Saved and loaded: the same bits, no pickle, only known classes, no half-written file."""

import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_estimators import ROWS

from lenet.classic import persistence
from lenet.classic.linear import TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.persistence import load, save


@pytest.mark.parametrize("name", ROWS)
def test_the_same_scores_to_the_bit(name, small, tmp_path):
    fitted = clone(ROWS[name][0]).fit(small.x, small.y)
    save(fitted, tmp_path / "row.safetensors")
    loaded = load(tmp_path / "row.safetensors")
    assert type(loaded) is type(fitted)
    assert repr(loaded) == repr(fitted)  # the parameters, those of steps too
    assert np.array_equal(
        loaded.decision_function(small.test_x), fitted.decision_function(small.test_x)
    )
    assert np.array_equal(loaded.predict(small.test_x), fitted.predict(small.test_x))
    assert [p.name for p in tmp_path.iterdir()] == ["row.safetensors"]


def test_names_of_classes_and_orders_in_memory_are_kept(small, tmp_path):
    rows = small.y < 2
    fitted = NearestNeighbours(1).fit(small.x[rows], np.array(["zero", "one"])[small.y[rows]])
    fitted.patterns_ = np.asfortranarray(fitted.patterns_)
    save(fitted, tmp_path / "row")
    loaded = load(tmp_path / "row")
    assert loaded.classes_.tolist() == ["one", "zero"]
    assert loaded.patterns_.flags.f_contiguous
    assert np.array_equal(loaded.patterns_, fitted.patterns_)


@pytest.mark.parametrize(
    "other", [LogisticRegression(), make_pipeline(FunctionTransformer(np.sqrt), TanhUnits())]
)
def test_other_classes_are_not_saved(other, tmp_path):
    with pytest.raises(ValueError, match="which cannot be saved"):
        save(other, tmp_path / "row")
    assert not list(tmp_path.iterdir())


def test_objects_are_not_saved(small, tmp_path):
    fitted = TanhUnits().fit(small.x[:50], small.y[:50])
    fitted.coef_ = np.array([{}, []], dtype=object)
    with pytest.raises(ValueError, match=r"estimator.coef_ is an array of object"):
        save(fitted, tmp_path / "row")


@pytest.mark.parametrize("name", ["Popen", "LogisticRegression", "numpy.load"])
def test_other_classes_are_not_made_from_a_file(name, tmp_path):
    text = json.dumps({"kind": "estimator", "class": name, "members": {}})
    save_file({}, tmp_path / "row", {"estimator": text})
    with pytest.raises(ValueError, match=f"asks for .*{name}.*not made from files"):
        load(tmp_path / "row")


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "row"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="not a classifier saved by this program"):
        load(path)
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="not a classifier saved by this program"):
        load(path)
    save_file({}, path, {"estimator": '{"kind": "array", "name": "gone", "turned": false}'})
    with pytest.raises(ValueError, match="not a classifier saved by this program"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


def test_a_failed_save_leaves_the_old_file(small, tmp_path, monkeypatch):
    path = tmp_path / "row"
    fitted = TanhUnits().fit(small.x[:50], small.y[:50])
    save(fitted, path)
    before = path.read_bytes()

    def interrupted(arrays, file, metadata):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(persistence, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(fitted, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
