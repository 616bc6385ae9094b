"""`dvc repro`, as a user has it: a study on the bundled digits, then nothing to do, then only what
a change concerns."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT


def dvc(folder: Path, *arguments: str) -> str:
    """What a dvc command says."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "LENET_ROOT": str(folder),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
    }
    command = [str(scripts / "dvc"), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout whose study is two experiments on the stand-in."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "src", ".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml", "train.py"):
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copy(source, target)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params |= {"data": "digits", "profile": "tiny"}
    params["profiles"]["tiny"] = params["profiles"]["quick"] | {"train_size": 600, "ahead": False}
    for name in ("lenet5", "linear"):
        params[name] = params[name][:1]
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def repro(project: Path) -> str:
    return dvc(project, "repro", "lenet5", "linear") + dvc(project, "repro", "-s", "report")


@pytest.mark.slow
def test_a_study_from_nothing_to_its_report(project: Path) -> None:
    first = repro(project)
    for stage in ("data", "lenet5@lenet5", "linear@linear", "report"):
        assert f"Running stage '{stage}'" in first
    page = (project / "reports" / "index.html").read_text()
    assert "NOT MNIST" in page
    assert "lenet5" in dvc(project, "metrics", "show")

    again = repro(project)
    assert "Running stage" not in again

    table = project / "src" / "lenet" / "report" / "tables.py"
    table.write_text(table.read_text() + "# read again\n")
    changed = repro(project)
    assert changed.count("Running stage") == 1
    assert "Running stage 'report'" in changed

    other = project / "src" / "lenet" / "nets" / "lenet1.py"
    other.write_text(other.read_text() + "# another net\n")
    assert "Running stage" not in dvc(project, "repro", "lenet5", "linear")

    own = project / "src" / "lenet" / "nets" / "lenet5.py"
    own.write_text(own.read_text() + "# its own net, which does what it did\n")
    touched = dvc(project, "repro", "lenet5", "linear")
    assert touched.count("Running stage") == 1
    assert "was finished" in touched


@pytest.mark.slow
def test_a_change_shows_in_params_diff(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("threads: 1", "threads: 2"))
    assert "threads" in dvc(project, "params", "diff")
    (project / "params.yaml").write_text(params)
    assert "report" in dvc(project, "dag")
