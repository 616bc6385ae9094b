"""A configuration becomes runs: compose and check it, train, score, evaluate, track."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lenet.imports import uncollected

if TYPE_CHECKING:
    from lenet.experiment import identity
    from lenet.experiment.command import run, train
    from lenet.experiment.config import build, compose_experiment
    from lenet.experiment.loaded import LoadedClassifier, load_classifier
    from lenet.experiment.provenance import cores
    from lenet.experiment.sweep import Sweep, SweepJob
    from lenet.experiment.targets import own_names, read_configuration
    from lenet.experiment.training import digits_of, fit

_MODULES = {
    "LoadedClassifier": "loaded",
    "Sweep": "sweep",
    "SweepJob": "sweep",
    "build": "config",
    "compose_experiment": "config",
    "cores": "provenance",
    "digits_of": "training",
    "fit": "training",
    "identity": "identity",
    "load_classifier": "loaded",
    "own_names": "targets",
    "read_configuration": "targets",
    "run": "command",
    "train": "command",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """Imports what is asked for: whoever asks for an identity alone does not wait for torch."""
    if name in _MODULES:
        with uncollected():
            module = import_module(f"{__name__}.{_MODULES[name]}")
        return module if name == _MODULES[name] else getattr(module, name)
    raise AttributeError(name)
