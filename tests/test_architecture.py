"""Data flows one way: who may import whom."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lenet"


def imports(path: Path) -> set[str]:
    """The modules a file imports, at the top and inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((SOURCE / folder).rglob("*.py"))]


def importing(paths: list[Path], *modules: str) -> list[str]:
    """The files that import one of the modules."""
    return [
        str(path.relative_to(SOURCE))
        for path in paths
        for name in imports(path)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    ]


@pytest.mark.parametrize(
    ("folders", "modules"),
    [
        (["nets"], ["pytorch_lightning", "lenet.learning", "lenet.data"]),
        (
            ["learning", "classic", "ensemble", "nets", "data"],
            ["mlflow", "lenet.tracking", "lenet.run"],
        ),
        (["report"], ["lenet.learning", "lenet.nets", "lenet.classic", "lenet.ensemble"]),
        (["data", "nets", "learning", "classic", "ensemble", "report"], ["hydra", "omegaconf"]),
        (["classic"], ["pytorch_lightning", "lenet.learning", "lenet.nets"]),
        (["data"], ["pytorch_lightning", "lenet.learning", "lenet.nets"]),
    ],
)
def test_what_a_part_does_not_know(folders: list[str], modules: list[str]) -> None:
    assert importing(files(*folders), *modules) == []


def test_mlflow_is_known_to_one_room() -> None:
    assert {Path(name).parts[0] for name in importing(files("."), "mlflow")} == {"tracking"}


def test_figures_of_the_paper_stand_in_one_file() -> None:
    literals = {1.7159, 1.175, 340_908}
    for path in files("."):
        if path.name == "paper.py":
            continue
        numbers = {
            n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)
        }
        assert not literals & numbers, f"{path} types a figure of the paper anew"


def test_evaluation_knows_no_model() -> None:
    assert imports(SOURCE / "evaluation.py") & {"torch", "lenet.nets", "lenet.learning"} == set()


def test_statistics_knows_nothing_but_itself() -> None:
    known = {name for path in files("statistics") for name in imports(path)}
    assert not {n for n in known if n.startswith(("torch", "lenet"))} - {
        n for n in known if n.startswith("lenet.statistics")
    }
