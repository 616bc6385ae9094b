"""What makes a result this one and no other: the one answer to "is this still that?".

Training's identity is of the resolved configuration, the code that training can reach, the data,
the number of threads and the seed; of a class of the user's own, all of its package is such code.
It decides what is skipped, continued or trained. That of
evaluation is of the code that turns predictions into figures; it never decides a training.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lenet.experiment import targets
from lenet.experiment.reachable import ENDS, Package

# of a configuration, what figures do not depend on, or by the data's digest alone
PLACES = ("source", "folder", "preprocess", "dataset")
MACHINE = ("accelerator", "devices", "threads")

TRAINING = ("lenet.experiment.training.digits_of", "lenet.experiment.training.fit")
"""Where training begins, beside the classes that a configuration names."""

LIBRARIES = {"lenet", "torch", "sklearn"}
"""Whose code is not the user's own; a run's tags tell the versions."""

EVALUATION = ("lenet.evaluation.evaluate",)
"""Where predictions become figures."""


def row(cfg: DictConfig, threads: int) -> dict[str, Any]:
    """What all seeds of a configuration have in common but the data.

    Returns:
        "configuration" and "code", each a digest, and "threads".
    """
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    values = {
        "model": values["model"],
        "recipe": values["recipe"],
        "data": {k: v for k, v in values["data"].items() if k not in PLACES},
        "trainer": {k: v for k, v in values["trainer"].items() if k not in MACHINE},
    }
    texts = set(_texts(values))
    own = [text for text in texts if text.startswith("lenet.")]
    code = package().digest([*TRAINING, *own], texts)
    elsewhere = _sources({name.partition(".")[0] for name in targets.names(values)} - LIBRARIES)
    return {
        "configuration": digest(_under_own_names(values)),
        "code": digest([code, elsewhere]) if elsewhere else code,
        "threads": threads,
    }


def training(row: Mapping[str, Any], data: str, seed: int) -> str:
    """The identity of a run.

    Args:
        row: as `row` gives it; more keys change nothing.
        data: the digest of the data.
        seed: of the run.
    """
    return digest([row["configuration"], row["code"], row["threads"], data, seed])


def evaluation() -> str:
    """The identity of what turns predictions into figures."""
    return package().digest(EVALUATION)


def _sources(names: Iterable[str]) -> dict[str, str]:
    """What modules and packages do that are the user's own: each source file's syntax tree, without
    comments. One that is not there has none, and is told when it is to be made."""
    found = {}
    for name in sorted(names):
        spec = find_spec(name)
        folders = list(spec.submodule_search_locations or []) if spec else []
        files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
        if spec and not folders and spec.origin and spec.origin.endswith(".py"):
            files = [Path(spec.origin)]
        for path in files:
            found[f"{name} {path.name}"] = ast.dump(ast.parse(path.read_text("utf-8")))
    return found


@cache
def package(ends: tuple[str, ...] = ENDS) -> Package:
    """The sources of this project, read up to those ends."""
    return Package(Path(__file__).parents[1], ends)


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from _texts(value)
    elif isinstance(values, str):
        yield values


def _under_own_names(values: Any) -> Any:
    """With each class of the project under its own name, wherever it lies."""
    if isinstance(values, dict):
        return {key: _under_own_names(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_under_own_names(value) for value in values]
    found = package().resolve(values) if isinstance(values, str) else []
    return found[0][1] if len(found) == 1 else values


def digest(values: Any) -> str:
    """Of anything that JSON can hold."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
