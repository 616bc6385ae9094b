"""A run's classifier as a model of MLflow: what it answers, what it is linked to, who is best."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import PROJECT

from lenet import results
from lenet.data import pictures, stand_in
from lenet.evaluation import margins
from lenet.experiment import models, train
from lenet.predict.chosen import choose
from lenet.terminal import Outcome
from lenet.tracking import ARRAYS, Tracker

RAW = stand_in()
NAME = "lenet5"


@pytest.fixture(scope="module")
def folder(project: Path, tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project with its own LeNet-5, and a store where nothing is tracked."""
    folder = tmp_path_factory.mktemp("models") / "project"
    shutil.copytree(project, folder, symlinks=True)
    shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def uri(folder: Path) -> Iterator[str]:
    """Its store, for MLflow's functions, too."""
    uri = f"sqlite:///{folder}/mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield uri
    mlflow.set_tracking_uri(before)


@pytest.fixture
def trained(configure, folder: Path, uri: str) -> Outcome:
    """A registered run of today's LeNet-5, which has seen little."""
    tracking = f"tracking={{uri:'{uri}',models:true}}"
    own = (f"root={folder}", tracking, f"register={NAME}", "resume=true")
    [outcome] = train(configure(*own, epochs=1))
    return outcome


def test_a_model_answers_as_its_run_did(trained: Outcome, uri: str, folder: Path) -> None:
    client = mlflow.MlflowClient(uri)
    run = client.get_run(trained.run)
    assert not [tag for tag in run.data.tags if tag.startswith("warning.")]
    models = [client.get_logged_model(each.model_id) for each in run.outputs.model_outputs]
    [kept] = [model for model in models if model.name.endswith(ARRAYS)]
    model = mlflow.pyfunc.load_model(f"models:/{kept.model_id}")
    answers = model.predict(RAW.test_images.numpy().astype(np.float32))
    chosen = choose(folder, uri, trained.run)
    scores = chosen.reader.scores(RAW.test_images)
    assert np.array_equal(answers.filter(like="score_").to_numpy(), scores)
    assert np.array_equal(answers["label"], scores.argmax(1))
    expected = pd.read_parquet(client.download_artifacts(trained.run, "predictions.parquet"))
    assert np.array_equal(answers["label"], expected.prediction)
    margin = answers["margin"].to_numpy()
    assert np.array_equal(answers["rejected"], margin < chosen.threshold)
    assert answers["rejected"].sum() > 0


def test_a_model_is_linked_and_has_no_pickle(trained: Outcome, uri: str) -> None:
    client = mlflow.MlflowClient(uri)
    kept = [each.model_id for each in client.get_run(trained.run).outputs.model_outputs]
    kept.sort(key=lambda each: not client.get_logged_model(each).name.endswith(ARRAYS))
    model = client.get_logged_model(kept[0])
    assert model.status == "READY"
    assert model.source_run_id == trained.run
    [error] = [m for m in model.metrics if m.key == "test/error_pct"]
    assert error.value == pytest.approx(100 * trained.error)
    assert (error.dataset_name, len(error.dataset_digest)) == ("digits", 8)
    history = client.get_metric_history(trained.run, "test/error_pct")
    assert len(history) == 1, "it is logged once"
    about = mlflow.models.get_model_info(f"models:/{kept[0]}")
    [given] = about.signature.inputs
    assert (given.type, given.shape) == (np.float32, (-1, 28, 28))
    for each in kept:
        files = Path(mlflow.artifacts.download_artifacts(f"models:/{each}"))
        names = {path.name for path in files.rglob("*") if path.is_file()}
        assert {"MLmodel", "served.py", "config.yaml", "model.safetensors"} <= names
        assert "input_example.json" in names
        assert not {name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".bin"))}


def test_greys_that_are_none_are_refused(trained: Outcome, uri: str) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    for wrong in (-1, 256, np.nan):
        with pytest.raises(ValueError, match="greys from 0"):
            model.predict(np.full((1, 28, 28), wrong, np.float32))
    with pytest.raises(mlflow.MlflowException):
        model.predict(np.zeros((1, 20, 20), np.float32))


def test_where_no_run_can_be_compared_the_projects_own_is_champion(
    trained: Outcome, uri: str, folder: Path
) -> None:
    client = mlflow.MlflowClient(uri)
    own = results.load(folder / "results" / "lenet5").runs[0]["run"]
    for name in (NAME, f"{NAME}-png"):
        assert client.get_model_version_by_alias(name, "champion").run_id == own
        assert {v.run_id for v in client.search_model_versions(f"name = '{name}'")} == {
            own,
            trained.run,
        }
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    given = model.predict(RAW.test_images[:50].numpy().astype(np.float32))
    expected = choose(folder, uri).reader.scores(RAW.test_images[:50])
    assert np.array_equal(given.filter(like="score_").to_numpy(), expected)


