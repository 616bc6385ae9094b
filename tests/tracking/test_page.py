"""MLflow's page in a browser: what its first screen shows by the address that is printed."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser import CHROMIUM, Browser, Page
from tests.conftest import PROJECT

from lenet import results
from lenet.tracking import Tracker
from lenet.tracking.views import CHARTS, page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
ROWS = ("lenet5", "lenet5_dist", "knn")  # of results/
VALUES = {"name": "", "recipe": {"_target_": "lenet.learning.SDLM"}, "data": {"train_size": None}}
WIDTH = 1400

SHOWN = """[...document.querySelectorAll("body *")]
  .filter((e) => e.childElementCount == 0)
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width && box.right < innerWidth && box.bottom < innerHeight && box.left > 0;
  })
  .map((e) => e.textContent.trim()).filter((text) => text)"""


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Tracker:
    """A store with the runs of a few rows."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(empty_database, folder)
    tracker = Tracker(f"sqlite:///{folder}/mlflow.db", folder / "mlruns", stand_in=False).start()
    for name in ROWS:
        kept = results.load(PROJECT / "results" / name)
        for number in range(len(kept.runs)):
            results.restore_run(tracker, kept, number, VALUES | {"name": name}, {})
    return tracker


@pytest.fixture(scope="module")
def address(tracker: Tracker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of MLflow, started as `make ui` does."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = tmp_path_factory.mktemp("server") / "log"
    with (
        open(log, "w") as file,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", str(tracker.uri)),
                *("--host", "127.0.0.1", "--port", port, "--workers", "1"),
            ],
            env=os.environ | quiet | {"PYTHONWARNINGS": "ignore"},
            stdout=file,
            stderr=file,
            start_new_session=True,
        ) as server,
    ):
        try:
            yield wait_for(f"http://127.0.0.1:{port}", server)
        finally:
            os.killpg(server.pid, 15)
    assert "warning" not in log.read_text().lower()


def wait_for(address: str, server: subprocess.Popen) -> str:
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return address
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.5)


def ask(address: str, script: str, profile: Path) -> Any:
    """What an expression of JavaScript comes to in a page, as soon as it is not empty."""
    end = time.monotonic() + 60
    with Browser(profile) as browser:
        page = Page(browser, address, WIDTH)
        while not (value := page.run(script)) and time.monotonic() < end:
            time.sleep(0.5)
        return value


def test_test_errors_stand_in_the_first_screen(
    tracker: Tracker, address: str, tmp_path: Path
) -> None:
    where = tracker.page.removeprefix("make ui, then http://127.0.0.1:5000")
    there = f"(() => {{ const shown = {SHOWN}; return shown.includes('0.68') ? shown : null; }})()"
    shown = ask(f"{address}{where}", there, tmp_path)
    assert shown, "the least error of lenet5_dist is not on the screen"
    best = results.load(PROJECT / "results" / "lenet5_dist").wrong.mean(axis=1).min()
    assert f"{100 * best:g}" in shown
    for column in ("test/error_pct", "paper/error_pct"):
        assert column in shown
    assert "0.8" in shown, "the paper's figure"
    assert "lenet5_dist seed 3" in shown


def test_the_second_view_has_charts(tracker: Tracker, address: str, tmp_path: Path) -> None:
    [experiment] = {each for each in tracker.page.split("/") if each.isdigit()}
    drawn = "document.querySelectorAll('.js-plotly-plot .point').length"
    count = ask(f"{address}/{page(experiment, CHARTS)}", drawn, tmp_path)
    assert count >= len(ROWS)
