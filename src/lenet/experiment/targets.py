"""What a configuration from elsewhere may make: a run's ``config.yaml`` is data, and can name
nothing but this project's own models and recipes, and classes that the user's own conf/ names."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from lenet.errors import InputError
from lenet.experiment.schema import MADE
from lenet.files import read_text

RENAMED = {
    "lenet.nets.lenet1.LeNet1": "lenet.nets.LeNet1",
    "lenet.nets.lenet4.LeNet4": "lenet.nets.LeNet4",
    "lenet.nets.lenet5.LeNet5": "lenet.nets.LeNet5",
    "lenet.nets.mlp.MLP": "lenet.nets.MLP",
    "lenet.learning.levenberg.SDLM": "lenet.learning.SDLM",
    "lenet.learning.minibatch.Minibatch": "lenet.learning.Minibatch",
    "lenet.ensemble.recipes.Boosting": "lenet.ensemble.Boosting",
    "lenet.ensemble.recipes.WithHead": "lenet.ensemble.WithHead",
    "lenet.ensemble.heads.LocalLearningHead": "lenet.ensemble.LocalLearningHead",
    "lenet.ensemble.heads.NearestNeighbourHead": "lenet.ensemble.NearestNeighbourHead",
    "lenet.classic.adapter.Fit": "lenet.classic.Fit",
    "lenet.classic.linear.PairwiseLinear": "lenet.classic.PairwiseLinear",
    "lenet.classic.linear.TanhUnits": "lenet.classic.TanhUnits",
    "lenet.classic.neighbours.NearestNeighbours": "lenet.classic.NearestNeighbours",
    "lenet.classic.polynomial.pca_quadratic": "lenet.classic.pca_quadratic",
    "lenet.classic.rbf.rbf_network": "lenet.classic.rbf_network",
    "lenet.classic.reduced_set.ReducedSetSVM": "lenet.classic.ReducedSetSVM",
    "lenet.classic.svm.PolynomialSVM": "lenet.classic.PolynomialSVM",
    "lenet.classic.tangent.TangentDistance": "lenet.classic.TangentDistance",
    "lenet.classic.virtual.VirtualSVM": "lenet.classic.VirtualSVM",
}
"""What was called otherwise when older runs were tracked."""

HYDRA_KEYS = {"_target_": str, "_partial_": bool, "_convert_": str}  # those that conf/ uses

# far more than any configuration has
DEPTH, VALUES, LETTERS = 16, 10_000, 100_000
LETTERS_OF_ONE, LARGEST_NUMBER = 1_000, 2**63

OWN_GROUPS = ("model", "recipe", "experiment")  # of conf/, where a user's own classes are named


def read_configuration(path: Path, own: Collection[str] = ()) -> dict[str, Any]:
    """The values of a YAML file from elsewhere, with the names of today.

    Args:
        path: of the file.
        own: names that ``_target_`` may have besides those of `schema.MADE`, as of `own_names`.

    Raises:
        OSError: it is not there, or cannot be read.
        InputError: it is too large, no YAML mapping, or has a value that `permitted` refuses.
    """
    try:
        values = yaml.load(read_text(path, LETTERS), _NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as e:  # ValueError: the 40th of May
        raise InputError(f"{path.name} is no YAML that can be read: {_shown(str(e))}") from e
    if not isinstance(values, dict):
        raise InputError(f"{path.name} is no mapping of names to values")
    return permitted(values, own)


def own_names(*folders: Path) -> frozenset[str]:
    """The classes that the user's own configurations name, files of ``conf/``: these the user
    trusts."""
    files = [path for f in folders for group in OWN_GROUPS for path in (f / group).rglob("*.yaml")]
    return names([_of_user(path) for path in files])


def _of_user(path: Path) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):  # whoever composes it will be told
        return None


def names(values: Any) -> frozenset[str]:
    """All that plain values tell Hydra to make, at any depth."""
    return frozenset(_targets(values))


def _targets(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        if isinstance(name := values.get("_target_"), str):
            yield name
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            yield from _targets(value)


class _NoAliases(yaml.SafeLoader):
    """Plain YAML; a few lines of aliases could stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases")
        return super().compose_node(parent, index)


def permitted(values: Any, own: Collection[str] = ()) -> Any:
    """A copy of plain values, with the names of today; nothing is resolved, imported or made.

    Args:
        values: of dicts, lists, texts, numbers, truth values and None.
        own: names that ``_target_`` may have besides those of `schema.MADE`.

    Raises:
        InputError: a ``_target_`` of another name, another key that Hydra would act on, an
            interpolation, a text that could steer a terminal, a value of another kind, too many
            or too deeply nested.
    """
    return _Walk(own).copy(values, "", 0)


class _Walk:
    """One pass through the values, which counts them."""

    def __init__(self, own: Collection[str]) -> None:
        self.own = own
        self.count = 0

    def copy(self, value: Any, where: str, depth: int) -> Any:
        self.count += 1
        if depth > DEPTH or self.count > VALUES:
            raise InputError("the configuration has too many values, or too deeply nested ones")
        if isinstance(value, dict):
            return {key: self._entry(key, value[key], where, depth) for key in value}
        if isinstance(value, list):
            return [self.copy(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, where)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_NUMBER:
            raise InputError(f"the configuration's {where} is too large a number")
        if value is None or isinstance(value, bool | int | float):
            return value
        raise InputError(f"the configuration's {where} is a {type(value).__name__}, no plain value")

    def _text(self, value: str, where: str) -> str:
        if "${" in value:
            raise InputError(f"the configuration's {where}={_shown(value)} is an interpolation")
        if len(value) > LETTERS_OF_ONE or not value.isprintable() or value == "???":  # of Hydra
            raise InputError(f"the configuration's {where}={_shown(value)} is no plain text")
        return value

    def _entry(self, key: Any, value: Any, where: str, depth: int) -> Any:
        plain = isinstance(key, str) and key.isprintable() and len(key) <= LETTERS_OF_ONE
        if not plain or "${" in key:
            raise InputError(f"the configuration's key {_shown(repr(key))} is not a plain name")
        where = f"{where}.{key}" if where else key
        if key.startswith("_"):
            kind = HYDRA_KEYS.get(key)
            if kind is None or not isinstance(value, kind):
                shown = _shown(repr(value))
                raise InputError(f"the configuration's {where}={shown} is not permitted")
        value = self.copy(value, where, depth + 1)
        if key != "_target_":
            return value
        name = RENAMED.get(value, value)
        if name not in MADE and name not in self.own:
            raise InputError(
                f"the configuration's {where}={_shown(value)} is not one of this project's "
                "classes, and conf/ does not name it: name it there, or by --trust, if you "
                "trust it"
            )
        return name


def _shown(text: str) -> str:
    """A foreign text on one line that cannot steer a terminal, not too long."""
    line = " ".join(text.split())
    line = line if len(line) <= 200 else f"{line[:200]}..."
    return line if line.isprintable() else ascii(line)[1:-1]
