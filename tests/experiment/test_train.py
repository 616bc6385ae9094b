"""train.py from the shell: sweeps, statuses after a signal, and what wrong input is told."""

import re
import signal
import time
from pathlib import Path

import pytest
from tests.conftest import PROJECT, runs

from lenet import paper

SLOW_ON_ANY_DIGITS = {"boosted_lenet4_dist"}  # looks for 60,000 hard patterns
QUICK = ("data=digits", "recipe.epochs=1", "trainer.threads=1")


@pytest.mark.slow
def test_a_sweep_is_one_parent_with_a_child_for_each_job(train, tmp_path: Path) -> None:
    done = train("-m", "model=lenet5,lenet5_relu", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "NOT MNIST" in done.stdout
    assert "lenet5_relu" in done.stdout.split("stand-in digits, NOT MNIST")[1]
    assert done.stdout.startswith("1 of 2: lenet5\n")
    assert re.search("\n2 of 2: lenet5_relu, about [0-9]+ (s|min) left\n", done.stdout)
    assert "paper" not in done.stdout.split("stand-in digits, NOT MNIST")[1]
    kept = {run.info.run_name: run for run in runs(tmp_path)}
    parent = kept.pop(f"sweep model=lenet5,lenet5_relu {' '.join(QUICK)}")
    assert set(kept) == {"lenet5 seed 0", "lenet5_relu seed 0"}
    for child in kept.values():
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert {run.info.status for run in [parent, *kept.values()]} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("multirun", [[], ["-m"]])
def test_an_interrupted_run_is_killed(
    started, tmp_path: Path, sent: signal.Signals, multirun: list[str]
) -> None:
    with started(*multirun, *QUICK, "recipe.epochs=900") as process:
        for line in process.stdout:
            if "epoch 2 " in line:
                break
        process.send_signal(sent)
        start = time.monotonic()
        _, told = process.communicate(timeout=60)
    assert time.monotonic() - start < 30
    assert process.returncode != 0
    kept = "lenet5 was interrupted: its first [0-9]+ epochs are kept; the same command with resume"
    if multirun:
        kept = "Interrupted: 0 of 1 jobs are finished and kept"
    assert re.match(kept, told.splitlines()[-1])
    assert [run.info.status for run in runs(tmp_path)] == (1 + len(multirun)) * ["KILLED"]


@pytest.mark.slow
def test_every_row_of_figure_9_is_an_experiment_that_runs(train, tmp_path: Path) -> None:
    rows = sorted(paper.ROWS)
    assert {path.stem for path in (PROJECT / "conf" / "experiment").glob("*.yaml")} >= set(rows)
    quick = [row for row in rows if row not in SLOW_ON_ANY_DIGITS]
    done = train(
        "-m", f"experiment={','.join(quick)}", "data.source=digits", "tracking=off",
        "data.train_size=250", "data.validation=100", "seeds=[0]", "trainer.threads=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("stand-in digits, NOT MNIST")[-1]
    for row in quick:
        assert f" {row} " in table


@pytest.mark.slow
def test_a_sweep_that_cannot_start_has_failed(train, tmp_path: Path) -> None:
    done = train("-m", "model=lenet5,lenet6", *QUICK)
    assert done.returncode == 1
    assert "lenet5_max_relu" in done.stderr, "the models that exist"
    assert [run.info.status for run in runs(tmp_path)] == ["FAILED"]
