"""However a sweep ends: with its table, true statuses, and 0 where all went well alone."""

import json
import math
import os
import shutil
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from tests.conftest import PROJECT, runs

from lenet.errors import InputError
from lenet.experiment import Sweep
from lenet.experiment.sweep import PARENT, SweepJob, _clear, _count, read_note, read_shared
from lenet.files import LARGEST_TEXT
from lenet.terminal import Failure
from lenet.tracking import Tracker


@pytest.mark.slow
def test_a_name_like_markup_ends_as_any_other(train, tmp_path: Path) -> None:
    name = ("name='[/x]'", "data=digits", "recipe.epochs=1")
    done = train("-m", "model.pooling=median,max", *name)
    assert done.returncode == 1
    assert "failed [/x]: model.pooling=median is not one of" in done.stdout
    assert "│ [/x]" in done.stdout
    statuses = {run.info.run_name: run.info.status for run in runs(tmp_path)}
    assert statuses.pop("[/x] seed 0") == "FINISHED"
    assert list(statuses.values()) == ["FAILED"]  # the sweep's


@pytest.fixture
def sweep(tmp_path: Path, empty_database: Path) -> Sweep:
    """A sweep whose parent run is open."""
    shutil.copy(empty_database, tmp_path)
    sweep = Sweep()
    sweep.folder = tmp_path
    sweep.tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns", True).start()
    sweep.parent = sweep.tracker.open("sweep", None, "identity", again=False)
    return sweep


def outcome(**values: object) -> str:
    """The note of a job, with some of its values replaced."""
    good = {"name": "lenet5", "seed": 0, "row": "lenet5", "data": "digits", "whole": False}
    good |= {"error": 0.1, "low": 0.0, "high": 0.2, "validation_error": math.nan, "seconds": 1.0}
    good |= {"run": "", "page": "", "skipped": False}
    return json.dumps({"outcomes": [good | values]})


DAMAGED = [
    "{",
    "[]",
    "[" * 100_000,
    '{"outcomes": [{"of": "another version"}]}',
    '{"killed": "yes"}',
    '{"failure": {"name": 1, "reason": "r"}}',
    outcome(row="no row"),
    outcome(error="0.1"),
    outcome(high=math.inf),
    outcome(seed=True),
    " " * (LARGEST_TEXT + 1),
]


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: damage[:40])
def test_a_damaged_note_is_a_failure(tmp_path: Path, damage: str) -> None:
    (tmp_path / "job-0000.json").write_text(damage)
    failure = read_note(tmp_path / "job-0000.json")["failure"]
    assert failure.reason.startswith("its note cannot be read: ")
    assert failure.reason.isprintable()


def test_what_fails_at_the_end_ends_the_sweep(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "job-0000.json").write_text(DAMAGED[0])
    SweepJob(tmp_path, 1, sweep.parent).failed(Failure("lenet5", "there was a reason"))
    with pytest.raises(SystemExit) as ended:
        sweep.on_multirun_end(OmegaConf.create())
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "failed lenet5: there was a reason" in out
    assert "failed job-0000: its note cannot be read" in out
    [parent] = runs(tmp_path)
    assert parent.info.status == "FAILED"


def test_a_job_without_a_note_is_a_failure(sweep: Sweep, tmp_path: Path, capsys) -> None:
    """As where another sweep in the same folder has removed it."""
    sweep.jobs = 3
    (tmp_path / "job-0001.json").write_text(outcome())
    with pytest.raises(SystemExit):
        sweep.on_multirun_end(OmegaConf.create())
    assert "failed 2 of 3 jobs" in capsys.readouterr().out
    [parent] = runs(tmp_path)
    assert parent.info.status == "FAILED"


def test_notes_steer_no_terminal(sweep: Sweep, tmp_path: Path, capsys) -> None:
    (tmp_path / "job-0000.json").write_text(outcome(name="a\x1b]0;b"))
    SweepJob(tmp_path, 1, sweep.parent).failed(Failure("c\x1b[2J", "there was\na reason"))
    with pytest.raises(SystemExit):
        sweep.on_multirun_end(OmegaConf.create())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a\\x1b]0;b" in out
    assert "failed c\\x1b[2J: there was\\na reason" in out


@pytest.mark.parametrize("damage", ["", "{", "3", '"../x"', '"' + "a" * 33 + '"', "[" * 100_000])
def test_a_damaged_parent_is_told_in_one_line(tmp_path: Path, damage: str) -> None:
    (tmp_path / PARENT).write_text(damage)
    with pytest.raises(InputError, match=f"^{tmp_path}/{PARENT} is damaged: start the sweep again"):
        read_shared(tmp_path)


def test_a_table_that_fails_does_not_leave_the_parent_open(
    sweep: Sweep,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no terminal can show this")

    monkeypatch.setattr("lenet.experiment.sweep.table", fails)
    with pytest.raises(SystemExit) as ended:
        sweep.on_multirun_end(OmegaConf.create())
    assert ended.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "The sweep cannot end: RuntimeError: no terminal can show this"
    [parent] = runs(tmp_path)
    assert parent.info.status == "FINISHED"  # all of its jobs did


def test_notes_of_a_sweep_before_go(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PARENT)
    (tmp_path / "job-0007.json").symlink_to("/dev/zero")
    (tmp_path / "job-0008.json").write_text("{}")
    for name in ("multirun.yaml", "job-of-mine.json"):
        (tmp_path / name).write_text("")
    _clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job-of-mine.json", "multirun.yaml"]
    (tmp_path / "job-0009.json").mkdir()
    with pytest.raises(InputError, match=r"set hydra\.sweep\.dir to another folder"):
        _clear(tmp_path)


@pytest.mark.parametrize(
    "given", [("seed=range(1000000000)",), ("seed=range(1000)", "n=range(101)")]
)
def test_more_jobs_than_anyone_means_are_refused_at_once(given: tuple[str, ...]) -> None:
    cfg = {"hydra": {"sweeper": {"params": None}, "overrides": {"task": list(given)}}}
    GlobalHydra.instance().clear()
    with (
        initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"),
        pytest.raises(InputError, match="more than 100,000 jobs"),
    ):
        _count(OmegaConf.create(cfg))
