"""trainer=ddp: processes that share each batch."""

import signal
import sqlite3
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import runs

EPOCHS = 20  # of a run that is interrupted
SHORT = ("data=digits", "recipe.epochs=2", "trainer.threads=1")


@pytest.mark.slow
def test_two_processes_train_as_one(train, tmp_path: Path) -> None:
    for arguments in (SHORT, (*SHORT, "trainer=ddp")):
        done = train(*arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("epoch 2") == 1
    one, two = reversed(runs(tmp_path))
    assert two.data.params["trainer.devices"] == "2"
    for name in ("train/loss", "train/error", "validation/error", "test/error"):
        assert two.data.metrics[name] == pytest.approx(one.data.metrics[name], rel=1e-3), name
    again = train(*SHORT, "trainer=ddp", "resume=true")
    assert "was finished" in again.stdout
    assert len(runs(tmp_path)) == 2


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_told(train) -> None:
    done = train(*SHORT, "trainer=ddp", "model=lenet5_relu", "recipe.optimizer.lr=9")
    assert done.returncode == 1
    assert "lower recipe.optimizer.lr" in done.stderr.splitlines()[-1]
    done = train("data=digits", "trainer=ddp", "model=lenet5_1998", "recipe=paper")
    assert done.stderr.splitlines()[-1].endswith("leave trainer=ddp out")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_first_and_the_run_goes_on(
    started, train, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = ("data=digits", f"recipe.epochs={EPOCHS}", "trainer=ddp")
    with started(*arguments) as process:
        while not list(tmp_path.glob("outputs/*/previous.ckpt")):
            assert process.poll() is None
            time.sleep(0.05)
        others = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.wait(timeout=60)
    assert others
    _, alive = psutil.wait_procs(others, timeout=30)
    assert not alive
    done = train(*arguments, "resume=true")
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.info.status == "FINISHED"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        [(points, steps)] = database.execute(
            "select count(*), count(distinct step) from metrics where key = 'train/loss'"
        )
    assert points == steps == EPOCHS
