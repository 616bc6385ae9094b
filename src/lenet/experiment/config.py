"""Composes a configuration, and checks its values before anything is loaded or written."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lenet import paper
from lenet.errors import InputError
from lenet.experiment.provenance import cores
from lenet.tracking import ask


def compose_experiment(name: str, conf: Path) -> DictConfig:
    """The configuration of an experiment, a file of ``conf/experiment/``.

    Raises:
        InputError: there is none of that name.
    """
    if name not in {path.stem for path in (conf / "experiment").glob("*.yaml")}:
        raise InputError(f"{name} is not an experiment of {conf / 'experiment'}")
    hydra = GlobalHydra.instance()
    of_train_py = hydra.hydra  # in train.py there is one already
    hydra.clear()
    try:
        with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            cfg = compose("config", [f"experiment={name}"])
    finally:
        hydra.hydra = of_train_py
    cfg.name = name  # which Hydra knows in train.py alone
    return cfg


def check(cfg: DictConfig) -> None:
    """Checks all of a run's configuration that can be checked without data, on the machine where it
    is to run.

    Raises:
        InputError: a value that the schema refuses or that has to fit another or the machine, an
            output folder that cannot be written, a store that is not there.
    """
    from lenet.experiment import schema

    values = plain(cfg)
    schema.check(values)
    seeds = values["seeds"]
    if seeds is not None and len(set(seeds)) < len(seeds):
        raise InputError(f"seeds={seeds} names a seed twice")
    if values["paper"] is not None and values["paper"] not in paper.ROWS:
        raise InputError(
            f"paper={values['paper']} is not a row of Figure 9: {', '.join(paper.ROWS)}"
        )
    of = values["tracking"]
    if values["register"] is not None and (of["uri"] is None or not of["models"]):
        raise InputError(
            f"register={values['register']} needs the run's model: leave "
            "tracking=off and tracking.models=false out"
        )
    _check_sharing(values["trainer"], schema.sharing(values["recipe"]))
    # a run that is repeated has the threads that it had, for the same figures to the last bit
    _check_machine(values["trainer"], repeated=values["repeat"] is not None)
    check_writable(Path(values["output"]))
    if uri := values["tracking"]["uri"]:
        ask(uri)


def _check_sharing(trainer: dict[str, Any], alone: str) -> None:
    """Whether processes can share the work, if they are to; else ``alone`` says why not."""
    if "strategy" in trainer:
        if alone:
            raise InputError(f"{alone}: leave trainer=ddp out")
    elif isinstance(trainer["devices"], int) and trainer["devices"] > 1:
        raise InputError(
            f"trainer.devices={trainer['devices']}: only trainer=ddp shares the work of a run"
        )


def _check_machine(trainer: dict[str, Any], repeated: bool) -> None:
    """Whether this machine has what a run is to use."""
    has = {"threads": cores(), "devices": cores()}
    if trainer["accelerator"] in ("gpu", "cuda"):
        import torch

        if not torch.cuda.is_available():
            raise InputError("torch finds no GPU here: use trainer=cpu or trainer=auto")
        has["devices"] = torch.cuda.device_count()
    for key, most in has.items():
        value = trainer[key]
        if isinstance(value, int) and value > most and not repeated:
            raise InputError(f"trainer.{key}={value} is more than the {most} of this machine")


def plain(cfg: DictConfig, only: Sequence[str] = ()) -> dict[str, Any]:
    """The values of a configuration, or of some of its first keys, with what they refer to.

    Raises:
        InputError: a value that refers to what is not there, or that is still to be given (???).
    """
    keys = [str(key) for key in cfg if key != "hydra" and (not only or key in only)]
    return {key: _plain(cfg, key, key) for key in keys}


def _plain(parent: Any, key: Any, name: str) -> Any:
    if OmegaConf.is_missing(parent, key):
        raise InputError(f"{name} is missing: give {name}=<value>")
    try:
        value = parent[key]
    except (OmegaConfBaseException, RecursionError) as e:
        written: Any = OmegaConf.to_container(parent, resolve=False)
        reason = str(e).splitlines()[0] if str(e) else "it refers to itself"
        raise InputError(f"{name}={written[key]} cannot be resolved: {reason}") from e
    if isinstance(value, DictConfig):
        return {str(k): _plain(value, k, f"{name}.{k!s}") for k in map(str, value)}
    if isinstance(value, ListConfig):
        return [_plain(value, index, name) for index in range(len(value))]
    return value


def of_own_class(cfg: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of a class of the user's own that the command line names in place of the
    chosen model's or recipe's (``model._target_=...``): of the values beside it those alone stay
    that the command line gives, too. It is no row of the paper, and has the name of the class.

    Args:
        cfg: as it was composed.
        overrides: of the command line.
    """
    from lenet.experiment.schema import MADE

    given = {override.lstrip("+~").partition("=")[0] for override in overrides}
    own = [
        part
        for part in ("model", "recipe")
        if f"{part}._target_" in given and cfg[part]._target_ not in MADE
    ]
    if not own:
        return cfg
    again = cfg.copy()
    OmegaConf.set_struct(again, False)
    for part in own:
        kept = [key for key in map(str, cfg[part]) if any(_in(name, part, key) for name in given)]
        again[part] = OmegaConf.masked_copy(cfg[part], kept)
    if "model" in own:
        again.paper = cfg.paper if "paper" in given else None
        if "name" not in given:
            again.name = str(cfg.model._target_).rpartition(".")[2]
    return again


def _in(name: str, *keys: str) -> bool:
    """Whether a dotted name is that of a value, or lies in it."""
    whole = ".".join(keys)
    return name == whole or name.startswith(f"{whole}.")


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


def build(config: DictConfig) -> Any:
    """Makes what a configuration's ``_target_`` names.

    Raises:
        InputError: the target refuses its arguments.
    """
    try:
        return instantiate(config)
    except InstantiationException as e:
        raise InputError(" ".join(str(e.__cause__ or e).split())) from e
