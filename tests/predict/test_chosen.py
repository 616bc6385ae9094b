"""Which classifier reads pictures, and how sure it has to be."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.experiment.loaded import load_classifier
from lenet.predict.chosen import choose
from lenet.tracking import VALIDATION_ERROR, Tracker

RAW = stand_in()


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> str:
    """Where nothing is tracked yet."""
    shutil.copy(empty_database, tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def keep(store: str, tmp_path: Path, run_files: Path) -> Callable[..., str]:
    """Keeps a run that left the files of a trained one; its id."""

    def keep(
        name: str,
        validation_error: float | None = None,
        data: str = "mnist",
        files: tuple[str, ...] = ("config.yaml", "model.safetensors", "predictions.parquet"),
        status: str = "FINISHED",
        size: int | None = None,
        **tags: str,
    ) -> str:
        tracker = Tracker(store, tmp_path / "mlruns", stand_in=data != "mnist").start()
        with tracker.run(name) as run:
            run.tags({"data": data} | tags)
            run.parameters({"data": {"train_size": size}})
            if validation_error is not None:
                run.metrics({VALIDATION_ERROR: validation_error})
            for file in files:
                run.file(run_files / file)
        tracker.close(run.id, status)
        return str(run.id)

    return keep


def test_the_named_run_reads_with_its_own_scores(project: Path, store, keep, run_files) -> None:
    run = keep("lenet5 seed 3", data="digits")
    chosen = choose(project, store, run[:8])
    assert chosen.title == f"lenet5 seed 3 (run {run[:8]}), trained on digits, NOT MNIST"
    of_run = load_classifier(run_files / "config.yaml", run_files / "model.safetensors")
    expected = of_run.scores(RAW.test_images)
    assert np.array_equal(chosen.reader.scores(RAW.test_images), expected)


def test_the_threshold_leaves_half_a_per_cent_of_errors(project: Path, store, keep) -> None:
    chosen = choose(project, store, keep("a run"))
    scores = chosen.reader.scores(RAW.test_images)
    second, best = np.sort(scores, 1)[:, -2:].T
    wrong = scores.argmax(1) != RAW.test_labels.numpy()
    accepted = best - second >= chosen.threshold
    assert 0 < accepted.sum() < 500
    assert wrong[accepted].mean() <= 0.005 < wrong.mean()


def test_the_best_is_finished_on_all_of_mnist_and_can_be_loaded(
    project, store, keep, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("good", 0.02)
    best = keep("better", 0.01)
    keep("unmeasured")
    keep("best of the stand-in", 0.001, data="digits")
    keep("of few digits", 0.001, size=1_000)
    keep("of short epochs", 0.001, cut="limit_train_batches=0.1")
    keep("failed", 0.001, status="FAILED")
    lost = keep("without weights", 0.001, files=("config.yaml", "predictions.parquet"))
    assert choose(project, store, best=True).title == f"better (run {best[:8]})"
    [line] = capsys.readouterr().err.splitlines()
    assert "passed over" in line
    assert f"run {lost} has no file of a classifier" in line


def test_unless_told_otherwise_the_projects_own_reads(
    project: Path, store: str, keep, run_files: Path
) -> None:
    keep("better", 0.0)
    chosen = choose(project, store)
    assert chosen.title == "the project's own lenet5, trained on digits, NOT MNIST"
    of_run = load_classifier(run_files / "config.yaml", run_files / "model.safetensors")
    theirs = of_run.scores(RAW.test_images)
    assert chosen.reader.scores(RAW.test_images) == pytest.approx(theirs, abs=1e-3)
    assert 0 < chosen.threshold < np.inf


@pytest.mark.parametrize("uri", [None, "sqlite:////nowhere/mlflow.db"])
def test_where_no_run_can_be_compared_the_projects_own_reads(
    project, store, keep, uri: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("unmeasured")
    title = choose(project, uri or store, best=True).title
    assert title.startswith("the project's own lenet5")
    assert "no run on all of MNIST" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("run", "line"),
    [
        ("0123456789", "no run starts with 0123456789"),
        ("%", "no run starts with %"),
        ("'; drop table runs", "no run starts with '; drop"),
    ],
)
def test_a_run_that_is_not_there(project: Path, store: str, keep, run: str, line: str) -> None:
    keep("a run")
    with pytest.raises(InputError, match=line):
        choose(project, store, run)


def test_a_run_that_cannot_read(project: Path, store: str, keep) -> None:
    with pytest.raises(InputError, match="no file of a classifier"):
        choose(project, store, keep("parent", files=()))
    with pytest.raises(InputError, match="is not finished"):
        choose(project, store, keep("killed", status="KILLED"))
    answers = ("config.yaml", "predictions.parquet")
    weights = ("config.yaml", "model.safetensors")
    for files, lost in (weights, "predictions"), (answers, "no file of a classifier"):
        with pytest.raises(InputError, match=lost):
            choose(project, store, keep("files lost", files=files))


def test_stores_that_cannot_be_read(project: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(InputError, match="cannot be read"):
        choose(project, f"sqlite:///{tmp_path}/text.db", best=True)
    with pytest.raises(InputError, match="no MLflow server answers"):
        choose(project, "http://127.0.0.1:9", "0123")


def test_a_project_without_weights_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is missing: git restore .* or name a run"):
        choose(tmp_path, "")
    assert list(tmp_path.iterdir()) == []
