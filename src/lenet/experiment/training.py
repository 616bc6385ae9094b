"""A configuration becomes trained classifiers: all code that a trained weight depends on starts
here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from lenet.classifier import Classifier, EpochCallback, Recipe, Task
from lenet.data import Digits, Raw, by_writers, split, writers
from lenet.errors import InputError
from lenet.experiment.config import build


def digits_of(cfg: DictConfig, raw: Raw) -> Digits:
    """The digits in the view that a configuration asks for, split.

    Raises:
        InputError: a view or sizes that do not exist; a split by writers who are not known.
    """
    of = cfg.data
    validation = of.validation
    if validation == "writers":
        if raw.stand_in:
            raise InputError(
                "data.validation=writers: nobody knows who wrote the stand-in's digits"
            )
        validation = by_writers(writers("train", Path(of.folder)))
    return split(raw, of.view, of.train_size, validation, of.distort, of.test_each_epoch, of.noise)


def fit(
    cfg: DictConfig,
    recipe: Recipe,
    seeds: Sequence[int],
    digits: Digits,
    folder: Path,
    callbacks: Sequence[EpochCallback],
) -> Sequence[Classifier]:
    """Makes a model from each seed and trains them.

    Args:
        cfg: as conf/config.yaml composes it.
        recipe: the one that it names.
        seeds: of the runs.
        digits: trained and validated on.
        folder: for checkpoints while it lasts.
        callbacks: one a seed, called after each epoch.

    Raises:
        InputError: a model that the recipe cannot train, a training that diverges.
    """
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(build(cfg.model))
    trainer: Any = OmegaConf.to_container(cfg.trainer, resolve=True)
    del trainer["threads"]
    return recipe.fit(Task(models, seeds, digits, trainer, folder, callbacks))
