"""`dvc repro`, as a user has it: a study on the bundled digits, then nothing to do, then only what
a change concerns."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT

ROWS = ["lenet5", "linear", "pairwise_linear"]


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
    """A git checkout whose study is three experiments on the stand-in, and asks no nets."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "src", ".dvc/config", ".dvcignore", ".gitignore", "train.py"):
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)  # with what is compiled of it
        else:
            shutil.copy(source, target)
    for path in (folder / "conf" / "experiment").glob("*.yaml"):
        if path.stem not in ROWS:
            path.unlink()
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params |= {"data": "digits", "profile": "tiny", "rows": ROWS}
    params["profiles"]["tiny"] = params["profiles"]["quick"] | {"train_size": 600}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
    del stages["stages"]["pictures"], stages["stages"]["features"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def trained(project: Path) -> set[str]:
    return {path.parent.name for path in (project / "results").glob("*/result.json")}


@pytest.mark.slow
def test_a_study_from_nothing_to_its_report(project: Path) -> None:
    alone = dvc(project, "repro", "train@linear")
    assert "Running stage 'code'" in alone
    assert trained(project) == {"linear"}  # a stage asked for alone trains its row alone

    whole = dvc(project, "repro")
    assert [f"Running stage 'train@{row}'" in whole for row in ROWS] == [True, False, True]
    assert trained(project) == set(ROWS)
    first = whole[: whole.index("Running stage 'train@", whole.index("Running stage 'train@") + 9)]
    assert first.count("test error %") == 2  # the first stage has trained for both
    assert "NOT MNIST" in (project / "reports" / "index.html").read_text()
    assert "Running stage" not in dvc(project, "repro")

    umask = os.umask(0)  # what the stages write has the modes that it asks for
    os.umask(umask)
    for path in (p for kept in ("results", "reports") for p in (project / kept).rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o777 if path.is_dir() else 0o666) & ~umask, path

    own = project / "src" / "lenet" / "nets" / "lenet.py"
    text = own.read_text()
    own.write_text(text + "# its own net, which does what it did\n")
    touched = dvc(project, "repro")
    assert touched.count("Running stage") == 1
    assert "Running stage 'code'" in touched

    own.write_text(text.replace("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 16, (5, 5))"))
    before = (project / "results" / "linear" / "result.json").read_bytes()
    changed = dvc(project, "repro")
    assert "Running stage 'train@lenet5'" in changed
    assert "Running stage 'train@linear'" not in changed
    assert (project / "results" / "linear" / "result.json").read_bytes() == before


@pytest.mark.slow
def test_a_change_shows_in_params_diff(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("threads: 1", "threads: 2"))
    assert "threads" in dvc(project, "params", "diff")
    (project / "params.yaml").write_text(params)
