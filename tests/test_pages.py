"""README.md and docs/ name what is there, and the README stays a page."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.commands import BLOCK, PAGES, PROJECT

LABS = sorted((PROJECT / "labs").glob("[1-9]_*.py"))
ROOTS = ("src", "conf", "docs", "tests", "benchmarks", "labs", "reports", "results")


def links(page: Path) -> set[Path]:
    """The files that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    return {page.parent / target for target in targets if "://" not in target}


def paths(page: Path) -> set[str]:
    """The paths in the project that a page names, as `src/lenet/paper.py`."""
    spans = re.findall(r"`([^`\s]+)`", page.read_text()) + re.findall(
        r"benchmarks/\S+\.py", "".join(block for _, block in BLOCK.findall(page.read_text()))
    )
    return {
        span for span in spans if span.split("/")[0] in ROOTS and "/" in span and "<" not in span
    }


@pytest.mark.parametrize("page", [*PAGES, *LABS], ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    missing = {str(link.relative_to(PROJECT)) for link in links(page) if not link.exists()}
    missing |= {path for path in paths(page) if not (PROJECT / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", [*PAGES, *LABS], ids=lambda page: page.name)
def test_experiments_and_models_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    for group in ("experiment", "model", "recipe", "search", "trainer"):
        known = {path.stem for path in (PROJECT / "conf" / group).glob("*.yaml")}
        known |= set(re.findall(rf"^# conf/{group}/(\w+)\.yaml", text, re.MULTILINE))  # one's own
        named = re.findall(rf"(?<![\w/.]){group}=([a-z0-9_]+(?:,[a-z0-9_]+)*)(?![\w(*])", text)
        assert {name for names in named for name in names.split(",")} <= known, group


def test_every_experiment_stands_on_the_page_of_the_command_line() -> None:
    text = (PROJECT / "docs" / "command-line.md").read_text()
    [table] = [part for part in text.split("\n\n") if part.startswith("| rows |")]
    named = set(re.findall(r"`(\w+)`", table))
    known = {path.stem for path in (PROJECT / "conf" / "experiment").glob("*.yaml")}
    suffixed = {name for name in known if re.fullmatch(r"mlp_\w+_(dist|squashed|modern)", name)}
    assert named <= known
    assert known - named <= suffixed, "the table says `..._dist` and so on of these"


def test_the_readme_is_a_page_that_leads_to_all_others() -> None:
    readme = PROJECT / "README.md"
    assert len(readme.read_text().splitlines()) <= 130
    assert set(PAGES) - {readme} <= links(readme)


def test_the_citation_names_the_version_that_is_installed() -> None:
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["references"][0]["doi"] == "10.1109/5.726791"
