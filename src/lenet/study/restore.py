"""The stage `restore`: the runs of `results/` in the project's MLflow, so that a fresh clone has
runs to browse. They keep their ids."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lenet import results
from lenet.experiment import commit_times, identity
from lenet.study import code
from lenet.study.profile import REPORTS, RESULTS, Parameters, configuration
from lenet.terminal import console
from lenet.tracking import EVALUATION, ORIGIN, FinishedRun, Run, Tracker, local_store

PICTURE = REPORTS / "figures" / "figure_09_test_error.png"  # of parents: their row among all
STALE = "stale"  # tag: conf/, the code or the data is not what it was when the run was trained


def restore(params: Parameters) -> None:
    """Brings MLflow the runs that it does not have, and says where they are.

    Raises:
        InputError: results that are damaged, a store that cannot be used.
    """
    project = Path(os.environ["LENET_ROOT"])
    kept = results.load_all(RESULTS)
    restored, page = 0, ""
    for stand_in in sorted({result.data != "mnist" for result in kept.values()}, reverse=True):
        tracker = Tracker(local_store(project), project / "mlruns", stand_in).start()
        of_it = [result for result in kept.values() if (result.data != "mnist") == stand_in]
        restored += _restore(of_it, tracker, project, params)
        page = tracker.page
    print(f"{restored} runs of {RESULTS}/ are now in MLflow, too")
    if page:
        print(f"To look at them: {page}")


def _restore(
    kept: list[results.Result], tracker: Tracker, project: Path, params: Parameters
) -> int:
    """How many runs of results MLflow did not have."""
    from rich.progress import track

    known = _known(tracker)
    times = commit_times(project, {run["commit"] for result in kept for run in result.runs})
    runs: list[FinishedRun] = []
    files = []
    for result in kept:
        missing = [i for i, run in enumerate(result.runs) if run["run"] not in known]
        known |= {run["run"] for run in result.runs}  # one may belong to two experiments
        if missing:
            cfg = configuration(result.experiment, params)
            values: Any = OmegaConf.to_container(cfg, resolve=True)
            own = _of_result(result, missing, values, times)
            runs += own
            files += [(result, values, number) for number in missing]
    tracker.add_finished(runs)
    for result, values, number in track(
        files, "Restoring", console=console, disable=not console.is_terminal
    ):
        run = Run(tracker.write, result.runs[number]["run"])
        results.add_files(run, result, number, values)
        weights = RESULTS / result.experiment / results.MODEL
        if number == 0 and weights.is_file():
            run.file(weights)
    for result in {id(result): result for result, *_ in files}.values():
        if len(result.runs) > 1 and PICTURE.is_file():
            Run(tracker.write, results.parent_id(result)).file(PICTURE)
    return len(files)


def _known(tracker: Tracker) -> set[str]:
    """The runs that MLflow has. Those that an earlier version restored, under other ids and without
    files, go."""
    assert tracker.runs is not None
    known = set()
    for run in tracker.runs.all():
        if run.tags.get(ORIGIN, run.id) == run.id:
            known.add(run.id)
        else:
            tracker.discard(run.id)
    return known


def _of_result(
    result: results.Result, missing: list[int], values: Any, times: Mapping[str, int]
) -> list[FinishedRun]:
    """The runs of a result that are missing, and their parent if there are several."""
    asked_for = code.identities(result.experiment)
    parent = results.parent_id(result) if len(result.runs) > 1 else None
    runs = []
    for number in missing:
        of = result.runs[number]
        tags = {EVALUATION: identity.evaluation()}
        if asked_for.get(of["seed"]) != of.get("identity"):
            tags[STALE] = "true"
        ended = times.get(of["commit"])
        runs.append(results.of_result(result, number, values, tags, parent, ended))
    if parent:
        runs.append(results.of_parent(result, values, {}, runs))
    return runs
