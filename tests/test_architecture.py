"""Who may import whom: the contracts of pyproject.toml, and the facades of the rooms."""

import ast
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import grimp
import pytest

PROJECT = Path(__file__).parents[1]
SOURCE = PROJECT / "src" / "lenet"


def contracts_in(project: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of a project's sources."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and contracts, for a test to spoil."""
    shutil.copytree(SOURCE, tmp_path / "src" / "lenet", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_are_kept() -> None:
    done = contracts_in(PROJECT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("where", "line", "broken"),
    [
        ("data/views.py", "import lenet.nets", "Data flows one way"),
        ("results/collect.py", "import mlflow", "MLflow is known"),
        ("nets/mlp.py", "import pytorch_lightning", "Lightning is known"),
        ("evaluation.py", "import torch", "Figures are made without torch"),
    ],
)
def test_a_violation_is_found(copy: Path, where: str, line: str, broken: str) -> None:
    file = copy / "src" / "lenet" / where
    file.write_text(f"{file.read_text()}\n{line}\n")
    done = contracts_in(copy)
    assert done.returncode == 1
    found = [said for said in done.stdout.splitlines() if "BROKEN" in said]
    assert any(said.startswith(broken) for said in found), done.stdout


def test_a_room_that_is_missing_is_found(copy: Path) -> None:
    shutil.rmtree(copy / "src" / "lenet" / "ensemble")
    done = contracts_in(copy)
    assert done.returncode == 1
    assert "ensemble" in done.stdout


def test_a_room_that_no_contract_names_is_found(copy: Path) -> None:
    (copy / "src" / "lenet" / "attic.py").touch()
    done = contracts_in(copy)
    assert done.returncode == 1
    assert "attic" in done.stdout


def past_facades(graph: grimp.ImportGraph) -> list[str]:
    """Imports of a room's modules from outside the room, but for those that its facade names."""
    found = []
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            room = ".".join(imported.split(".")[:2])
            if imported == room or f"{importer}.".startswith(f"{room}."):
                continue
            if imported not in {f"{room}.{name}" for name in import_module(room).__all__}:
                found.append(f"{importer} -> {imported}")
    return found


def test_outside_a_room_only_its_facade_is_imported() -> None:
    graph = grimp.build_graph("lenet", cache_dir=None)
    assert past_facades(graph) == []
    graph.add_import(importer="lenet.study.stages", imported="lenet.data.views")
    assert past_facades(graph) == ["lenet.study.stages -> lenet.data.views"]


def test_figures_of_the_paper_stand_in_one_file() -> None:
    literals = {1.7159, 1.175, 340_908}
    typed = {}
    for path in SOURCE.rglob("*.py"):
        constants = (
            n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)
        )
        typed[str(path.relative_to(SOURCE))] = literals & {n.value for n in constants}
    assert typed.pop("paper.py") == literals
    assert not any(typed.values()), typed
