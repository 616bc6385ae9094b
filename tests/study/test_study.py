"""The study's stages on the bundled digits, in a project folder of the test's own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from tests import commands
from tests.conftest import PROJECT, runs

from lenet import paper, results
from lenet.errors import InputError
from lenet.experiment.loaded import load_classifier
from lenet.report import groups
from lenet.study import features, training
from lenet.study.__main__ import main
from lenet.study.profile import configuration, parameters
from lenet.study.weights import weights

TINY = {"seeds": 2, "epochs": 2, "train_size": 600, "changed_digits": 50}
ROWS = (
    "boosted_lenet4_dist",
    "lenet4",
    "lenet5",
    "linear",
    "linear_least_squares",
    "pairwise_linear",
)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project folder whose study is a tiny one of few rows on the stand-in."""
    folder = tmp_path_factory.mktemp("untrained")
    shutil.copytree(PROJECT / "conf", folder / "conf")
    for path in (folder / "conf" / "experiment").glob("*.yaml"):
        if path.stem not in ROWS:
            path.unlink()
    shutil.copy(empty_database, folder)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params |= {"data": "digits", "profile": "tiny", "profiles": {"tiny": TINY}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LENET_ROOT", str(folder))
        main(["data"])
        main(["code"])
    return folder


@pytest.fixture
def project(untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, for a test to train in."""
    shutil.copytree(untrained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    return tmp_path


def record(project: Path, row: str) -> Path:
    return project / "results" / row / results.RUNS


def test_the_study_has_every_row_of_figure_9_and_only_experiments() -> None:
    rows = yaml.safe_load((PROJECT / "params.yaml").read_text())["rows"]
    assert len(rows) == len(set(rows))
    assert set(rows) >= set(paper.ROWS)
    assert set(rows) <= {path.stem for path in (PROJECT / "conf" / "experiment").glob("*.yaml")}


def test_the_data_stage_says_which_digits_these_are(project: Path) -> None:
    about = json.loads((project / "results" / "data.json").read_text())
    assert about["name"] == "digits"
    assert about["training_digits"] == 1_297
    assert about["test_digits"] == 500
    assert len(about["sha256"]) == 64


def test_the_code_stage_says_what_each_row_is_trained_by(project: Path) -> None:
    folder = project / "results" / "code"
    assert {path.stem for path in folder.iterdir()} == set(ROWS)
    lenet5, linear = (
        json.loads((folder / f"{row}.json").read_text()) for row in ("lenet5", "linear")
    )
    assert (lenet5["seeds"], linear["seeds"], lenet5["threads"]) == ([0, 1], [0], 1)
    assert lenet5["code"] != linear["code"]
    (folder / "gone.json").write_text("{}")
    main(["code"])
    assert {path.stem for path in folder.iterdir()} == set(ROWS)


def test_a_row_is_trained_once_and_kept(project: Path, capsys) -> None:
    main(["train", "lenet5"])
    result = results.load(project / "results" / "lenet5")
    assert (result.row, result.data, result.prediction.shape) == ("lenet5", "digits", (2, 500))
    assert result.profile == "tiny"
    assert [run["seed"] for run in result.runs] == [0, 1]
    for run, error in zip(result.runs, result.errors, strict=True):
        assert len(run["curves"]["figure_5/test_error"]) == 2
        assert run["curves"]["figure_5/test_error"][-1] == pytest.approx(error)
        assert 0 < run["metrics"]["peak_memory_gb"] < 24
        assert not [name for name in run["metrics"] if name.startswith(("test/", "paper/"))]
        assert run["versions"]["torch"].startswith("2.")
        assert len(run["identity"]) == 16
    assert (result.margin > 0).mean() > 0.9
    cfg = configuration("lenet5", parameters())
    loaded = load_classifier(cfg, project / "results" / "lenet5" / results.MODEL)
    assert sum(value.numel() for value in loaded.classifier.net.parameters()) == 60_000

    before = record(project, "lenet5").read_bytes()
    capsys.readouterr()
    main(["train", "lenet5"])
    assert capsys.readouterr().out == ""  # nothing to do
    shutil.rmtree(project / "results" / "lenet5")
    main(["train", "lenet5"])
    assert capsys.readouterr().out.count("was finished") == 2
    assert record(project, "lenet5").read_bytes() == before


def test_what_only_results_have_is_restored_and_not_trained(
    project: Path, empty_database: Path, capsys
) -> None:
    params = parameters()
    main(["train", "lenet5"])
    before = record(project, "lenet5").read_bytes()
    first = results.load(project / "results" / "lenet5").runs[0]
    shutil.copy(empty_database, project / "mlflow.db")  # another store, without a run
    shutil.rmtree(project / "outputs")
    capsys.readouterr()
    training.train_row("lenet5", params)
    assert capsys.readouterr().out.count("was finished") == 2
    found = runs(project)
    assert {
        run.data.tags["restored.from"] for run in found if "restored.from" in run.data.tags
    } == {run["run"] for run in results.load(project / "results" / "lenet5").runs}
    assert record(project, "lenet5").read_bytes() == before

    params |= {"seeds": 3}  # one seed more: two stay as they are
    text = yaml.safe_load((project / "params.yaml").read_text())
    text["profiles"]["tiny"]["seeds"] = 3
    (project / "params.yaml").write_text(yaml.safe_dump(text))
    main(["code"])
    main(["train", "lenet5"])
    three = results.load(project / "results" / "lenet5")
    assert [run["seed"] for run in three.runs] == [0, 1, 2]
    assert three.runs[0] == first


def test_weights_that_nobody_has_are_trained_again_to_the_same_predictions(
    project: Path, empty_database: Path, tmp_path: Path
) -> None:
    main(["train", "linear"])
    shutil.copy(empty_database, project / "mlflow.db")
    file = weights("linear", parameters(), tmp_path)
    loaded = load_classifier(configuration("linear", parameters()), file)
    assert loaded.name == "linear"
    kept = results.load(project / "results" / "linear")
    other = (kept.prediction + 1) % 10
    results.save(
        results.Result(**vars(kept) | {"prediction": other}), project / "results" / "linear"
    )
    shutil.copy(empty_database, project / "mlflow.db")
    with pytest.raises(InputError, match="answers 500 digits otherwise"):
        weights("linear", parameters(), tmp_path)


def test_features_are_compared_of_every_run(project: Path, monkeypatch) -> None:
    monkeypatch.setattr(features, "ROWS", ("lenet4", "lenet5"))
    main(["train", "lenet4"])
    main(["features"])
    found = features.load(project / "results")
    assert found.keys() == {"lenet4"}, "lenet5 has no results here"
    assert len(set(found["lenet4"])) == TINY["seeds"]
    assert all(0 < each < 1 for each in found["lenet4"])


def test_figures_are_evaluated_apart(project: Path) -> None:
    main(["train", "linear"])
    before = record(project, "linear").read_bytes()
    main(["evaluate"])
    [figures] = json.loads((project / "reports" / "evaluation.json").read_text())["runs"]["linear"]
    result = results.load(project / "results" / "linear")
    assert figures["error"] == pytest.approx(result.errors[0])
    assert figures["low"] < figures["error"] < figures["high"]
    assert 0 <= figures["reject"] <= 1
    assert record(project, "linear").read_bytes() == before


@pytest.mark.slow
def test_rows_are_trained_side_by_side_and_a_failure_stops_no_other(project: Path, caplog) -> None:
    broken = project / "conf" / "experiment" / "broken.yaml"
    broken.write_text("# @package _global_\ndefaults: [linear]\ndata:\n  view: upside_down\n")
    main(["code"])
    failed = training._train_side_by_side(["linear", "broken", "pairwise_linear"], parameters())
    assert failed.keys() == {"broken"}
    assert "data.view=upside_down is not one of" in failed["broken"]
    assert training.is_whole("linear")
    assert training.is_whole("pairwise_linear")
    [run] = results.load(project / "results" / "pairwise_linear").runs
    tags = MlflowClient(f"sqlite:///{project}/mlflow.db").get_run(run["run"]).data.tags
    assert tags["dvc.stage"] == "train@pairwise_linear"
    done = commands.run(["python", "-m", "lenet.study", "train", "broken"], project)
    assert done.returncode == 1
    assert done.stderr.startswith("train: data.view=upside_down is not one of")


@pytest.mark.slow
def test_a_row_of_many_seeds_is_trained_in_parts_to_the_same_predictions(
    project: Path, empty_database: Path, monkeypatch
) -> None:
    monkeypatch.setattr(training, "PART", 1)
    main(["train", "lenet5", "linear"])
    assert training.is_whole("linear")
    assert training.is_whole("lenet5")
    in_parts = results.load(project / "results" / "lenet5")
    assert [run["seed"] for run in in_parts.runs] == [0, 1]
    shutil.rmtree(project / "results" / "lenet5")
    shutil.copy(empty_database, project / "mlflow.db")
    monkeypatch.setattr(training, "PART", 16)
    main(["train", "lenet5"])
    together = results.load(project / "results" / "lenet5")
    assert (together.prediction == in_parts.prediction).all()
    assert (together.margin == in_parts.margin).all()


def test_what_has_100_seeds_is_outside_of_the_study_and_has_all_of_them(monkeypatch) -> None:
    monkeypatch.chdir(PROJECT)
    params = parameters()
    assert params["profile"] == "full"
    many = {*groups.OF_VARIANCE, *groups.RECORDS}
    assert not many & set(params["rows"])
    for name in many:
        assert list(configuration(name, params).seeds) == list(range(100))
    assert list(configuration("lenet5", params).seeds) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["repro"], ["all"]),
        (["repro", "report"], ["all"]),
        (["repro", "train"], ["all"]),
        (["exp", "run", "-S", "profile=quick"], ["all"]),
        (["repro", "train@lenet5"], ["lenet5"]),
        (["repro", "-s", "train@lenet5"], ["lenet5"]),
        (["repro", "dvc.yaml:train@lenet5"], ["lenet5"]),
        (["repro", "-f", "train@linear", "train@lenet5"], ["linear", "lenet5"]),
        (["repro", "-s", "report", "train@lenet5"], ["lenet5"]),
        (["repro", "report", "train@lenet5"], ["all"]),
    ],
)
def test_the_rows_that_a_command_asks_for(
    project: Path, words: list[str], expected: list[str]
) -> None:
    assert training._named(words, "lenet5", ["all"]) == expected
    assert training.asked_for("lenet5", {}) == ["lenet5"]  # no dvc behind this test


def test_a_small_study_mines_small_sets(project: Path) -> None:
    small = configuration("boosted_lenet4_dist", parameters())
    assert (small.recipe.size, small.data.train_size, small.recipe.base.epochs) == (600, 600, 2)
    whole = {"profile": "full", "data": "mnist", "threads": 1}
    whole |= {"seeds": 5, "epochs": None, "train_size": None}
    assert configuration("boosted_lenet4_dist", whole).recipe.size == 60_000


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
            "the profile tiny in params.yaml lacks train_size, changed_digits",
        ),
        (["data"], {"data": "none"}, "data.source=none"),
        (["keep", "nowhere"], {}, "keep: git worktree"),
    ],
)
def test_wrong_input_is_told_in_a_line(
    project: Path, arguments: list[str], change: dict, line: str
) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump(params | change))
    with pytest.raises(SystemExit, match=line):
        main(arguments)


def test_a_row_of_which_nothing_is_written_down_says_what_to_do(project: Path) -> None:
    (project / "results" / "code" / "linear.json").write_text("{")
    with pytest.raises(SystemExit, match=r"linear.json is damaged .* dvc repro -s -f code"):
        main(["train", "linear"])


def test_outside_of_a_project_it_says_where_to_go(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run this in the project's folder"):
        main(["data"])
    with pytest.raises(InputError, match="is no whole result"):
        results.load(tmp_path)


def test_margins_are_numbers(project: Path) -> None:
    main(["train", "linear_least_squares"])
    result = results.load(project / "results" / "linear_least_squares")
    assert (len(result.runs), result.runs[0]["curves"]) == (1, {})
    assert not np.isnan(result.margin).any()
