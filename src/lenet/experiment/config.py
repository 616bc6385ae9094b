"""Checks the values of a configuration before anything is loaded or written."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from lenet import paper
from lenet.errors import InputError


@dataclass(frozen=True)
class Bound:
    """What a value may be: true or false, or a number within limits; and perhaps null."""

    kind: type
    low: float = 0
    high: float = 0
    optional: bool = False

    def check(self, key: str, value: object) -> None:
        """Raises InputError where the value is not of that kind."""
        if value is None and self.optional:
            return
        if self.kind is bool:
            if not isinstance(value, bool):
                raise InputError(f"{key}={value} has to be true or false")
            return
        kinds = (int, float) if self.kind is float else (int,)
        good = isinstance(value, kinds) and not isinstance(value, bool)
        if not good or not self.low <= value <= self.high:  # type: ignore[operator]
            what = "a whole number" if self.kind is int else "a number"
            null = " or null" if self.optional else ""
            raise InputError(f"{key}={value} has to be {what} from {self.low} to {self.high}{null}")


BOUNDS = {
    "seed": Bound(int, 0, 2**32 - 1),
    "data.train_size": Bound(int, 1, 60_000, optional=True),
    "data.validation": Bound(int, 0, 59_999, optional=True),
    "recipe.epochs": Bound(int, 1, 1_000),
    "recipe.batch_size": Bound(int, 1, 60_000),
    "recipe.optimizer.lr": Bound(float, 1e-8, 10.0),
    "recipe.eta_factor": Bound(float, 1e-6, 100.0),
    "recipe.j": Bound(float, 1e-3, 1e3),
    "recipe.scale": Bound(float, 1e-3, 100.0),
    "recipe.power": Bound(float, 0, 2),
    "trainer.threads": Bound(int, 1, 1_024, optional=True),
    "trainer.compile": Bound(bool),
    "resume": Bound(bool),
    "force": Bound(bool),
    "data.distort": Bound(bool),
    "data.noise": Bound(float, 0, 0.5),
    "data.test_each_epoch": Bound(bool),
}


def check(cfg: DictConfig) -> None:
    """Checks all of a run's configuration that can be checked without data.

    Raises:
        InputError: a value that is out of bounds, an output folder that cannot be written.
    """
    missing = object()
    for key, bound in BOUNDS.items():
        for place in (key, key.replace("recipe.", "recipe.base.")):  # a recipe may rest on another
            value = OmegaConf.select(cfg, place, default=missing)
            if value is not missing:
                bound.check(place, value)
    if cfg.seeds is not None:
        if not isinstance(cfg.seeds, ListConfig) or not cfg.seeds:
            raise InputError(f"seeds={cfg.seeds} has to be a list, as in seeds=[0,1,2]")
        for seed in cfg.seeds:
            BOUNDS["seed"].check("seeds", seed)
        if len(set(cfg.seeds)) < len(cfg.seeds):
            raise InputError(f"seeds={cfg.seeds} names a seed twice")
    for key in ("name", "tracking.uri"):
        value = OmegaConf.select(cfg, key)
        if not (isinstance(value, str) and value) and (key, value) != ("tracking.uri", None):
            raise InputError(f"{key}={value} has to be a text")
    if cfg.paper not in paper.ROWS:
        raise InputError(f"paper={cfg.paper} is not a row of Figure 9: {', '.join(paper.ROWS)}")
    if cfg.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError("torch finds no GPU here: use trainer=cpu or trainer=auto")
    check_writable(Path(cfg.output))


def check_writable(folder: Path) -> None:
    """Raises InputError where no file can be written to a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        raise InputError(
            f"{folder} cannot be written ({e.strerror}): set output=<folder> to one that can"
        ) from e


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested values under dotted keys, as they are written on the command line."""
    result: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def build(config: DictConfig) -> Any:
    """Makes what a configuration's ``_target_`` names.

    Raises:
        InputError: the target refuses its arguments.
    """
    try:
        return instantiate(config)
    except InstantiationException as e:
        raise InputError(" ".join(str(e.__cause__ or e).split())) from e
