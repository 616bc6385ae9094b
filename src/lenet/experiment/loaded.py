"""Trained classifiers from their files, with the view through which they see digits.

A run leaves ``config.yaml`` (what was trained, and how) and ``model.safetensors`` (what came of
it). Neither can make anything but what `targets` permits, so files from elsewhere are safe to open.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import get_object
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from torch import Tensor, nn

from lenet.classifier import Classifier, Costs
from lenet.data import VIEWS
from lenet.errors import InputError
from lenet.experiment import schema, targets
from lenet.experiment.config import build


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
        """N x 28 x 28 uint8, 255 is ink -> N x classes, larger is better."""
        return self.classifier.scores(VIEWS[self.view](raw))

    def costs(self, raw: Tensor) -> Costs:
        """For one digit, in the mean over N x 28 x 28 uint8 if digits differ."""
        return self.classifier.costs(VIEWS[self.view](raw))


def load_classifier(
    config: Path | DictConfig, weights: Path, own: Collection[str] = ()
) -> LoadedClassifier:
    """The classifier that a run trained; it gives the scores of that run to the last bit.

    Args:
        config: a run's ``config.yaml``, or what `compose_experiment` composes.
        weights: a run's ``model.safetensors``.
        own: the user's own classes that it may be made of (`own_names`).

    Raises:
        InputError: files that are missing, broken or do not belong together.
    """
    try:
        if isinstance(config, Path):
            values = targets.read_configuration(config, own)
        else:
            values = _composed(config, own)
        name, view = values["name"], values["data"]["view"]
        VIEWS[view]
        schema.check(values, ["model"])
        _check_size(values["model"], weights)
        recipe, model = (_made(values[part]) for part in ("recipe", "model"))
        loaded = LoadedClassifier(name, view, recipe.load(model, weights))
        _check_scores(loaded)
    except (OSError, SafetensorError, KeyError) as e:
        reason = " ".join(str(e).split())
        raise InputError(f"{weights} cannot be loaded by its configuration: {reason}") from e
    except Exception as e:  # of many kinds, as what a file holds may have any shape
        reason = " ".join(str(e).split()) or type(e).__name__
        raise InputError(f"{weights} does not fit its configuration: {reason}") from e
    return loaded


def _made(values: Any) -> Any:
    try:
        return build(values)
    except InputError as e:  # a class of the user's own may not be on Python's path
        raise InputError(f"{values['_target_']} cannot be made here: {e}") from e


def _check_size(model: DictConfig, weights: Path) -> None:
    """Raises ValueError where one of this project's nets has more weights than a file. On torch's
    device "meta" a net of any size takes no memory."""
    if model["_target_"] not in schema.MADE:
        return
    get_object(model["_target_"])  # what its module makes when imported is for use
    with torch.device("meta"):
        net = build(model)
    if isinstance(net, nn.Module):
        needs, has = sum(v.nbytes for v in net.state_dict().values()), weights.stat().st_size
        if needs > has:
            raise ValueError(f"its net has weights of {needs} bytes, the file has {has}")


def _check_scores(loaded: LoadedClassifier) -> None:
    """Raises ValueError where one digit, a cross, does not get a finite score for each class."""
    cross = torch.zeros(1, 28, 28, dtype=torch.uint8)
    cross[:, 13:15, 4:24] = cross[:, 4:24, 13:15] = 255
    scores = loaded.scores(cross)
    if scores.ndim != 2 or min(scores.shape) < 1 or scores.shape[1] < 2:
        raise ValueError("it does not give a score for each class")
    if not np.isfinite(scores).all():
        raise ValueError("its scores are not finite")


def _composed(config: DictConfig, own: Collection[str]) -> Any:
    """The part of a composed configuration that a classifier depends on, resolved."""
    model, recipe = (
        OmegaConf.to_container(config[part], resolve=True) for part in ("model", "recipe")
    )
    return targets.permitted(
        {"name": config.name, "data": {"view": config.data.view}, "model": model, "recipe": recipe},
        own,
    )
