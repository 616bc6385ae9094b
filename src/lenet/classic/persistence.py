"""Fitted estimators in one safetensors file: arrays and JSON, nothing that runs when it is read.

The file's tensors are the arrays of the estimator, its parameters, and what they contain. The
metadata "estimator" is JSON that says where each belongs: an estimator is its class and its
attributes (``vars``), a list, tuple or dict its members, an array the name of a tensor, and numbers
and strings themselves. An estimator within another (a step of a Pipeline) is written like the
outer one. Only the classes in ``CLASSES`` are made from a file: one from elsewhere is safe to open.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer, PolynomialFeatures

from lenet.classic.linear import PairwiseLinear, TanhUnits
from lenet.classic.neighbours import NearestNeighbours
from lenet.classic.polynomial import UncentredPCA
from lenet.classic.rbf import GaussianUnits
from lenet.classic.reduced_set import ReducedSetSVM
from lenet.classic.svm import PolynomialSVM
from lenet.classic.tangent import TangentDistance
from lenet.classic.virtual import VirtualSVM

CLASSES: dict[str, type[BaseEstimator]] = {
    c.__name__: c
    for c in (
        Pipeline,
        PCA,
        PolynomialFeatures,
        RidgeClassifier,
        LabelBinarizer,  # a part of RidgeClassifier
        TanhUnits,
        PairwiseLinear,
        NearestNeighbours,
        UncentredPCA,
        GaussianUnits,
        TangentDistance,
        PolynomialSVM,
        VirtualSVM,
        ReducedSetSVM,
    )
}
"""The estimators that are saved and loaded, by the name they have in a file."""


def save(estimator: BaseEstimator, path: str | Path) -> None:
    """Writes a fitted estimator, or leaves the path as it was.

    Raises:
        ValueError: it contains something that is neither data nor of a class in ``CLASSES``.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_encode(estimator, arrays, "estimator"))
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(arrays, unfinished, {"estimator": text})
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: str | Path) -> Any:
    """The estimator that ``save`` wrote; it gives the same scores to the last bit.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file was not written by ``save``, or asks for a class not in ``CLASSES``.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {})["estimator"]
            # copied into memory that numpy aligns: where a matrix lies can change its products
            arrays = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
        return _decode(json.loads(text), arrays)
    except (SafetensorError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a classifier saved by this program: {error}") from error


def _encode(value: Any, arrays: dict[str, np.ndarray], name: str) -> Any:
    """JSON for the value; its arrays are added under names that begin with `name`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value), arrays, name)
    if isinstance(value, list | tuple):
        members = [_encode(v, arrays, f"{name}.{i}") for i, v in enumerate(value)]
        return {"kind": type(value).__name__, "members": members}
    if isinstance(value, dict):
        return {"kind": "dict", "members": _encode_items(value, arrays, name)}
    if CLASSES.get(type(value).__name__) is type(value):
        state = _encode_items(vars(value), arrays, name)
        return {"kind": "estimator", "class": type(value).__name__, "members": state}
    raise ValueError(f"{name} is a {type(value).__name__}, which cannot be saved")


def _encode_items(items: dict[str, Any], arrays: dict[str, np.ndarray], name: str) -> dict:
    return {key: _encode(v, arrays, f"{name}.{key}") for key, v in items.items()}


def _encode_array(value: np.ndarray, arrays: dict[str, np.ndarray], name: str) -> dict:
    if value.dtype.kind == "U":
        return {"kind": "strings", "members": value.tolist()}
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{name} is an array of {value.dtype}, which cannot be saved")
    # the order in memory is kept, since it can change the last bit of a product
    turned = value.flags.f_contiguous and not value.flags.c_contiguous
    arrays[name] = np.ascontiguousarray(value.T if turned else value).reshape(
        value.shape[::-1] if turned else value.shape
    )
    return {"kind": "array", "name": name, "turned": bool(turned)}


def _decode(node: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(node, dict):
        return node
    kind = node["kind"]
    if kind == "array":
        array = arrays[node["name"]]
        return array.T if node["turned"] else array
    if kind == "strings":
        return np.array(node["members"])
    if kind in ("list", "tuple"):
        sequence = [_decode(v, arrays) for v in node["members"]]
        return sequence if kind == "list" else tuple(sequence)
    members = {key: _decode(v, arrays) for key, v in node["members"].items()}
    if kind == "dict":
        return members
    if kind != "estimator" or node["class"] not in CLASSES:
        raise ValueError(
            f"the file asks for {node.get('class', kind)!r}, which is not made from files"
        )
    # not by its constructor: a Pipeline cannot be made without its steps
    estimator: Any = object.__new__(CLASSES[node["class"]])
    vars(estimator).update(members)
    return estimator
