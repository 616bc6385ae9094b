"""What makes a result this one and no other: the one answer to "is this still that?".

Training's identity is of the resolved configuration, the code that training can reach, the data,
the number of threads and the seed. It decides what is skipped, continued or trained. That of
evaluation is of the code that turns predictions into figures; it never decides a training.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lenet.experiment.reachable import ENDS, Package

# of a configuration, what figures do not depend on
PLACES = ("source", "folder")
MACHINE = ("accelerator", "devices", "threads")

TRAINING = ("lenet.experiment.training.digits_of", "lenet.experiment.training.fit")
"""Where training begins, beside the classes that a configuration names."""

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
    targets = [text for text in texts if text.startswith("lenet.")]
    return {
        "configuration": digest(_under_own_names(values)),
        "code": package().digest([*TRAINING, *targets], texts),
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
