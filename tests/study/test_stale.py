"""What makes which rows stale: one line a case, on a clone, by `dvc repro -s code` and
`dvc status`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import PROJECT

ROWS = {path.stem: path.read_text() for path in (PROJECT / "conf" / "experiment").glob("*.yaml")}
NETS = {row for row in ROWS if row.startswith(("lenet", "mlp", "step", "boosted"))}
LENET5 = {row for row in NETS if row.startswith(("lenet5", "step"))}
MLP = {row for row in NETS if row.startswith("mlp")}
TODAY = {row for row in NETS if "_modern" in row or row.startswith("step")}
TODAY |= {
    row for row in LENET5 if row.removeprefix("lenet5_").split("_")[0] in ("max", "relu", "rbf")
}
DESLANTED = {"knn_deslant", "linear_deslant", "linear_deslant_least_squares", "mlp_300_deslant"}
DESLANTED |= {"mlp_300_deslant_modern", "pairwise_linear", "rs_svm_poly5", "svm_poly4"}
DESLANTED |= {"v_svm_poly9_deslant"}
REGULAR = {"svm_poly4_regular", "rs_svm_poly5_regular", "pairwise_linear_regular"}
VIEWED = (
    DESLANTED | REGULAR | {"lenet1", "lenet1_modern", "tangent_distance"}
)  # name their view themselves
SRC = "src/lenet"

CASES = {
    "an experiment's value": (
        (
            "conf/experiment/svm_poly4.yaml",
            "# @package _global_\n",
            "# @package _global_\nmodel:\n  C: 9\n",
        ),
        {"svm_poly4", "svm_poly4_regular"},  # which inherits
        set(),
    ),
    "the seed list": (
        (
            "conf/experiment/mlp_1000_modern.yaml",
            "# @package _global_\n",
            "# @package _global_\nseeds: [0, 1]\n",
        ),
        {"mlp_1000_modern"},
        set(),
    ),
    "a default of the whole configuration": (
        ("conf/config.yaml", "  - trainer: auto", "  - trainer: debug"),
        set(ROWS),
        set(),
    ),
    "the default view": (
        ("conf/data/auto.yaml", "view: regular", "view: deslanted"),
        set(ROWS) - VIEWED,
        set(),
    ),
    "a recipe": (
        ("conf/recipe/modern.yaml", "batch_size: 128", "batch_size: 64"),
        TODAY,
        set(),
    ),
    "a net": ((f"{SRC}/nets/mlp.py", "units = side**2", "units = side * side"), MLP, set()),
    "a loss": (
        (f"{SRC}/learning/losses.py", ".sum(1).mean() / 2", ".sum(1).mean() / 3"),
        NETS,
        set(),
    ),
    "a view": (
        (f"{SRC}/data/views.py", "< 1e-4 * mass", "< 1e-3 * mass"),
        DESLANTED,
        {"pictures"},
    ),
    "the rejection target": (
        (f"{SRC}/evaluation.py", "REJECTION_TARGET = 0.005", "REJECTION_TARGET = 0.006"),
        set(),
        {"evaluate"},
    ),
    "an interval": (
        (f"{SRC}/statistics/intervals.py", "(1 + confidence) / 2", "confidence"),
        set(),
        {"evaluate"},
    ),
    "a margin": (
        (f"{SRC}/study/claims/margins.py", "ALIKE = 0.002", "ALIKE = 0.003"),
        set(),
        {"evaluate"},
    ),
    "a caption": (
        (f"{SRC}/report/figures/cost.py", '"neighbours"', '"nearest neighbours"'),
        set(),
        {"report"},
    ),
    "the page's style": ((f"{SRC}/report/templates/page.css", "{", "{ "), set(), {"report"}),
    "a comment": ((f"{SRC}/nets/lenet.py", "# 6 @ 28x28", "# six maps"), set(), set()),
    "a docstring": (
        (f"{SRC}/learning/losses.py", '"""Equation 8', '"""The eighth equation, 8'),
        set(),
        set(),
    ),
    "the tracking": (
        (f"{SRC}/tracking/run.py", "PARAMETERS_PER_CALL = 100", "PARAMETERS_PER_CALL = 99"),
        set(),
        set(),
    ),
    "the thread count": (("params.yaml", "threads: 1", "threads: 2"), set(ROWS), {"pictures"}),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with every stage up to date, as `dvc commit` writes it down."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    ignored = shutil.ignore_patterns(".venv", "__pycache__", "outputs", "mlruns", "*.db", "*_cache")
    shutil.copytree(PROJECT, folder, ignore=ignored, symlinks=True)
    dvc(folder, "repro", "-s", "code")
    dvc(folder, "commit", "-f")
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    scripts = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "LENET_ROOT": str(folder),
    }
    done = subprocess.run(
        [str(scripts / "dvc"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stale(folder: Path) -> tuple[set[str], set[str]]:
    """The rows and the other stages whose code or values changed."""
    dvc(folder, "repro", "-s", "code")
    status = json.loads(dvc(folder, "status", "--json"))
    changed = {
        stage
        for stage, reasons in status.items()
        for reason in reasons
        for kind, paths in (reason.items() if isinstance(reason, dict) else ())
        if kind == "changed deps"
        and any("/code/" in path or path == "params.yaml" for path in paths)
    }
    rows = {stage.removeprefix("train@") for stage in changed if stage.startswith("train@")}
    return rows, {stage for stage in changed if not stage.startswith("train@")} - {"code"}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_a_change_makes_stale(clone: Path, case: str) -> None:
    (name, old, new), rows, stages = CASES[case]
    path = clone / name
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        found, others = stale(clone)
    finally:
        path.write_text(before)
    assert (found - rows, rows - found, others) == (set(), set(), stages)


@pytest.mark.slow
def test_a_file_may_move(clone: Path) -> None:
    nets = clone / SRC / "nets"
    before = (nets / "__init__.py").read_text()
    (nets / "mlp.py").rename(nets / "fully_connected.py")
    (nets / "__init__.py").write_text(
        before.replace("nets.mlp import", "nets.fully_connected import")
    )
    try:
        assert stale(clone) == (set(), set())
    finally:
        (nets / "fully_connected.py").rename(nets / "mlp.py")
        (nets / "__init__.py").write_text(before)
