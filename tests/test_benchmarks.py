"""Each benchmark runs by the command that the README and docs name, at its smallest size."""

import json
from pathlib import Path

import pytest
from tests import browser, commands
from tests.conftest import PROJECT

from lenet.report.groups import RECORDS

pytestmark = pytest.mark.slow  # each starts an interpreter, and most compile

BENCHMARKS = sorted(path.name for path in (PROJECT / "benchmarks").glob("*.py"))


def run(benchmark: str, *arguments: str) -> str:
    """What `python benchmarks/...` prints."""
    command = ["python", f"benchmarks/{benchmark}", *arguments]
    done = commands.run(command, PROJECT, timeout=600, environment={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_help_measures_nothing(benchmark: str) -> None:
    text = run(benchmark, "--help")
    assert f"python benchmarks/{benchmark}" in text
    assert text.rstrip().splitlines()[-1].startswith("  "), "an option is the last word"


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here")
def test_draw(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    shown = run("draw.py", "--moves", "30", "--json", str(figures))
    measured = json.loads(figures.read_text())
    assert 0 < measured["read"]["median"] < measured["stroke"]["median"] < 1000
    assert len(shown.splitlines()) == 3


def test_interval_coverage() -> None:
    lines = run("interval_coverage.py", "20").splitlines()
    for digits, columns in ((lines[:20], 4), (lines[20:], 5)):
        _, header, *rows = digits
        assert header.startswith("error %  between seeds  seeds  mean")
        assert len(rows) == 2 * 3 * 3
        shares = [row.split()[3:] for row in rows]
        assert all(len(each) == columns for each in shares)
        assert all(0 <= float(share) <= 100 for each in shares for share in each)


def test_knn_readings() -> None:
    first, *rows = run("knn_readings.py", "--data", "digits").splitlines()
    assert first == "stand-in digits, NOT MNIST"
    names = [row.split(":")[0] for row in rows]
    assert names[0] == "as it is"
    assert names[-2:] == ["as it is, 324 digits", "black and white, 324 digits"]
    assert all(0 < float(row.split(": ")[1].removesuffix(" %")) < 20 for row in rows)


def test_one_pattern(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    shown = run("one_pattern.py", "--updates", "2", "--turns", "1", "--json", str(figures))
    plain, *lanes = json.loads(figures.read_text())
    assert (plain["name"], plain["times_faster"]) == ("PyTorch, batch 1", 1)
    assert [way["nets"] for way in lanes][:3] == [5, 8, 16]
    moved = [way for way in lanes if "bytes_a_pattern" in way]
    assert {way["net"] for way in moved} == {way["net"] for way in lanes} - {"LeNet-5"}
    first, output = 785 * 300, 301 * 10  # parameters
    assert moved[0]["net"] == "28x28-300-10"
    assert moved[0]["bytes_a_pattern"] == 3 * first + 16 * output
    assert all(min(way["bytes_a_second"], way["sweep_of_memory"]) > 0 for way in moved)
    assert len(shown.splitlines()) == 1 + 1 + len(lanes) + 2 + len(moved)


def test_record(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    small = ("--threads", "1", "--times", "1", "--json", str(figures))
    shown = run("record.py", *small, "data=digits", "recipe.epochs=2", "recipe.batch_size=64")
    rows = json.loads(figures.read_text())
    assert [row["experiment"] for row in rows] == list(RECORDS)
    for row in rows:
        of_steps, trained, tested = list(row.values())[2:]
        assert 0 < of_steps < trained < tested
    assert len(shown.splitlines()) == 1 + len(rows)


@pytest.mark.usefixtures("mnist_root")  # torchvision's own reader is one of the ways
def test_throughput(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    small = ("--digits", "256", "--rounds", "1", "--batch", "64", "--threads", "1", "--seeds", "2")
    shown = run("throughput.py", *small, "--json", str(figures))
    ways, (two_seeds,) = json.loads(figures.read_text()).values()
    assert {way["batch"] for way in ways} == {64}
    assert [way["speed_to_bare_loop"] for way in ways if way["way"] == "bare loop"] == [1]
    assert all(way["images_per_second"] > 0 < way["share_of_peak"] for way in ways)
    *rows, _, _, of_seeds = shown.splitlines()[-5 - 3 :]
    for row, way in zip(rows, ways, strict=True):
        assert row.startswith(f"      1    64  {way['way']} ")
    assert two_seeds["seeds"] == 2
    assert two_seeds["images_per_second"] > 0
    assert of_seeds.startswith("      2 ")


@pytest.mark.usefixtures("mnist_root")  # nobody knows who wrote the stand-in
def test_validation(tmp_path: Path) -> None:
    small = ("data.train_size=300", "seeds=[0,1]")
    places = (f"tracking.uri=sqlite:///{tmp_path}/mlflow.db", f"output={tmp_path}")
    shown = run("validation.py", *small, *places, "--experiments", "mlp_300_modern").splitlines()
    (last, writers), rows = shown[:2], shown[-2:]
    assert last.startswith("last 5,000: 5,000 digits by 282 writers, 89% of whom")
    assert writers.startswith("writers: 5,040 digits by 44 writers, 0% of whom")
    cells = [row.strip("| ").split(" | ") for row in rows]
    splits = ("last 5,000", "writers")
    assert [each[:3] for each in cells] == [[name, "mlp_300_modern", "2"] for name in splits]
    for _, _, _, error, halves, test, less in cells:
        assert 0 < float(error) < 100 > float(halves) > 0
        assert float(less.split()[0]) == pytest.approx(float(test) - float(error), abs=0.011)