def test_the_champion_has_the_least_validation_error_on_all_of_mnist(
    folder: Path, run_files: Path, tmp_path: Path, empty_database: Path
) -> None:
    shutil.copy(empty_database, tmp_path)
    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns", False).start()
    ids = {}
    for name, error, size in (("good", 0.02, None), ("best", 0.01, None), ("small", 0.0, 1_000)):
        with tracker.run(name) as run:
            run.tags({"data": "mnist"})
            run.parameters({"data": {"train_size": size}})
            run.dataset("mnist", "d1d1d1d1", "")
            of_test = ("test/error", "test/error_low", "test/error_high", "test/reject")
            run.metrics(dict.fromkeys(of_test, 0.1) | {"final/validation_error": error})
            ids[name] = str(run.id)
            with models.source({"name": name}, run_files / "model.safetensors", 1.0) as source:
                model = tracker.log_model(ids[name], ARRAYS, source)
            tracker.register("mine", model, ids[name])
        number = tracker.champion("mine")
    assert number == "2"
    client = mlflow.MlflowClient(tracker.uri)
    assert client.get_model_version_by_alias("mine", "champion").run_id == ids["best"]


@pytest.mark.slow
def test_a_server_answers_a_picture(trained: Outcome, uri: str, folder: Path) -> None:
    digit = Image.fromarray(255 - RAW.test_images[3].numpy()).resize((140, 140))
    page = Image.new("L", (300, 200), "white")
    page.paste(digit, (150, 20))
    page.save(folder / "digit.png")
    record = {"png": base64.b64encode((folder / "digit.png").read_bytes()).decode()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = ["models", "serve", "-m", f"models:/{NAME}-png@champion", "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"MLFLOW_TRACKING_URI": uri, "LENET_ROOT": str(folder), "PATH": path}
    with (
        open(folder / "served.log", "w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--port", str(port), "--host", "127.0.0.1"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as server,
    ):
        try:
            answer = ask(port, {"dataframe_records": [record]}, server)
        finally:
            os.killpg(server.pid, 9)
    [given] = answer["predictions"]
    chosen = choose(folder, uri)
    [[name, digit]] = [("digit.png", pictures.read(str(folder / "digit.png")))]
    from lenet.data import normalise
    from lenet.predict.command import read

    [expected] = read(chosen, [(name, normalise(digit))])
    assert given["label"] == expected.digit
    assert given[f"score_{expected.digit}"] == expected.score
    assert given["margin"] == expected.margin
    assert given["rejected"] == (expected.margin < chosen.threshold)


def ask(port: int, body: dict, server: subprocess.Popen) -> dict:
    """What a server answers, when it has started."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    end = time.monotonic() + 240
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise AssertionError(e.read()) from e
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.5)


@pytest.mark.slow
def test_the_committed_lenet5_answers_all_test_digits_as_predict_py(
    mnist_root: Path, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf

    from lenet.data import load_raw
    from lenet.experiment import compose_experiment

    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    raw = load_raw("mnist", tmp_path)
    shutil.copy(empty_database, tmp_path)
    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlruns", False).start()
    kept = results.load(PROJECT / "results" / "lenet5")
    values = OmegaConf.to_container(compose_experiment("lenet5", PROJECT / "conf"), resolve=True)
    run = results.restore_run(tracker, kept, 0, values, {})
    own = choose(PROJECT, "off")
    weights = PROJECT / "results" / "lenet5" / results.MODEL
    with models.source(values, weights, own.threshold) as source:
        model = tracker.log_model(run, ARRAYS, source)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracker.uri)
    try:
        loaded = mlflow.pyfunc.load_model(f"models:/{model}")
        answers = loaded.predict(raw.test_images.numpy().astype(np.float32))
    finally:
        mlflow.set_tracking_uri(before)
    scores = own.reader.scores(raw.test_images)
    assert len(answers) == 10_000
    assert np.array_equal(answers.filter(like="score_").to_numpy(), scores)
    assert np.array_equal(answers["label"], kept.prediction[0])
    assert np.array_equal(answers["margin"].to_numpy(np.float16), margins(scores))
    assert np.array_equal(answers["rejected"], margins(scores) < own.threshold)
