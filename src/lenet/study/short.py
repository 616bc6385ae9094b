"""Short trainings, as fingerprints of what the code does: before and after a refactor they have to
come to the same scores and weights, bit for bit."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from sklearn.base import BaseEstimator
from torch import nn

from lenet.classifier import Task
from lenet.data import Raw, load_raw, split
from lenet.experiment import build
from lenet.study.stages import configuration

SIZE = {"seeds": 2, "epochs": 2, "train_size": 2_000}
TEST_DIGITS = 1_000


def digests(experiment: str, params: dict[str, Any]) -> dict[str, str]:
    """Trains an experiment on few digits for two epochs, its first two seeds.

    Returns:
        sha256 of all "scores" of test digits, and of all "weights" in any order.

    Raises:
        InputError: there is no such experiment.
    """
    cfg = configuration(experiment, params | SIZE)
    raw, of = _few(load_raw(params["data"], Path("data"))), cfg.data
    digits = split(raw, of.view, of.train_size, 0, of.distort, False, of.noise)
    torch.set_num_threads(1)
    options: Any = OmegaConf.to_container(cfg.trainer, resolve=True)
    del options["threads"]
    seeds = [cfg.seed] if cfg.seeds is None else list(cfg.seeds)
    recipe = build(cfg.recipe)
    scores, weights = hashlib.sha256(), hashlib.sha256()
    for group in [seeds] if recipe.together else [[seed] for seed in seeds]:
        models = []
        for seed in group:
            torch.manual_seed(seed)
            models.append(build(cfg.model))
        with tempfile.TemporaryDirectory() as folder:
            callbacks = [lambda *_: None] * len(group)
            trained = recipe.fit(Task(models, group, digits, options, Path(folder), callbacks))
        for classifier in trained:
            scores.update(classifier.scores(digits.test.images).tobytes())
            for digest in sorted(_digest(array) for array in arrays_of(classifier)):
                weights.update(digest)
    return {"row": experiment, "scores": scores.hexdigest(), "weights": weights.hexdigest()}


def _few(raw: Raw) -> Raw:
    train, test = slice(0, SIZE["train_size"]), slice(0, TEST_DIGITS)
    return replace(
        raw,
        train_images=raw.train_images[train],
        train_labels=raw.train_labels[train],
        test_images=raw.test_images[test],
        test_labels=raw.test_labels[test],
    )


def arrays_of(value: Any) -> Iterator[NDArray]:
    """All arrays of numbers that a classifier holds, however they are called."""
    if isinstance(value, torch.Tensor):
        yield value.detach().contiguous().numpy()
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            yield value
    elif isinstance(value, nn.Module):
        yield from (tensor.detach().contiguous().numpy() for tensor in value.state_dict().values())
    elif isinstance(value, list | tuple):
        for each in value:
            yield from arrays_of(each)
    elif isinstance(value, BaseEstimator) or type(value).__module__.startswith("lenet."):
        for each in vars(value).values():
            yield from arrays_of(each)


def _digest(array: NDArray) -> bytes:
    about = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(about + np.ascontiguousarray(array).tobytes()).digest()
