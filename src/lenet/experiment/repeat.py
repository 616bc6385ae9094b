"""A tracked run once more: its configuration, and what is not as it was then."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lenet.data import load_raw
from lenet.errors import InputError
from lenet.experiment import provenance, schema, targets
from lenet.results import ORIGIN
from lenet.terminal import RUN_ID
from lenet.tracking import ExperimentRuns, RunRecord, find_run, read_experiments

# what a run's configuration may hold: it is data from elsewhere, so all else is refused
OF_RUN = ("name", "paper", "seed", "seeds", "model", "recipe", "data", "trainer")
OF_CALL = ("root", "output", "tracking", "force", "resume", "repeat")  # not repeated
BESIDE = (*OF_CALL, "data.folder", "hydra")  # what may be given beside repeat=


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
    current: Any = OmegaConf.to_container(cfg, resolve=True)
    again = current | {"repeat": run.id}
    for key in OF_RUN:
        again[key] = values.get(key, current[key])
    again["data"] = current["data"] | values["data"] | {"folder": current["data"]["folder"]}
    threads = {"threads": _number(run, "threads")}
    again["trainer"] = current["trainer"] | values["trainer"] | threads
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
    try:
        values = targets.read(_artifact(run, runs, "config.yaml"))
        known_of = {group: set(kind.model_fields) for group, kind in schema.GROUPS.items()}
        for group in ("", "data", "trainer"):
            known = known_of.get(group, {*OF_RUN, *OF_CALL})
            keys = values[group] if group else values
            if not isinstance(keys, dict) or (odd := sorted(keys.keys() - known)):
                raise InputError(f"its {group or 'configuration'} has {', '.join(odd)}")
    except (InputError, KeyError, UnicodeDecodeError) as e:
        raise InputError(f"{title} cannot be repeated: {e}") from e
    return values


def _number(run: RunRecord, tag: str) -> int:
    value = run.tags.get(tag, "")
    if not value.isdecimal():
        raise InputError(f"run {run.id[:RUN_ID]} cannot be repeated: its tag {tag} is {value!r}")
    return int(value)


def _artifact(run: RunRecord, runs: ExperimentRuns, name: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return runs.artifact(run.id, name, Path(folder)).read_text()


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
