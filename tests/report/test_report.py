"""The report is whole, says what it is, needs no network, and is the same twice."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.report.conftest import build, make

from lenet.report import readme
from lenet.report.page import duration, environment


class Page(HTMLParser):
    """What a page would load, what it can be led to, and its pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in ("img", "script", "link", "iframe", "source"):
            self.loads += [given[name] for name in ("src", "href") if name in given]
        if tag == "a":
            self.links.append(given["href"])
        if "id" in given:
            self.ids.add(given["id"])


def test_the_page_holds_every_figure_and_loads_nothing(built):
    text = (built / "reports" / "index.html").read_text()
    page = Page(text)
    figures = {path.stem for path in (built / "reports" / "figures").glob("*.svg")}
    for number in ("05", "06", "08", "09", "10", "11", "12"):
        assert any(name.startswith(f"figure_{number}_") for name in figures), number
    assert {f"figure_beyond_{name}" for name in ("ablation", "path", "literal", "cost")} <= figures
    assert figures <= page.ids
    assert text.count('<div class="for-pages"') == text.count('<div class="for-phones"')
    assert text.count('<div class="for-pages"') == len(figures)
    assert all(uri.startswith("data:") for uri in page.loads)
    assert not re.search(r"@import|url\((?!#)", text)
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert len(text) < 6e6


def test_every_figure_is_there_as_svg_and_png(built):
    files = {path.name for path in (built / "reports" / "figures").iterdir()}
    assert {name[:-4] for name in files if name.endswith(".svg")} == {
        name[:-4] for name in files if name.endswith(".png")
    }


def test_the_readme_shows_figures_that_exist(built):
    text = (built / "reports" / "README.md").read_text()
    shown = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert shown
    assert all((built / "reports" / path).is_file() for path in shown)
    assert "| LeNet-5 | 0.95 | **1.20** " in text
    assert 5 <= len(re.findall("^- ", text, re.MULTILINE)) <= 10


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(built, tmp_path):
    build(built / "results", tmp_path)
    for path in (built / "reports").rglob("*.*"):
        again = tmp_path / path.relative_to(built / "reports")
        assert again.read_bytes() == path.read_bytes(), path.name


def test_findings_come_from_results(built):
    text = (built / "reports" / "README.md").read_text()
    assert "Of the 27 rows of Figure 9, 5 were trained" in text
    assert "LeNet-5 errs on 1.20 % of the test digits" in text
    assert json.loads((built / "reports" / "metrics.json").read_text())["verdicts"]["missing"] == 22


def test_any_subset_makes_a_report(folder, tmp_path):
    build(folder(make("lenet5_rbf", [3], "lenet5")), tmp_path / "reports")
    text = (tmp_path / "reports" / "index.html").read_text()
    assert "No row of Figure 9 has results yet" in text
    build(folder(make("knn", [3])), tmp_path / "reports")
    assert "1 were trained" in (tmp_path / "reports" / "index.html").read_text()


def test_nothing_makes_a_report_too(folder, tmp_path):
    build(folder(), tmp_path / "reports")
    assert "missing" in (tmp_path / "reports" / "results.csv").read_text()


def test_a_figure_that_is_no_more_goes(folder, tmp_path):
    results = folder(make("lenet5", [5, 6]))
    build(results, tmp_path / "reports")
    curve = tmp_path / "reports" / "figures" / "figure_05_learning_curve.png"
    assert curve.exists()
    for path in (results / "lenet5").iterdir():
        path.unlink()
    build(results, tmp_path / "reports")
    assert not curve.exists()


def test_a_stand_in_says_so_everywhere(folder, tmp_path):
    build(folder(make("lenet5", [5, 6], data="digits")), tmp_path / "reports")
    for name in ("index.html", "README.md"):
        text = (tmp_path / "reports" / name).read_text()
        assert "NOT MNIST" in text
        assert "The digits are a stand-in: 1 of the 27 rows" in text
        before = text.split('id="table"')[0].split("The interval of an error")[0]
        assert "contradicted" not in before.split("</style>")[-1]


def test_a_small_study_says_so_everywhere(folder, tmp_path):
    results = folder(make("lenet5", [5, 6], profile="quick"), make("lenet4", [5, 6]))
    build(results, tmp_path / "reports")
    for name in ("index.html", "README.md"):
        text = (tmp_path / "reports" / name).read_text()
        assert "NOT THE STUDY" in text
        assert "The study is a small one: 2 of the 27 rows" in text
        assert "errs on" not in text.split('id="holds"')[0]  # where claims are told
    verdicts = json.loads((tmp_path / "reports" / "metrics.json").read_text())["verdicts"]
    assert verdicts["small"] == 1
    curve = (tmp_path / "reports" / "figures" / "figure_05_learning_curve.svg").read_text()
    assert "NOT the whole one" in curve


def test_the_study_has_no_banner(built):
    assert "<strong>NOT" not in (built / "reports" / "index.html").read_text()


def test_the_readme_beside_it_is_updated(folder, tmp_path):
    front = tmp_path / "README.md"
    front.write_text(f"{readme.BEGIN}\n{readme.END}\n")
    build(folder(make("knn", [3])), tmp_path / "reports", front)
    assert "1 were trained" in front.read_text()


def test_names_are_escaped(folder, tmp_path):
    result = make("lenet5", [5])
    result.runs[0]["versions"]["<script>alert(1)</script>"] = "1"
    build(folder(result), tmp_path / "reports")
    assert "<script>alert" not in (tmp_path / "reports" / "index.html").read_text()


def test_importing_the_report_imports_nothing_that_draws():
    code = (
        "import sys, lenet.report; "
        "slow = {'matplotlib', 'seaborn', 'pandas', 'jinja2', 'scipy', 'torch'}; "
        "print(slow & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("seconds", "said"), [(42, "42 s"), (600, "10 min"), (9000, "2.5 h"), (float("nan"), "–")]
)
def test_durations_read_as_people_say_them(seconds, said):
    assert duration(seconds) == said


def test_runs_that_two_experiments_share_are_counted_once():
    one = make("lenet5_modern", [5, 7], "lenet5")
    found = {"lenet5_modern": one, "step5_tanh": replace(one, experiment="step5_tanh")}
    about = environment(found)
    assert (about["runs"], about["experiments"], about["seconds"]) == (2, 2, 60)
