"""What a configuration from elsewhere may make: a run's ``config.yaml`` is data, and can name
nothing but this project's own models and recipes."""

from typing import Any

import yaml

from lenet.errors import InputError

PERMITTED = frozenset(
    {
        *(f"lenet.nets.{name}" for name in ("LeNet1", "LeNet4", "LeNet5", "MLP")),
        *(f"lenet.learning.{name}" for name in ("SDLM", "Minibatch")),
        *(
            f"lenet.ensemble.{name}"
            for name in ("Boosting", "WithHead", "LocalLearningHead", "NearestNeighbourHead")
        ),
        *(
            f"lenet.classic.{name}"
            for name in (
                "Fit",
                "NearestNeighbours",
                "PairwiseLinear",
                "PolynomialSVM",
                "ReducedSetSVM",
                "TangentDistance",
                "TanhUnits",
                "VirtualSVM",
                "pca_quadratic",
                "rbf_network",
            )
        ),
        "sklearn.linear_model.RidgeClassifier",
        "torch.optim.AdamW",
        "torch.optim.SGD",
        "torch.optim.lr_scheduler.OneCycleLR",
    }
)
"""The names that ``conf/`` has: what a test compares it with."""

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

DEPTH, VALUES, LETTERS = 16, 10_000, 1_000_000  # far more than any configuration has


def read(text: str) -> dict[str, Any]:
    """The values of a ``config.yaml`` from elsewhere, with the names of today.

    Raises:
        InputError: what is no YAML mapping, or has a value that `permitted` refuses.
    """
    if len(text) > LETTERS:
        raise InputError(f"the configuration has {len(text)} letters, more than {LETTERS}")
    try:
        values = yaml.load(text, _NoAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as e:  # ValueError: the 40th of May
        raise InputError(f"the configuration is no YAML: {' '.join(str(e).split())}") from e
    if not isinstance(values, dict):
        raise InputError("the configuration is no mapping of names to values")
    return permitted(values)


class _NoAliases(yaml.SafeLoader):
    """Plain YAML; a few lines of aliases could stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases")
        return super().compose_node(parent, index)


def permitted(values: Any) -> Any:
    """A copy of plain values, with the names of today; nothing is resolved, imported or made.

    Args:
        values: of dicts, lists, texts, numbers, truth values and None.

    Raises:
        InputError: a ``_target_`` that is not among `PERMITTED`, another key that Hydra would
            act on, an interpolation, a value of another kind, too many or too deeply nested.
    """
    return _Walk().copy(values, "", 0)


class _Walk:
    """One pass through the values, which counts them."""

    def __init__(self) -> None:
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
            if "${" in value:
                raise InputError(f"the configuration's {where}={value} is an interpolation")
            return value
        if value is None or isinstance(value, bool | int | float):
            return value
        raise InputError(f"the configuration's {where} is a {type(value).__name__}, no plain value")

    def _entry(self, key: Any, value: Any, where: str, depth: int) -> Any:
        if not isinstance(key, str) or "${" in key:
            raise InputError(f"the configuration's key {key!r} is not a plain name")
        where = f"{where}.{key}" if where else key
        if key.startswith("_"):
            kind = HYDRA_KEYS.get(key)
            if kind is None or not isinstance(value, kind):
                raise InputError(f"the configuration's {where}={value!r} is not permitted")
        value = self.copy(value, where, depth + 1)
        if key != "_target_":
            return value
        name = RENAMED.get(value, value)
        if name not in PERMITTED:
            raise InputError(
                f"the configuration's {where}={value} is not one of {', '.join(sorted(PERMITTED))}"
            )
        return name
