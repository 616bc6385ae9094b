"""Commands whose output nobody reads, or that goes where there is no room, do their work."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests import commands
from tests.conftest import PROJECT, runs

SHORT = "train.py data=digits data.train_size=200 trainer.threads=1 recipe.epochs=1"
LOST = "standard output could not be written: No space left on device"


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """By bash, with Python for every word `python`; the first command's code is that of a pipe."""
    command = command.replace("python ", f"{sys.executable} ")
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        env=os.environ | {"LENET_ROOT": str(folder)} | environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "places"),
    [
        ("predict.py --help", ("| head -1", ">&-", "2>&-", ">&- 2>&- <&-")),
        ("-m lenet.study --help", ("| head -1", ">&- 2>&- <&-")),
        ("-m lenet.tracking deliver", (">&- 2>&- <&-",)),
        ("train.py --help", ("| head -1",)),
    ],
)
def test_a_command_bears_streams_that_are_closed_or_full(
    command: str, places: tuple[str, ...], tmp_path: Path
) -> None:
    for where in places:
        done = shell(f"python {command} {where}", tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), where
    done = shell(f"python {command} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (1, [LOST])
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = shell(f"python {command}", tmp_path, **ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    "command", ["train.py", "predict.py", "-m lenet.study evaluate", "-m lenet.tracking deliver"]
)
def test_a_folder_that_was_removed_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    if command.endswith(".py"):
        command = f"{PROJECT}/{command}"
    (tmp_path / "gone").mkdir()
    line = f"cd gone; rmdir ../gone; {shlex.quote(sys.executable)} {command} x"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "the folder that this is run in was removed\n"


@pytest.mark.slow
def test_a_run_goes_on_when_nobody_reads_it_any_more(empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, tmp_path)
    done = shell(f"python {SHORT} | head -1", tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    done = shell(f"python {SHORT} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, LOST)
    assert [run.info.status for run in runs(tmp_path)] == ["FINISHED", "FINISHED"]


@pytest.mark.slow
def test_a_project_may_have_any_name(tmp_path: Path) -> None:
    """?, # and % mean something in the address of a database."""
    folder = tmp_path / "a?b#c%d %41"
    folder.mkdir()
    train = ["python", *SHORT.split()]
    first = commands.run(train, folder)
    assert first.returncode == 0, first.stderr
    again = commands.run([*train, "resume=true", f"output='{folder}/out'"], folder)
    assert "was finished" in again.stdout
    assert {path.name for path in tmp_path.iterdir()} == {folder.name}
    assert (folder / "mlflow.db").is_file()
    [run] = (path.parent for path in (folder / "mlruns").glob("*/artifacts"))
    assert (run / "artifacts" / "model.safetensors").is_file()
    read = commands.run(["python", "predict.py", "--run", run.name[:8], "nothing.png"], folder)
    assert read.stderr.startswith("predict.py: nothing.png")
