"""Fitted estimators in skops files: JSON and arrays, nothing that runs when a file is read.

What skops trusts of itself is all of scikit-learn and more. Here a file can make the estimators in
``CLASSES`` and plain data, nothing else, and takes no more memory than its size lets expect.
"""

import json
import os
from collections.abc import Collection, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
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
from lenet.classic.svm import PolynomialSVM, VirtualSVM
from lenet.classic.tangent import TangentDistance

CLASSES: tuple[type[BaseEstimator], ...] = (
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
"""The estimators that are saved and loaded."""

SCHEMA = "schema.json"  # the member of a skops file that says what to make of the others

NODES = {("ObjectNode", f"{c.__module__}.{c.__name__}") for c in CLASSES} | {
    ("JsonNode", "builtins.str"),  # any JSON, as text
    ("DictNode", "builtins.dict"),
    ("TypeNode", "builtins.str"),  # the type of a dict's keys
    ("ListNode", "builtins.list"),
    ("TupleNode", "builtins.tuple"),
    ("NdArrayNode", "numpy.ndarray"),
    ("NdArrayNode", "numpy.float32"),
    ("NdArrayNode", "numpy.float64"),
    ("NdArrayNode", "numpy.int64"),
}
"""What a schema may ask for: a loader of skops and the type that it is to make."""


# loaders of skops that call what they find by its name
CALLERS = {"MethodNode", "OperatorFuncNode", "PartialNode"}


SHARED = 4  # times that the parts of an estimator of one's own may hold the same array, in the mean


def foreign(estimator: Any) -> list[str]:
    """The classes of an estimator and of its parts that are not in ``CLASSES``: the user's own."""
    if not hasattr(estimator, "get_params"):
        return []
    parts = [estimator, *_parts(list(estimator.get_params().values()))]
    kinds = {type(part) for part in parts if type(part) not in CLASSES}
    return sorted(f"{kind.__module__}.{kind.__name__}" for kind in kinds)


def _parts(values: Any) -> Iterator[BaseEstimator]:
    """The estimators among parameters, as the steps of a pipeline."""
    for value in values:
        if isinstance(value, BaseEstimator):
            yield value
        elif isinstance(value, list | tuple):
            yield from _parts(value)


def save(estimator: BaseEstimator, path: str | Path) -> None:
    """Writes a fitted estimator, or leaves the path as it was.

    Raises:
        ValueError: it contains something that ``load`` would refuse.
    """
    import skops.io  # imports all of scikit-learn, which takes two seconds

    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A matrix multiplied from rows or from columns differs in last bits, and numpy's files keep
        # the order of whole arrays only, not of a part like PCA's components; a copy is whole.
        skops.io.dump(deepcopy(estimator), unfinished)
        with open(unfinished, "rb") as file:
            _check(file, foreign(estimator))
        os.replace(unfinished, path)
    except TypeError as error:  # skops does not know how to write it
        raise ValueError(f"a {type(estimator).__name__} cannot be saved: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: str | Path, model: Any = None) -> Any:
    """The estimator that ``save`` wrote; it gives the same scores to the last bit.

    Args:
        path: of the file.
        model: untrained. Its classes, the user's own, may be in the file, and with them what skops
            trusts by itself: scikit-learn's and numpy's.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file was not written by ``save``, is damaged, asks for other classes, or
            has a number that is not finite.
    """
    import skops.io

    refusal = f"{path} is not a classifier saved by this program"
    try:
        with open(path, "rb") as file:
            own = foreign(model)
            _check(file, own)
            estimator = skops.io.load(file, trusted=[*CLASSES, *own])
        # an estimator of the user's own may have NaN for a parameter
        for name, array in [] if own else _arrays(estimator, type(estimator).__name__):
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are not finite")
    except OSError:
        raise
    except BadZipFile as error:
        raise ValueError(
            f"{refusal}, or it is damaged ({error}); one that an earlier version wrote as "
            "safetensors has to be trained again"
        ) from error
    except Exception as error:  # of many kinds: zipfile, json, skops and numpy each have theirs
        raise ValueError(f"{refusal}: {' '.join(str(error).split())}") from error
    if not (hasattr(estimator, "decision_function") or hasattr(estimator, "predict_proba")):
        raise ValueError(f"{refusal}: a {type(estimator).__name__} gives no scores")
    return estimator


def _arrays(value: Any, name: str) -> Iterator[tuple[str, NDArray]]:
    """All floating-point numbers of an estimator, each with where it is."""
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        yield name, np.asarray(value)
    elif isinstance(value, BaseEstimator):
        for key, part in vars(value).items():
            yield from _arrays(part, f"{name}.{key}")
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _arrays(part, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _arrays(part, f"{name}[{number}]")


def _check(file: BinaryIO, own: Collection[str] = ()) -> None:
    """Reads the schema alone, and makes nothing.

    Args:
        file: of skops.
        own: classes of the user's own; where there are any, what skops trusts may be there, too.

    Raises:
        ValueError: it asks for something that is not in ``NODES``, or for more bytes than the file
            has: compressed members, overlapping ones, one read again and again.
    """
    left = file.seek(0, os.SEEK_END) * (SHARED if own else 1)
    with ZipFile(file) as archive:
        left -= archive.getinfo(SCHEMA).file_size
        nodes = list(_nodes(json.loads(archive.read(SCHEMA)))) if left >= 0 else []
        left -= sum(archive.getinfo(node["file"]).file_size for node in nodes if "file" in node)
    if left < 0:
        raise ValueError("it unpacks to more than its size")
    untrusted = set(_untrusted(file)) - set(own) if own else set()
    for node in nodes:
        name, loader = f"{node['__module__']}.{node['__class__']}", node["__loader__"]
        known = loader not in CALLERS and name not in untrusted if own else (loader, name) in NODES
        if not known:
            raise ValueError(f"{name} ({loader}) is not among what a file may make")


def _untrusted(file: BinaryIO) -> list[str]:
    """What skops would not make by itself."""
    import skops.io

    file.seek(0)
    return list(skops.io.get_untrusted_types(data=file.read()))


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All that a schema asks for, at any depth."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _nodes(value)
