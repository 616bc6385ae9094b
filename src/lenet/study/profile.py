"""How large the study is: `params.yaml`, and experiments cut to that size."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from lenet.errors import InputError
from lenet.experiment import read_configuration
from lenet.files import Count, Text, reason

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONF, RESULTS, REPORTS, PARAMS = map(Path, ("conf", "results", "reports", "params.yaml"))
SIZE = ("seeds", "epochs", "train_size", "changed_digits")  # what a profile says

MEND = f"mend it, or git restore {PARAMS}"

Parameters = dict[str, Any]


@with_config(ConfigDict(strict=True))
class _Profile(TypedDict):
    seeds: NotRequired[Count | None]
    epochs: NotRequired[Count | None]
    train_size: NotRequired[Count | None]
    changed_digits: NotRequired[Count]


@with_config(ConfigDict(strict=True))
class _Values(TypedDict):
    profile: Text
    data: Text
    threads: Count
    profiles: dict[Text, _Profile]
    rows: NotRequired[list[Text]]


VALUES = TypeAdapter(_Values)


def _read() -> Any:
    """Plain values: nothing is asked of the environment."""
    try:
        return read_configuration(PARAMS)
    except InputError as e:
        raise InputError(f"{e}: {MEND}") from e


def parameters() -> Parameters:
    """`params.yaml` with the values of its chosen profile.

    Raises:
        InputError: no such file here or a damaged one, a profile that it does not have or that
            lacks something.
    """
    if not PARAMS.exists():
        raise InputError(f"no {PARAMS} in {Path.cwd()}: run this in the project's folder")
    try:
        values = _read()
        VALUES.validate_python(values)
        name = values["profile"]
        if name not in values["profiles"]:
            raise InputError(
                f"profile={name} in {PARAMS} is not one of {', '.join(values['profiles'])}"
            )
        size = values["profiles"][name]
        if missing := [key for key in SIZE if key not in size]:
            raise InputError(f"the profile {name} in {PARAMS} lacks {', '.join(missing)}")
    except ValidationError as e:
        raise InputError(f"{PARAMS} makes no sense ({reason(e)}): {MEND}") from e
    except OSError as e:
        raise InputError(f"{PARAMS} cannot be read ({e.strerror}): {MEND}") from e
    return values | size


def rows() -> list[str]:
    """The names of all experiments."""
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def configuration(experiment: str, params: Parameters) -> "DictConfig":
    """An experiment as it is in `conf/experiment/`, cut to the size of the study.

    Raises:
        InputError: there is none of that name.
    """
    from lenet.experiment import compose_experiment

    cfg = compose_experiment(experiment, CONF)
    cfg.resume = True
    cfg.data.source = params["data"]
    cfg.trainer.threads = params["threads"]
    if cfg.seeds is not None:
        cfg.seeds = cfg.seeds[: params["seeds"]]
    if params["train_size"]:
        cfg.data.train_size = min(params["train_size"], cfg.data.train_size or sys.maxsize)
        if "size" in cfg.recipe:  # of the sets that boosting mines
            cfg.recipe.size = min(params["train_size"], cfg.recipe.size)
    if params["epochs"]:
        for recipe in (cfg.recipe, cfg.recipe.get("base", {})):
            if "epochs" in recipe:
                recipe.epochs = params["epochs"]
    return cfg
