"""A sweep that is killed again and again comes to what it comes to undisturbed."""

import hashlib
import random
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from mlflow import MlflowClient
from tests.conftest import runs

SWEEP = ("-m", "model=lenet5,lenet5_relu", "seed=0,1,2", "data=digits", "recipe.epochs=12")
JOBS = 6
KILLS = 20
TIMED = ("seconds", "images_per_second", "peak_memory_gb")  # metrics that no two runs share


def kept(folder: Path) -> dict[str, tuple]:
    """Of each run by its name: status, every metric with its steps, the digest of its weights."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = {}
    for run in runs(folder):
        history = {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
            if not name.endswith(TIMED)
        }
        artifacts = Path(unquote(urlparse(run.info.artifact_uri).path))
        weights = [
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in artifacts.glob("model.safetensors")
        ]
        assert run.info.run_name not in found, "a run is there twice"
        found[run.info.run_name] = (run.info.status, history, weights)
    return found


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_kills_change_nothing(started, train, tmp_path: Path) -> None:
    sweep = (*SWEEP, "trainer.threads=1")
    moments = random.Random(1998)
    alive = 0
    for _ in range(KILLS):
        with started(*sweep) as process:
            wanted = moments.randint(1, 14)  # epochs to let pass
            for line in process.stdout:
                wanted -= " epoch " in line
                if wanted == 0:
                    break
            alive += process.poll() is None
            process.kill()
    assert alive > KILLS / 2, "most kills hit a sweep at work"
    done = train(*sweep)
    assert done.returncode == 0, done.stderr

    undisturbed = tmp_path / "undisturbed"  # MLflow would not see a new database of the same name
    assert train(*sweep, LENET_ROOT=str(undisturbed)).returncode == 0
    assert len(kept(undisturbed)) == JOBS + 1
    assert kept(tmp_path) == kept(undisturbed)
