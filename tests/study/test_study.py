"""The study's stages on the bundled digits, in a project folder of the test's own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from tests.conftest import PROJECT

from lenet import paper, results
from lenet.errors import InputError
from lenet.experiment.loaded import load_classifier
from lenet.results.collect import MODEL
from lenet.study import stages as study

TINY = {"seeds": 2, "epochs": 2, "train_size": 600, "changed_digits": 50, "ahead": False}


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose study is a tiny one on the stand-in."""
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    shutil.copy(empty_database, tmp_path)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params |= {"data": "digits", "profile": "tiny", "profiles": {"tiny": TINY}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    return tmp_path


def test_the_study_has_every_row_of_figure_9_and_every_experiment() -> None:
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    rows = [row for name in stages for row in params.get(name, []) if "matrix" in stages[name]]
    assert len(rows) == len(set(rows))
    assert set(rows) >= set(paper.ROWS)
    assert set(rows) == {path.stem for path in (PROJECT / "conf" / "experiment").glob("*.yaml")}


def test_the_data_stage_says_which_digits_these_are(project: Path) -> None:
    study.main(["data"])
    about = json.loads((project / "results" / "data.json").read_text())
    assert about["name"] == "digits"
    assert about["training_digits"] == 1_297
    assert about["test_digits"] == 500
    assert len(about["sha256"]) == 64


def test_an_experiment_is_trained_once_and_kept(project: Path, capsys) -> None:
    study.main(["train", "lenet5"])
    result = results.load(project / "results" / "lenet5")
    assert (result.row, result.data, result.prediction.shape) == ("lenet5", "digits", (2, 500))
    assert result.profile == "tiny"
    assert [run["seed"] for run in result.runs] == [0, 1]
    for run, error in zip(result.runs, result.errors, strict=True):
        assert run["metrics"]["test/error"] == error
        assert len(run["curves"]["figure_5/test_error"]) == 2
        assert run["curves"]["figure_5/test_error"][-1] == pytest.approx(error)
        assert run["metrics"]["paper/rate_highest"] == paper.RATES_OF_PASS_1[1]
        assert "test/error" not in run["curves"]
        assert run["versions"]["torch"].startswith("2.")
    assert (result.margin > 0).mean() > 0.9
    cfg = study.configuration("lenet5", study.parameters())
    reader = load_classifier(cfg, study.RESULTS / "lenet5" / MODEL)
    assert sum(value.numel() for value in reader.classifier.net.parameters()) == 60_000

    before = (project / "results" / "lenet5" / results.RUNS).read_bytes()
    shutil.rmtree(project / "results")
    capsys.readouterr()
    study.main(["train", "lenet5"])
    assert capsys.readouterr().out.count("was finished") == 2
    assert (project / "results" / "lenet5" / results.RUNS).read_bytes() == before


def test_what_draws_nothing_is_trained_once(project: Path) -> None:
    study.main(["train", "linear_least_squares"])
    result = results.load(project / "results" / "linear_least_squares")
    assert len(result.runs) == 1
    assert result.runs[0]["curves"] == {}
    assert not np.isnan(result.margin).any()


def stage(project: Path, name: str, experiment: str) -> subprocess.CompletedProcess:
    """A stage as DVC runs it, in a process of its own."""
    environment = os.environ | {"DVC_STAGE": name, "PYTHONPATH": str(PROJECT / "src")}
    command = [sys.executable, "-m", "lenet.study", "train", experiment]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.mark.slow
def test_training_ahead_is_done_by_the_first_stage(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    for name in (name for name, value in params.items() if isinstance(value, list)):
        params[name] = []
    params |= {"linear": ["linear", "pairwise_linear", "broken"]}
    params["profiles"]["tiny"]["ahead"] = True
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    plain = (project / "conf" / "experiment" / "linear.yaml").read_text()
    broken = project / "conf" / "experiment" / "broken.yaml"
    broken.write_text(plain.replace("view: regular", "view: upside_down"))
    study.main(["data"])
    first = stage(project, "linear@linear", "linear")
    assert first.returncode == 0, first.stderr
    assert {path.name for path in (project / "results").iterdir()} == {"data.json", "linear"}
    assert first.stdout.count("test error %") == 2
    assert "broken failed ahead of its stage: data.view=upside_down is not one" in first.stderr

    second = stage(project, "linear@pairwise_linear", "pairwise_linear")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    ahead = results.load(project / "results" / "pairwise_linear")
    assert (ahead.experiment, len(ahead.runs)) == ("pairwise_linear", 1)
    run = MlflowClient(f"sqlite:///{project}/mlflow.db").get_run(ahead.runs[0]["run"])
    assert run.data.tags["dvc.stage"] == "linear@pairwise_linear"
    third = stage(project, "linear@broken", "broken")
    assert third.returncode == 1
    assert third.stderr.startswith("train: data.view=upside_down is not one of")

    broken.write_text(plain)
    again = stage(project, "linear@linear", "linear")
    assert again.stdout.count("was finished") == 3
    assert len(list((project / study.AHEAD).glob("*/"))) == 1


def test_a_small_study_mines_small_sets(project: Path) -> None:
    small = study.configuration("boosted_lenet4_dist", study.parameters())
    assert (small.recipe.size, small.data.train_size, small.recipe.base.epochs) == (600, 600, 2)
    whole = {"profile": "full", "data": "mnist", "threads": 1}
    whole |= {"seeds": 5, "epochs": None, "train_size": None}
    assert study.configuration("boosted_lenet4_dist", whole).recipe.size == 60_000


@pytest.mark.parametrize(
    ("arguments", "change", "line"),
    [
        (["train", "lenet6"], {}, "train: lenet6 is not an experiment of conf/experiment"),
        (
            ["train", "linear"],
            {"profile": "huge"},
            "profile=huge in params.yaml is not one of tiny",
        ),
        (
            ["train", "linear"],
            {"profiles": {"tiny": {"seeds": 2, "epochs": 2}}},
            "the profile tiny in params.yaml lacks train_size, changed_digits, ahead",
        ),
        (["data"], {"data": "none"}, "data.source=none"),
    ],
)
def test_wrong_input_is_told_in_a_line(
    project: Path, arguments: list[str], change: dict, line: str
) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump(params | change))
    with pytest.raises(SystemExit, match=line):
        study.main(arguments)


def test_outside_of_a_project_it_says_where_to_go(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run this in the project's folder"):
        study.main(["data"])
    with pytest.raises(InputError, match="is no whole result"):
        results.load(tmp_path)
