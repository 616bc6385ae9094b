"""The stage `evaluate`: by writer where they are known, refused where they have to be."""

import json
import logging
from pathlib import Path

import pytest
from tests.report.conftest import COUNT, WRITERS, make

from lenet import data, results
from lenet.data import Unreachable
from lenet.errors import InputError
from lenet.study import evaluation
from lenet.study.__main__ import main


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def writers(part: str, folder: Path) -> None:
        raise Unreachable("the labels are not here")

    monkeypatch.setattr(data, "writers", writers)


def by_name(*found: results.Result) -> dict[str, results.Result]:
    return {result.experiment: result for result in found}


@pytest.mark.usefixtures("unreachable")
def test_the_full_study_is_not_evaluated_without_writers(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(
        "{profile: full, data: mnist, threads: 1, profiles: {full: {seeds: 1, epochs: null, "
        "train_size: null, changed_digits: 10}}}"
    )
    results.save(make("lenet5", [5, 6]), tmp_path / "results" / "lenet5")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit, match="evaluate: the labels are not here"):
        main(["evaluate"])
    assert sorted(tmp_path.rglob("*")) == before, "nothing is touched"


@pytest.mark.usefixtures("unreachable")
def test_a_small_study_falls_back_with_a_word(tmp_path: Path, caplog) -> None:
    small = by_name(make("lenet5", [5, 6], profile="quick"))
    with caplog.at_level(logging.WARNING):
        assert evaluation.known_writers(small, tmp_path) is None
    assert "Intervals are by digit, since nobody knows the writers" in caplog.text
    figures = evaluation.evaluate(small)
    assert figures["writers"] is False
    assert figures["methods"]["lenet5"]["writer_low"] is None


@pytest.mark.usefixtures("unreachable")
def test_nobody_asks_who_wrote_a_stand_in(tmp_path: Path, caplog) -> None:
    assert evaluation.known_writers(by_name(make("lenet5", [5], data="digits")), tmp_path) is None
    assert evaluation.known_writers({}, tmp_path) is None
    assert not caplog.text


def test_results_of_other_digits_are_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(data, "writers", lambda part, folder: WRITERS[part == "train"])
    with pytest.raises(InputError, match="results/lenet5 is not of MNIST's 60,000 test digits"):
        evaluation.known_writers(by_name(make("lenet5", [5])), tmp_path)
    monkeypatch.setattr(data, "writers", lambda part, folder: WRITERS[1])
    assert evaluation.known_writers(by_name(make("lenet5", [5])), tmp_path) is not None


def test_figures_are_of_digits_and_of_writers_and_hold_no_label(tmp_path: Path) -> None:
    found = by_name(make("lenet5", [5, 10]), make("lenet5_dist", [3, 4]))
    figures = evaluation.evaluate(found, WRITERS)
    line = figures["methods"]["lenet5"]
    assert line["low"] < line["error"] < line["high"]
    assert line["writer_low"] < line["error"] < line["writer_high"]
    students = found["lenet5"].wrong[:, WRITERS[1].student].mean()
    assert line["students"] == pytest.approx(students)
    assert figures["comparisons"][0]["method"] == "t, by writer"
    results.save_figures(figures, tmp_path / "evaluation.json")
    text = (tmp_path / "evaluation.json").read_text()
    assert results.load_figures(tmp_path / "evaluation.json", found) == json.loads(text)
    longest = max(len(each) for each in json.loads(text).values() if isinstance(each, list))
    assert longest < COUNT, "nothing is told of each digit"
