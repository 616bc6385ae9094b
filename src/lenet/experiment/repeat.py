"""A tracked run once more: its configuration, and what is not as it was then."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lenet.data import load_raw
from lenet.errors import InputError
from lenet.experiment import provenance
from lenet.experiment.config import flat
from lenet.results import ORIGIN
from lenet.terminal import RUN_ID
from lenet.tracking import ExperimentRuns, RunRecord, find_run, read_experiments

HERE = ("root", "output", "tracking", "force", "resume")  # not the run's, but of this call
BESIDE = (*HERE, "repeat", "data.folder", "hydra")  # what may be given beside repeat=


def configuration(cfg: DictConfig, overrides: Sequence[str], conf: Path) -> DictConfig:
    """The configuration of the run ``cfg.repeat``, to be trained here; prints what differs.

    Its places are those of ``cfg``, and so is what the project did not know yet when the run was
    made. The number of threads is the one that the run had.

    Args:
        overrides: what the command line gives.
        conf: the project's configurations; a run's may name no class that they do not name.

    Raises:
        InputError: other values beside repeat=, a run that is not there or has no configuration.
    """
    given = {}
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        given[key] = value
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in BESIDE):
            raise InputError(f"repeat= takes all values from the run: leave {override} out")
    start = given["repeat"]  # cfg.repeat may be a number: 1e5 is a float
    if cfg.tracking.uri is None:
        raise InputError(f"repeat={start} needs the store that has the run, not tracking=off")
    with read_experiments(cfg.tracking.uri) as experiments:
        run, runs = find_run(experiments, start, cfg.tracking.uri)
        values = _values(run, runs)
        changed = run.tags["git.dirty"] == "true"
        diff = _artifact(run, runs, "uncommitted.diff") if changed else ""
    _check_targets({"model": values["model"], "recipe": values["recipe"]}, conf)
    current: Any = OmegaConf.to_container(cfg, resolve=True)
    again = current | values | {key: current[key] for key in HERE}
    again["repeat"] = run.id
    again["data"] = current["data"] | values["data"] | {"folder": current["data"]["folder"]}
    again["trainer"] = (
        current["trainer"] | values["trainer"] | {"threads": int(run.tags["threads"])}
    )
    print(f"repeating {run.name} (run {run.id[:RUN_ID]})")
    digest = load_raw(again["data"]["source"], Path(again["data"]["folder"])).digest
    then = provenance.Code(run.tags["mlflow.source.git.commit"], diff)
    for line in (
        _code(then, provenance.code(Path(cfg.root))),
        _data(run.tags["data.digest"], digest),
        _versions(run.tags, provenance.versions()),
    ):
        print(f"  {line}")
    return OmegaConf.create(again)


def _values(run: RunRecord, runs: ExperimentRuns) -> dict[str, Any]:
    """The configuration of a run."""
    title = f"{run.name} (run {run.id[:RUN_ID]})"
    if ORIGIN in run.tags:
        raise InputError(f"{title} was restored without its configuration: repeat another run")
    if "data.digest" not in run.tags:  # it failed at once, or is the parent of others
        raise InputError(f"{title} has no configuration (it may be a sweep): repeat another run")
    values: Any = OmegaConf.to_container(OmegaConf.create(_artifact(run, runs, "config.yaml")))
    return values


def _artifact(run: RunRecord, runs: ExperimentRuns, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return runs.artifact(run.id, name, Path(folder)).read_text()


def _check_targets(values: dict[str, Any], conf: Path) -> None:
    """Refuses a configuration that would call what the project's own never call: it may come from
    elsewhere."""
    known = {
        target
        for path in conf.rglob("*.yaml")
        for target in re.findall(r"^\s*_target_: *(\S+)", path.read_text(), re.MULTILINE)
    }
    for key, target in flat(values).items():
        if key.endswith("_target_") and target not in known:
            raise InputError(f"the run's {key}={target} is none of the classes that {conf} names")


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
