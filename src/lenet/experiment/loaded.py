"""Trained classifiers from their files, with the view through which they see digits.

A run leaves ``config.yaml`` (what was trained, and how) and ``model.safetensors`` (what came of
it). Neither can make anything but the classes named here, so files from elsewhere are safe to open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from yaml import YAMLError

from lenet.classifier import Classifier, Costs
from lenet.data import VIEWS
from lenet.errors import InputError
from lenet.nets import Network

Weights = dict[str, Tensor]

NETS = ("LeNet1", "LeNet4", "LeNet5", "MLP")  # of lenet.nets
HEADS = ("NearestNeighbourHead", "LocalLearningHead")  # of lenet.ensemble


@dataclass(frozen=True)
class LoadedClassifier:
    """A trained classifier and its view: raw digits in, scores out.

    Attributes:
        name: of the configuration that it was trained by.
        view: how it sees digits, a key of `VIEWS`.
        classifier: of digits in that view.
    """

    name: str
    view: str
    classifier: Classifier

    def scores(self, raw: Tensor) -> NDArray:
        """N x 28 x 28 uint8, 255 is ink -> N x 10, larger is better."""
        return self.classifier.scores(VIEWS[self.view](raw))

    def costs(self, raw: Tensor) -> Costs:
        """For one digit, in the mean over N x 28 x 28 uint8 if digits differ."""
        return self.classifier.costs(VIEWS[self.view](raw))


def compose_experiment(name: str, conf: Path) -> DictConfig:
    """The configuration of an experiment, a file of ``conf/experiment/``.

    Raises:
        InputError: there is none of that name.
    """
    if not (conf / "experiment" / f"{name}.yaml").is_file():
        raise InputError(f"{name} is not an experiment of {conf / 'experiment'}")
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        cfg = compose("config", [f"experiment={name}"])
    cfg.name = name  # which Hydra knows in train.py alone
    return cfg


def load_classifier(config: Path | DictConfig, weights: Path) -> LoadedClassifier:
    """The classifier that a run trained; it gives the scores of that run to the last bit.

    Args:
        config: a run's ``config.yaml``, or what `compose_experiment` composes.
        weights: a run's ``model.safetensors``.

    Raises:
        InputError: files that are missing, broken or do not belong together.
    """
    try:
        cfg: Any = OmegaConf.load(config) if isinstance(config, Path) else config
        model: Any = OmegaConf.to_container(cfg.model, resolve=True)
        recipe: Any = OmegaConf.to_container(cfg.recipe, resolve=True)
        name, view = cfg.name, cfg.data.view
        VIEWS[view]
        classifier = _MAKERS.get(recipe["_target_"], _network)(model, recipe, weights)
    except (OSError, YAMLError, OmegaConfBaseException, SafetensorError, KeyError) as e:
        raise InputError(f"{weights} cannot be loaded by its configuration: {e}") from e
    except (RuntimeError, TypeError, ValueError) as e:
        reason = " ".join(str(e).split())
        raise InputError(f"{weights} does not fit its configuration: {reason}") from e
    return LoadedClassifier(name, view, classifier)


def _net(model: dict[str, Any], weights: Weights) -> nn.Sequential:
    options = dict(model)
    net = _named("lenet.nets", NETS, options.pop("_target_"))(**options)
    net.load_state_dict(weights)
    return net


def _named(package: str, names: tuple[str, ...], target: str) -> Any:
    """The class that a configuration names, if it is one of those."""
    known = {f"{package}.{name}" for name in names}
    if target not in known:
        raise ValueError(f"{target} is not one of {', '.join(sorted(known))}")
    return get_class(target)


def _network(model: dict[str, Any], recipe: dict[str, Any], path: Path) -> Network:
    return Network(_net(model, load_file(path)))


def _minibatch(model: dict[str, Any], recipe: dict[str, Any], path: Path) -> Network:
    net: Any = _net(model, load_file(path))
    return Network(net.to(memory_format=torch.channels_last))  # as trained: else last bits differ


def _estimator(model: dict[str, Any], recipe: dict[str, Any], path: Path) -> Classifier:
    from lenet.classic import Estimator

    return Estimator.load(path)


def _headed(model: dict[str, Any], recipe: dict[str, Any], path: Path) -> Classifier:
    from lenet.ensemble import Headed

    options = dict(recipe["head"])
    options.pop("_partial_")
    head = _named("lenet.ensemble", HEADS, options.pop("_target_"))(**options)
    weights = load_file(path)
    features, labels = weights.pop("features"), weights.pop("labels")
    return Headed(_net(model, weights).eval(), head, features.numpy(), labels)


def _boosted(model: dict[str, Any], recipe: dict[str, Any], path: Path) -> Classifier:
    from lenet.ensemble import BoostedNetworks

    weights = load_file(path)
    threshold = float(weights.pop("threshold", torch.inf))  # without one, all three are called
    each: dict[str, Weights] = {}
    for name, value in weights.items():
        number, _, rest = name.partition(".")
        each.setdefault(number, {})[rest] = value
    return BoostedNetworks([Network(_net(model, each[n])) for n in sorted(each)], threshold)


_MAKERS: dict[str, Callable[[dict[str, Any], dict[str, Any], Path], Classifier]] = {
    "lenet.classic.Fit": _estimator,
    "lenet.learning.Minibatch": _minibatch,
    "lenet.ensemble.WithHead": _headed,
    "lenet.ensemble.Boosting": _boosted,
}
"""By the recipe that trained it; any other trains plain nets. Makers import what they need: all of
it would take seconds."""
