"""No room: one line says where, the run has failed, and what was written before is whole.

A limit to the size of files stands for the disk.
"""

import resource
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
import torch
from tests.commands import Running
from tests.conftest import runs

from lenet.errors import InputError, writing

QUICK = ("data=digits", "trainer.threads=1")
EPOCHS = 5


def limited(
    started: Callable[..., Running], size: int, after: str, *arguments: str
) -> tuple[int, str]:
    """Runs train.py; once it says ``after`` no file grows beyond ``size`` bytes. Its exit code and
    standard error."""
    with started(*QUICK, *arguments) as process:
        for line in process.stdout:
            if after in line:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
                break
        _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.slow
def test_no_room_for_a_checkpoint(started, train, empty_database: Path, tmp_path: Path) -> None:
    size = empty_database.stat().st_size + 1_000_000  # room for the database
    arguments = ("model=mlp_1000", f"recipe.epochs={EPOCHS}")
    code, said = limited(started, size, "epoch 2 ", *arguments)
    [folder] = (path for path in (tmp_path / "outputs").iterdir() if path.is_dir())
    assert code == 1
    assert f"mlp_1000 failed: {folder} cannot be written any more (File too large)" in said
    assert "with resume=true" in said
    assert "Traceback" not in said, said
    [run] = runs(tmp_path)
    assert run.info.status == "FAILED"
    assert "File too large" in run.data.tags["failure"]
    assert "epochs" in torch.load(folder / "last.ckpt", weights_only=True), "it is whole"

    done = train(*QUICK, *arguments, "resume=true")
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.info.status == "FINISHED"
    history = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_metric_history(
        run.info.run_id, "train/loss"
    )
    assert [m.step for m in history] == list(range(1, EPOCHS + 1))


@pytest.mark.slow
def test_no_room_for_an_artifact(started, empty_database: Path, tmp_path: Path) -> None:
    size = empty_database.stat().st_size + 1_000_000
    code, said = limited(started, size, "NOT MNIST", "model=knn", "recipe=fit")
    assert code == 1
    assert "cannot be written any more (File too large): make room there" in said
    assert "Traceback" not in said, said
    assert [run.info.status for run in runs(tmp_path)] == ["FAILED"]


@pytest.mark.slow
def test_no_room_for_the_database(started, train, tmp_path: Path) -> None:
    arguments = ("recipe=modern", f"recipe.epochs={EPOCHS}")
    code, said = limited(started, 4096, "epoch 2 ", *arguments)
    assert code == 1
    assert "cannot be written any more (" in said
    assert "Traceback" not in said, said
    done = train(*QUICK, *arguments, "resume=true")
    assert done.returncode == 0, done.stderr
    assert [run.info.status for run in runs(tmp_path)] == ["FINISHED"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "last.ckpt"), True),
        (RuntimeError("I/O error: File too large (os error 27)"), True),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), True),
        (RuntimeError("(sqlite3.OperationalError) database is locked"), True),
        (RuntimeError("(sqlite3.DatabaseError) database disk image is malformed"), True),
        (RuntimeError("(sqlite3.OperationalError) no such table: runs"), True),
        (FileNotFoundError(2, "No such file or directory"), True),  # /there is gone
        (InputError("something else: No space left on device"), False),
        (OSError(13, "Permission denied"), False),
    ],
)
def test_what_means_that_there_is_no_room(error: Exception, told: bool) -> None:
    expected, words = (InputError, "/there cannot be written") if told else (type(error), "o")
    with pytest.raises(expected, match=words) as caught, writing("/there"):
        raise error
    assert (caught.value is error) != told


def test_a_library_may_hide_that_there_is_no_room_behind_words_of_its_own() -> None:
    hidden = RuntimeError("the code could not be copied")
    hidden.__cause__ = OSError(28, "No space left on device")
    with pytest.raises(InputError, match="No space left on device"), writing("/there"):
        raise hidden
