"""The stage `train`: rows' results, trained where they are missing.

`dvc repro` asks for rows one by one. The first of them that has something to train trains what is
missing of all rows that the command asks for, on all cores; the others find theirs finished.
"""

import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

import psutil
from filelock import FileLock

from lenet import results
from lenet.errors import InputError
from lenet.experiment import cores
from lenet.report import groups
from lenet.study import code
from lenet.study.profile import RESULTS, Parameters, configuration, rows

KEPT = (*groups.DRAWN, groups.NOISE)  # rows whose first seed's weights stay
PART = 16  # seeds of a row that one process trains: as many as the method of 1998 has lanes
UNKNOWN = 2.0  # GB that a row is taken to need that was never trained
FREE = 0.9  # of the free memory is used

log = logging.getLogger(__name__)


def train(names: Sequence[str], params: Parameters) -> None:
    """Makes `results/` hold what rows ask for.

    Raises:
        InputError: there is no such row, or its training fails.
    """
    if unknown := [row for row in names if row not in rows()]:
        raise InputError(f"{unknown[0]} is not an experiment of conf/experiment")
    whole = [is_whole(row) for row in names]  # of all of them, as any may be damaged
    if all(whole):
        return
    with FileLock(_lock()):  # a second `dvc repro` waits, and finds it whole
        asked = dict.fromkeys([*names, *asked_for(names[0], params)])
        missing = [each for each in asked if _is_missing(each)]
        if len(missing) == 1 and missing[0] in names and len(_parts(missing[0], params)) == 1:
            train_row(missing[0], params)
        elif set(names) & set(missing):
            failed = _train_side_by_side(missing, params)
            for other in failed.keys() - set(names):  # its own stage will try again, and tell
                log.warning("%s failed ahead of its stage: %s", other, failed[other])
            if own := [failed[row] for row in names if row in failed]:
                raise InputError("; ".join(own))


def _lock() -> str:
    os.makedirs("outputs", exist_ok=True)
    return os.path.join("outputs", ".study.lock")


def is_whole(row: str) -> bool:
    """Whether `results/` holds just the runs that a row asks for.

    Raises:
        InputError: what it holds is damaged, so that nothing may take its place unasked; what the
            row asks for is not written down.
    """
    try:
        wanted = code.identities(row)
    except FileNotFoundError as e:
        raise InputError(f"what {row} asks for is not written down: dvc repro code data") from e
    folder = RESULTS / row
    if results.identities(folder) != wanted:
        return False
    results.load(folder)
    return row not in KEPT or (folder / results.MODEL).is_file()


def _is_missing(row: str) -> bool:
    """Whether a row is to be trained; damage is its own stage's matter."""
    try:
        return not is_whole(row)
    except InputError:
        return False


def _parts(row: str, params: Parameters) -> list[list[int] | None]:
    """A row's seeds, some for each process; None where one process trains the row."""
    seeds = list(configuration(row, params).seeds or [])
    parts = [seeds[i : i + PART] for i in range(0, len(seeds), PART)]
    return [*parts] if len(parts) > 1 else [None]


def _train_part(row: str, seeds: list[int], params: Parameters) -> None:
    """Trains some seeds of a row, which MLflow keeps."""
    from lenet.experiment import train

    cfg = configuration(row, params)
    cfg.seeds = seeds
    train(cfg)


def train_row(row: str, params: Parameters) -> None:
    """Trains what is missing of a row, in this process, and keeps its results."""
    from lenet.experiment import train
    from lenet.terminal import table

    cfg = configuration(row, params)
    outcomes = train(cfg)
    table([outcomes])
    results.collect(outcomes, cfg.tracking.uri, params["profile"], RESULTS / row, row in KEPT)


def asked_for(row: str, params: Parameters) -> list[str]:
    """The rows that the `dvc` command behind this stage asks for: those that it names, or all of
    the study. Without one, it is the row alone."""
    for process in psutil.Process().parents():
        words = process.cmdline()
        at = next((i for i, w in enumerate(words) if os.path.basename(w) == "dvc"), None)
        if at is not None:
            return _named(words[at + 1 :], row, params.get("rows", rows()))
    return [row]


def _named(words: list[str], row: str, study: list[str]) -> list[str]:
    from dvc.cli.parser import get_main_parser

    given, _ = get_main_parser().parse_known_args(words)
    if not hasattr(given, "single_item"):  # neither repro nor exp run
        return [row]
    stages = [target.rpartition(":")[2] for target in given.targets]
    named = [stage.removeprefix("train@") for stage in stages if stage.startswith("train@")]
    if not stages or "train" in stages or (len(named) < len(stages) and not given.single_item):
        return study  # all of them, or what comes after them
    return named


def _train_side_by_side(missing: list[str], params: Parameters) -> dict[str, str]:
    """Trains rows, the longest first, as many at a time as cores and memory allow, one of many
    seeds in several processes; why rows failed, by name."""
    known = {row: _recorded(row) for row in missing}
    longest = sorted(missing, key=lambda row: -known[row][0])
    waiting = [(row, seeds) for row in longest for seeds in _parts(row, params)]
    count, divided = len(waiting), {row for row, seeds in waiting if seeds}
    most = max(1, cores() // params["threads"])
    memory = FREE * psutil.virtual_memory().available / 1e9
    running: dict[Future[str | None], str] = {}
    failed: dict[str, str] = {}
    with ProcessPoolExecutor(min(most, count), get_context("spawn")) as pool:
        while waiting or running:
            used = sum(known[row][1] for row in running.values())
            fitting = [job for job in waiting if not running or used + known[job[0]][1] <= memory]
            if fitting and len(running) < most:
                waiting.remove(fitting[0])
                running[pool.submit(_try, *fitting[0], params)] = fitting[0][0]
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                row = running.pop(future)
                if reason := future.result():
                    failed[row] = reason
                done = count - len(waiting) - len(running)
                log.info("%d of %d trainings: %s %s", done, count, row, "failed" * bool(reason))
        for row in sorted(divided - failed.keys()):  # MLflow has all seeds of it now
            if reason := pool.submit(_try, row, None, params).result():
                failed[row] = reason
    return failed


def _try(row: str, seeds: list[int] | None, params: Parameters) -> str | None:
    """In a process of its own; why it failed, if it did."""
    os.environ["DVC_STAGE"] = f"train@{row}"  # which its runs tell
    try:
        if seeds:
            _train_part(row, seeds, params)
        else:
            train_row(row, params)
    except Exception as e:  # of any kind: the others go on
        return str(e) if isinstance(e, InputError) else f"{type(e).__name__}: {e}"
    return None


def _recorded(row: str) -> tuple[float, float]:
    """Seconds and GB that a row took when it was trained before, whatever its code was then."""
    try:
        kept = results.load(RESULTS / row)
    except InputError:  # not trained yet
        return float(sys.maxsize), UNKNOWN
    metrics = [run["metrics"] for run in kept.runs]
    seconds = sum(each["training_seconds"] for each in metrics)
    return seconds, max(each.get("peak_memory_gb") or UNKNOWN for each in metrics)
