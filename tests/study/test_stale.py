"""What makes which rows stale: one line a case, by the files that the stage `code` writes on a
clone; and by `dvc status`, which goes by these files."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pytest
from omegaconf import DictConfig
from tests import commands
from tests.conftest import PROJECT

from lenet.experiment import identity
from lenet.experiment.reachable import Package
from lenet.study import code, profile
from lenet.study.__main__ import main
from lenet.study.code import OF_ROWS, OF_STAGES
from lenet.study.profile import Parameters

ROWS = {  # of each kind some: composing one takes a while
    *("lenet1", "lenet1_modern", "lenet4_knn", "boosted_lenet4_dist"),
    *("lenet5", "lenet5_dist", "lenet5_relu", "step1_adam"),
    *("mlp_300", "mlp_300_deslant", "mlp_300_deslant_modern", "mlp_1000_modern"),
    *("linear", "linear_deslant", "pairwise_linear", "pairwise_linear_regular"),
    *("knn", "knn_deslant", "tangent_distance", "pca_quadratic", "rbf_network"),
    *("svm_poly4", "svm_poly4_regular", "v_svm_poly9_deslant"),
}
NETS = {row for row in ROWS if row.startswith(("lenet", "mlp", "step", "boosted"))}
LENET5 = {row for row in NETS if row.startswith(("lenet5", "step"))}
MLP = {row for row in NETS if row.startswith("mlp")}
TODAY = {row for row in NETS if "_modern" in row or row.startswith("step")}
TODAY |= {"lenet5_relu"}
DESLANTED = {row for row in ROWS if row.endswith(("_deslant", "_deslant_modern"))}
DESLANTED |= {"pairwise_linear", "svm_poly4"}
VIEWED = DESLANTED | {row for row in ROWS if row.endswith("_regular")}  # name their view themselves
VIEWED |= {"lenet1", "lenet1_modern", "tangent_distance"}
SRC = "src/lenet"

pytestmark = pytest.mark.slow  # each change of a value composes all of them again

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
        ROWS,
        set(),
    ),
    "the default view": (
        ("conf/data/auto.yaml", "view: regular", "view: deslanted"),
        ROWS - VIEWED,
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
        {"pictures", "features"},
    ),
    "the rejection target": (
        (f"{SRC}/evaluation.py", "REJECTION_TARGET = 0.005", "REJECTION_TARGET = 0.006"),
        set(),
        {"evaluate"},
    ),
    "an interval": (
        (f"{SRC}/statistics/intervals.py", "(1 + confidence) / 2", "confidence"),
        set(),
        {"evaluate", "report"},
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
    "the thread count": (("params.yaml", "threads: 1", "threads: 2"), ROWS, set()),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it lies here."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    ignored = shutil.ignore_patterns(".venv", "outputs", "mlruns", "*.db", "*_cache")
    shutil.copytree(PROJECT, folder, ignore=ignored, symlinks=True)
    return folder


def written(clone: Path) -> dict[str, str]:
    """What the stage `code` writes down for each row and each other stage."""
    values = [path.read_text() for path in (clone / "conf").rglob("*.yaml")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone)
        patch.setenv("LENET_ROOT", str(clone))
        patch.setattr(code, "rows", lambda: sorted(ROWS))
        patch.setattr(code, "configuration", partial(composed, hash(tuple(values))))
        sources = cache(lambda ends=identity.ENDS: Package(clone / SRC, ends))
        patch.setattr(identity, "package", sources)
        main(["code"])
    return read(clone)


def read(clone: Path) -> dict[str, str]:
    """The files that the stage `code` wrote, by the stages that depend on them."""
    kinds = {"train@": clone / OF_ROWS, "": clone / OF_STAGES}
    return {
        kind + path.stem: path.read_text() for kind, of in kinds.items() for path in of.iterdir()
    }


_composed: dict[tuple[int, str], DictConfig] = {}


def composed(values: int, row: str, params: Parameters) -> DictConfig:
    """The configuration of a row, composed anew where the files of conf/ are others."""
    if (values, row) not in _composed:
        _composed[values, row] = profile.configuration(row, params)
    return _composed[values, row]


@pytest.fixture(scope="module")
def before(clone: Path) -> dict[str, str]:
    """What it wrote before anything changed."""
    return written(clone)


@contextmanager
def changed(clone: Path, name: str, old: str, new: str) -> Iterator[None]:
    """With a text of a file replaced by another one."""
    path = clone / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def parted(stages: set[str]) -> tuple[set[str], set[str]]:
    """Those of `ROWS` that are trained by some of these stages, and the other stages."""
    rows = {stage.removeprefix("train@") for stage in stages if stage.startswith("train@")}
    return rows & ROWS, {stage for stage in stages if not stage.startswith("train@")}


@pytest.mark.parametrize("case", CASES)
def test_what_a_change_makes_stale(clone: Path, before: dict[str, str], case: str) -> None:
    change, rows, stages = CASES[case]
    with changed(clone, *change):
        after = written(clone)
    assert after.keys() == before.keys()
    found, others = parted({name for name in before if before[name] != after[name]})
    assert (found - rows, rows - found, others) == (set(), set(), stages)


def test_a_file_may_move(clone: Path, before: dict[str, str]) -> None:
    nets = clone / SRC / "nets"
    (nets / "mlp.py").rename(nets / "fully_connected.py")
    facade = f"{SRC}/nets/__init__.py", "nets.mlp import", "nets.fully_connected import"
    try:
        with changed(clone, *facade):
            assert written(clone) == before
    finally:
        (nets / "fully_connected.py").rename(nets / "mlp.py")


def dvc(clone: Path, *arguments: str) -> str:
    """What a dvc command says."""
    scripts = Path(sys.executable).parent
    environment = {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
    }
    done = commands.run(["dvc", *arguments], clone, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dvc_goes_by_what_is_written(clone: Path, before: dict[str, str]) -> None:
    dvc(clone, "repro", "-s", "code")
    assert read(clone).items() >= before.items()
    dvc(clone, "commit", "-f")
    view, rows, stages = CASES["a view"]
    with changed(clone, *view):
        dvc(clone, "repro", "-s", "code")
        assert stale(clone) == (rows, stages)
    with changed(clone, "params.yaml", "threads: 1", "threads: 2"):
        dvc(clone, "repro", "-s", "code")
        assert stale(clone) == (ROWS, {"pictures", "features"})


def stale(clone: Path) -> tuple[set[str], set[str]]:
    """The rows and the other stages whose code or values changed, as `dvc status` has it."""
    return parted(
        {
            stage
            for stage, reasons in json.loads(dvc(clone, "status", "--json")).items()
            for reason in reasons
            for kind, paths in (reason.items() if isinstance(reason, dict) else ())
            if kind == "changed deps"
            and any("/code/" in path or path == "params.yaml" for path in paths)
        }
        - {"code"}
    )
