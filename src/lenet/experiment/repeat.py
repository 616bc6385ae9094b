"""A tracked run once more: its configuration, and what is not as it was then."""

import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.cuda import device_count

from lenet.errors import InputError
from lenet.experiment import provenance, schema, targets
from lenet.experiment.config import build
from lenet.experiment.training import raw_of
from lenet.files import read_text
from lenet.terminal import RUN_ID
from lenet.tracking import ExperimentRuns, RunRecord, find_run, read_experiments

# what a run's configuration may hold, and of which kind: it is data from elsewhere, so all else is
# refused; numbers are checked with those of any other configuration
OF_RUN = {
    "name": str,
    "paper": str | None,
    "seed": int,
    "seeds": list | None,
    "model": dict,
    "recipe": dict,
    "data": dict,
    "trainer": dict,
}
OF_CALL = ("root", "output", "tracking", "force", "resume", "repeat", "register")  # not repeated
BESIDE = (*OF_CALL, "data.folder", "hydra")  # what may be given beside repeat=
LARGEST_DIFF = 16 * 2**20  # bytes


def configuration(cfg: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of the run ``cfg.repeat``, to be trained here; prints what differs.

    Its places are those of ``cfg``, and so is what the project did not know yet when the run was
    made. The number of threads is the one that the run had.

    Args:
        overrides: what the command line gives.

    Raises:
        InputError: other values beside repeat=, a run that is not there or has no configuration.
    """
    given = {}
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        given[key] = value
        if key.endswith("._target_"):  # a class of the user's own, that the run may name
            continue
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in BESIDE):
            raise InputError(f"repeat= takes all values from the run: leave {override} out")
    start = given["repeat"]  # cfg.repeat may be a number: 1e5 is a float
    if cfg.tracking.uri is None:
        raise InputError(f"repeat={start} needs the store that has the run, not tracking=off")
    current: Any = OmegaConf.to_container(cfg, resolve=True)
    sources = HydraConfig.get().runtime.config_sources
    folders = [Path(source.path) for source in sources if source.schema == "file"]
    own = targets.own_names(*folders) | targets.names([current["model"], current["recipe"]])
    with read_experiments(cfg.tracking.uri) as experiments:
        run, runs = find_run(experiments, start, cfg.tracking.uri)
        values = _values(run, runs, own)
        changed = run.tags.get("git.dirty") == "true"
        diff = _diff(run, runs) if changed else ""
    again = current | {"repeat": run.id}
    for key in OF_RUN:
        again[key] = values.get(key, current[key])
    again["data"] = current["data"] | values["data"] | {"folder": current["data"]["folder"]}
    threads = {"threads": _number(run, "threads")}
    again["trainer"] = current["trainer"] | values["trainer"] | threads
    try:
        schema.check(again, ["data"])
    except InputError as e:
        raise InputError(f"{run.name} (run {run.id[:RUN_ID]}) cannot be repeated: {e}") from e
    print(f"repeating {run.name} (run {run.id[:RUN_ID]})")
    digest = raw_of(again["data"]).digest
    then = provenance.Code(run.tags.get("mlflow.source.git.commit", "unknown"), diff)
    for line in (
        _code(then, provenance.code(Path(cfg.root))),
        _data(run.tags["data.digest"], digest),
        _versions(run.tags, provenance.versions()),
    ):
        print(f"  {line}")
    return OmegaConf.create(again)


def _values(run: RunRecord, runs: ExperimentRuns, own: Collection[str]) -> dict[str, Any]:
    """The configuration of a run, which may name the classes of ``own``."""
    title = f"{run.name} (run {run.id[:RUN_ID]})"
    if "threads" not in run.tags:  # it failed at once, or is the parent of others
        raise InputError(f"{title} has no configuration (it may be a sweep): repeat another run")
    try:
        with tempfile.TemporaryDirectory() as folder:
            config = runs.artifact(run.id, "config.yaml", Path(folder))
            values = targets.read_configuration(config, own)
        _check_kinds(values)
    except InputError as e:
        raise InputError(f"{title} cannot be repeated: {e}") from e
    return values


def _check_kinds(values: dict[str, Any]) -> None:
    """Raises InputError where a configuration has something that no run's has, or lacks a part."""
    for key, kind in OF_RUN.items():
        if (key in values or kind is dict) and not isinstance(values.get(key), kind):
            raise InputError(f"its {key} is missing, or is not what it has to be")
    known_of = {group: set(kind.model_fields) for group, kind in schema.GROUPS.items()}
    known_of |= {"": {*OF_RUN, *OF_CALL}}
    for group in ("", "data", "trainer"):
        known = known_of[group]
        keys = values[group] if group else values
        if odd := sorted(keys.keys() - known):
            raise InputError(f"its {group or 'configuration'} has {', '.join(odd)}")
    for key in ("source", "view"):
        if not isinstance(values["data"].get(key, ""), str):
            raise InputError(f"its data.{key} is no text")
    devices = values["trainer"].get("devices", 1)
    if isinstance(devices, int) and devices > max(provenance.cores(), device_count()):
        raise InputError(f"its trainer.devices={devices} are more than this machine has")
    schema.check(values, ["model"])
    recipe, model = build(values["recipe"]), build(values["model"])
    if not (hasattr(recipe, "fit") and hasattr(recipe, "load")):
        raise InputError("its recipe is none")
    if not (isinstance(model, nn.Module) or hasattr(model, "fit")):
        raise InputError("its model is none")


def _number(run: RunRecord, tag: str) -> int:
    value = run.tags.get(tag, "")
    if not re.fullmatch("[0-9]{1,4}", value):
        raise InputError(
            f"run {run.id[:RUN_ID]} cannot be repeated: its tag {tag} is {value[:20]!r}"
        )
    return int(value)


def _diff(run: RunRecord, runs: ExperimentRuns) -> str:
    """What was not committed when the run was made; it is compared, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = runs.artifact(run.id, "uncommitted.diff", Path(folder))
        try:
            return read_text(path, LARGEST_DIFF)
        except ValueError as e:
            raise InputError(f"run {run.id[:RUN_ID]} cannot be repeated: {e}") from e


def _code(then: provenance.Code, now: provenance.Code) -> str:
    if then == now:
        return f"code: the same ({_state(now)})"
    if then.commit == now.commit:
        return f"code: the same commit {now.commit[:RUN_ID]}, other uncommitted changes"
    return f"code: differs, {_state(then)} then, {_state(now)} now"


def _state(code: provenance.Code) -> str:
    changed = ", with uncommitted changes" if code.dirty else ""
    return f"commit {code.commit[:RUN_ID]}{changed}"


def _data(then: str, now: str) -> str:
    if then == now:
        return "data: the same"
    return f"data: differs, digest {then[:RUN_ID]} then, {now[:RUN_ID]} now"


def _versions(tags: dict[str, str], now: dict[str, str]) -> str:
    then = {name: tags.get(f"version.{name}", "none") for name in now}
    changed = [
        f"{name} {then[name]} then, {now[name]} now" for name in now if then[name] != now[name]
    ]
    return f"versions: differ, {'; '.join(changed)}" if changed else "versions: the same"
