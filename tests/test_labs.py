"""The labs run from top to bottom, and each check tells an exercise that is not done from one that
is."""

import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pytest
from tests.conftest import PROJECT
from tests.test_pages import LABS

SOLUTIONS = PROJECT / "labs" / "solutions"

SMALL: dict[str, dict[str, Any]] = {  # what stands in the cell "parameters", cut down
    "1_lenet5": {"SOURCE": "digits"},
    "2_squash": {"SOURCE": "digits", "STEPS": 50},
    "3_appendix_c": {"SOURCE": "digits", "PATTERNS": 20},
    "4_parts": {"SOURCE": "digits", "SEEDS": [0, 1], "EPOCHS": 1, "DIGITS": 130, "JOBS": 1},
    "5_how_sure": {},
    "6_break_it": {"SOURCE": "digits", "DIGITS": 100},
}


class Cell(NamedTuple):
    """A cell of a notebook in the percent format."""

    title: str  # "", "[markdown]", "parameters", "exercise 1", "check 1"
    line: int  # of the file, where it begins
    source: str


def cells(path: Path) -> list[Cell]:
    """The cells of a notebook, as jupytext tells them apart."""
    text = path.read_text()
    starts = list(re.finditer(r"^# %%(.*)\n", text, re.MULTILINE))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Cell(start[1].strip(), text.count("\n", 0, start.end()), text[start.end() : end])
        for start, end in zip(starts, ends, strict=True)
    ]


def run(lab: Path, solutions: Path, parameters: dict[str, Any]) -> int:
    """Runs a lab as a student does who first tries each check on the unfinished exercise.

    Args:
        lab: the notebook.
        solutions: of its exercises.
        parameters: set after the cell "parameters".

    Returns:
        How many exercises there were.
    """
    solved = {cell.title: cell for cell in cells(solutions)}
    names: dict[str, Any] = {"__name__": "__main__"}
    done = []
    for cell in cells(lab):
        kind, _, number = cell.title.partition(" ")
        if kind == "check":
            with pytest.raises(AssertionError, match=r"\w+ \w+"):
                execute(cell, lab, names)
            execute(solved[f"exercise {number}"], solutions, names)
            done.append(f"exercise {number}")
        if cell.title != "[markdown]":
            execute(cell, lab, names)
        if kind == "parameters":
            unknown = parameters.keys() - names.keys()
            assert not unknown, f"{lab.name} has no parameters {unknown}"
            names |= parameters
    assert done == list(solved), "a solution that no check has seen"
    return len(done)


def execute(cell: Cell, path: Path, names: dict[str, Any]) -> None:
    """Runs a cell; a traceback shows the lines of its file."""
    exec(compile("\n" * cell.line + cell.source, str(path), "exec"), names)


@pytest.fixture
def as_in_jupyter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database: Path
) -> Iterator[None]:
    """A notebook imports what lies beside it; figures are drawn and closed again; what is tracked
    goes to a folder of the test's own."""
    from matplotlib import pyplot

    monkeypatch.syspath_prepend(PROJECT / "labs")
    monkeypatch.delitem(sys.modules, "lab", raising=False)  # it says how figures look
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    shutil.copy(empty_database, tmp_path)
    pyplot.switch_backend("agg")
    with matplotlib.rc_context():
        yield
    pyplot.close("all")


@pytest.mark.slow
@pytest.mark.usefixtures("as_in_jupyter")
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_a_lab_runs_and_its_checks_tell(lab: Path) -> None:
    assert run(lab, SOLUTIONS / lab.name, SMALL[lab.stem]) >= 4


@pytest.mark.long
@pytest.mark.usefixtures("as_in_jupyter")
@pytest.mark.parametrize("source", ["digits", "mnist"])
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_a_whole_lab_takes_at_most_three_minutes(
    lab: Path, source: str, request: pytest.FixtureRequest
) -> None:
    if source == "mnist":
        request.getfixturevalue("mnist_root")
    if "SOURCE" not in SMALL[lab.stem] and source == "digits":
        pytest.skip("a lab without digits of its own")
    started = time.perf_counter()
    run(lab, SOLUTIONS / lab.name, {"SOURCE": source} if "SOURCE" in SMALL[lab.stem] else {})
    assert time.perf_counter() - started < 180


LAB = """
# %% [markdown]
# A sum.

# %% parameters
A = 1

# %% exercise 1
total = ...

# %% check 1
assert total == A + 2, "add the two"
"""
SOLUTION = """
# %% exercise 1
total = A + 2
"""


@pytest.mark.parametrize(
    ("lab", "solution", "fails"),
    [
        (LAB, SOLUTION, None),
        (LAB.replace("total = ...", "total = A + 2"), SOLUTION, "DID NOT RAISE"),
        (LAB.replace(', "add the two"', ""), SOLUTION, "Regex pattern did not match"),
        (LAB, SOLUTION.replace("+ 2", "+ 3"), "add the two"),
        (LAB, SOLUTION + "\n# %% exercise 2\n", "no check has seen"),
        (LAB + "\n# %%\nraise OSError('a later cell')\n", SOLUTION, "a later cell"),
        (LAB.replace("A = 1", "B = 1"), SOLUTION, "no parameters"),
    ],
    ids=["right", "done already", "no word", "wrong", "unseen", "broken", "no parameter"],
)
def test_what_is_wrong_with_a_lab_is_found(
    lab: str, solution: str, fails: str | None, tmp_path: Path
) -> None:
    paths = [tmp_path / "lab.py", tmp_path / "solution.py"]
    for path, text in zip(paths, (lab, solution), strict=True):
        path.write_text(text)
    if fails is None:
        assert run(*paths, {"A": 2}) == 1
    else:
        with pytest.raises((AssertionError, OSError, pytest.fail.Exception), match=fails):
            run(*paths, {"A": 2})


def test_a_notebook_has_the_cells_that_are_run() -> None:
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not here: `make labs` brings it")
    for lab in LABS:
        notebook = jupytext.read(lab)
        ours = [cell for cell in cells(lab) if cell.title != "[markdown]"]
        theirs = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.source.strip() for cell in ours] == [cell.source for cell in theirs]
        assert [cell.title for cell in ours] == [c.metadata.get("title", "") for c in theirs]
