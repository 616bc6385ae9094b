"""Results carried over a refactor: short trainings of every row, by the code before and after, that
have to come to the same bits."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from ast import literal_eval
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from lenet import results
from lenet.errors import InputError
from lenet.study import code
from lenet.study.profile import CONF, RESULTS, Parameters, configuration, rows

SIZE = {"seeds": 2, "epochs": 2, "train_size": 2_000}  # of a short training
TEST_DIGITS = 1_000
CUT = ("data.train_size", "data.validation", "recipe.epochs", "recipe.base.epochs", "recipe.size")
"""Values that a short training does not show, so they have to be the same."""


def keep(commit: str, params: Parameters) -> None:
    """Rewrites the identities of all rows whose results another commit's code made, if the present
    code comes to the same.

    Args:
        commit: whose code has the identities that `results/` tells, or which made results that
            tell none.
        params: of the study.

    Raises:
        InputError: there is no such commit; rows that come to something else, or may.
    """
    with tempfile.TemporaryDirectory() as name:
        before = Path(name) / "before"
        _git("worktree", "add", "--detach", str(before), commit)
        try:
            code.write(params)
            stale = [row for row in rows() if _kept(row) and _kept(row) != code.identities(row)]
            _refuse(_told_otherwise(stale, before), f"are not of the code of {commit}")
            _refuse(_cut_otherwise(stale, before, params), "differ in what short trainings cut")
            here = Path.cwd()
            with ThreadPoolExecutor(2) as pool:  # of the processes that train
                old, new = pool.map(lambda folder: _short_trainings(folder, stale), (before, here))
            _refuse([row for row in stale if old[row] != new[row]], "come to other bits")
        finally:
            _git("worktree", "remove", "--force", str(before))
    for row in stale:
        _rewrite(RESULTS / row, code.identities(row))
    print(f"{len(stale)} rows are kept: dvc commit -f writes it into dvc.lock")


def _kept(row: str) -> dict[int, str | None]:
    return results.identities(RESULTS / row)


def _told_otherwise(stale: list[str], before: Path) -> list[str]:
    """The rows whose results tell an identity that is not that of the commit's own code."""
    told = [row for row in stale if any(_kept(row).values())]
    if not told:
        return []
    _run(before, "code")
    at_commit = {row: _identities_in(before, row) for row in told}
    return [row for row in told if at_commit[row] != _kept(row)]


def _identities_in(folder: Path, row: str) -> Any:
    program = f"from lenet.study.code import identities; print(identities({row!r}))"
    return literal_eval(_python(folder, "-c", program))


def _cut_otherwise(stale: list[str], before: Path, params: Parameters) -> list[str]:
    """The rows whose configuration is another one where short trainings do not look."""
    from omegaconf import OmegaConf

    from lenet.experiment import compose_experiment

    def cut(row: str, conf: Path) -> list[Any]:
        return [OmegaConf.select(compose_experiment(row, conf), key) for key in CUT]

    return [row for row in stale if cut(row, CONF) != cut(row, before / CONF)]


def _short_trainings(folder: Path, names: list[str]) -> dict[str, str]:
    """What `study short` prints in a checkout, by row."""
    lines = _run(folder, "short", *names).splitlines() if names else []
    return {json.loads(line)["row"]: line for line in lines}


def _run(folder: Path, *arguments: str) -> str:
    return _python(folder, "-m", "lenet.study", *arguments)


def _python(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "LENET_ROOT": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise InputError(f"{' '.join(arguments)} failed in {folder}")
    return done.stdout


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"git {arguments[0]} {arguments[1]}: {done.stderr.strip()}")


def _refuse(names: list[str], why: str) -> None:
    if names:
        raise InputError(f"nothing is kept: {', '.join(names)} {why}")


def _rewrite(folder: Path, identities: Mapping[int, str]) -> None:
    kept = results.load(folder)
    own = tuple(run | {"identity": identities[run["seed"]]} for run in kept.runs)
    results.save_record(replace(kept, runs=own), folder)


def short_training(row: str, params: Parameters) -> dict[str, str]:
    """Trains a row on few digits for two epochs, its first two seeds.

    Returns:
        "row", and sha256 of all "scores" of test digits and of all "weights", in any order.

    Raises:
        InputError: there is no such row.
    """
    import torch

    from lenet.data import load_raw
    from lenet.experiment import build, digits_of, fit

    cfg = configuration(row, params | SIZE)
    cfg.data.validation, cfg.data.test_each_epoch = 0, False
    raw = load_raw(params["data"], Path("data"))
    train, test = slice(0, SIZE["train_size"]), slice(0, TEST_DIGITS)
    raw = replace(
        raw,
        train_images=raw.train_images[train],
        train_labels=raw.train_labels[train],
        test_images=raw.test_images[test],
        test_labels=raw.test_labels[test],
    )
    digits = digits_of(cfg, raw)
    torch.set_num_threads(1)
    seeds = [cfg.seed] if cfg.seeds is None else list(cfg.seeds)
    recipe = build(cfg.recipe)
    scores, weights = hashlib.sha256(), hashlib.sha256()
    for group in [seeds] if recipe.together else [[seed] for seed in seeds]:
        with tempfile.TemporaryDirectory() as folder:
            callbacks = [lambda *_: None] * len(group)
            trained = fit(cfg, recipe, group, digits, Path(folder), callbacks)
        for classifier in trained:
            scores.update(classifier.scores(digits.test.images).tobytes())
            for digest in sorted(_digest(array) for array in _arrays_of(classifier)):
                weights.update(digest)
    return {"row": row, "scores": scores.hexdigest(), "weights": weights.hexdigest()}


def _arrays_of(value: Any) -> Iterator[Any]:
    """All arrays of numbers that a classifier holds, however they are called."""
    import numpy as np
    import torch
    from sklearn.base import BaseEstimator

    if isinstance(value, torch.Tensor):
        yield value.detach().contiguous().numpy()
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            yield value
    elif isinstance(value, torch.nn.Module):
        yield from (tensor.detach().contiguous().numpy() for tensor in value.state_dict().values())
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _arrays_of(each)
    elif isinstance(value, BaseEstimator) or type(value).__module__.startswith("lenet."):
        for each in vars(value).values():
            yield from _arrays_of(each)


def _digest(array: Any) -> bytes:
    import numpy as np

    about = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(about + np.ascontiguousarray(array).tobytes()).digest()
