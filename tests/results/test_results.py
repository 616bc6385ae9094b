from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import record

from lenet import results
from lenet.errors import InputError


@pytest.fixture
def result():
    runs = tuple(record(seed, curves={"train/error": [0.5, 0.1]}) for seed in range(2))
    return results.Result(
        *("lenet5", "lenet5", "mnist", "abc", "full", runs),
        label=np.array([3, 1, 4, 1], np.uint8),
        prediction=np.array([[3, 1, 4, 7], [3, 1, 4, 1]], np.uint8),
        margin=np.array([[1.5, 2, 3, 0.25], [1, 1, 1, 1]], np.float16),
    )


def test_a_result_comes_back_as_it_was(result, tmp_path):
    results.save(result, tmp_path / "lenet5")
    back = results.load_all(tmp_path)["lenet5"]
    assert back.runs == result.runs
    assert (back.experiment, back.row, back.data) == ("lenet5", "lenet5", "mnist")
    assert (back.digest, back.profile) == ("abc", "full")
    for name in ("label", "prediction", "margin"):
        np.testing.assert_array_equal(getattr(back, name), getattr(result, name))
    np.testing.assert_array_equal(back.errors, [0.25, 0])


def test_the_same_result_is_the_same_bytes(result, tmp_path):
    for name in ("one", "two"):
        results.save(result, tmp_path / name)
    for name in (results.RUNS, results.PREDICTIONS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_training_time_is_the_processors_unless_it_was_interrupted(result):
    clock, processor = {"training_seconds": 60.0}, {"training_cpu_seconds": 20.0}
    runs = ({"metrics": clock | processor}, {"metrics": clock})
    np.testing.assert_array_equal(replace(result, runs=runs).seconds, [20, 60])


def test_a_run_is_found_by_its_identity(result, tmp_path):
    own = tuple(run | {"identity": f"own{run['seed']}"} for run in result.runs)
    results.save(replace(result, runs=own), tmp_path / "lenet5")
    assert results.identities(tmp_path / "lenet5") == {0: "own0", 1: "own1"}
    found, number = results.find(tmp_path, "own1")
    assert (found.experiment, found.runs[number]["seed"]) == ("lenet5", 1)
    assert results.find(tmp_path, "own2") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runs": 3}', '{"runs": [{}]}', "\x00"])
def test_what_is_damaged_has_no_identity_and_hinders_no_other(tmp_path, text):
    folder = tmp_path / "lenet5"
    assert results.identities(folder) == {}, "none was trained"
    folder.mkdir()
    (folder / results.RUNS).write_text(text)
    with pytest.raises(InputError, match=f"{folder / results.RUNS} is damaged"):
        results.identities(folder)
    assert results.find(tmp_path, "own") is None


def test_a_kill_leaves_the_result_before(result, tmp_path, monkeypatch):
    results.save(result, tmp_path / "lenet5")
    one = replace(result, runs=result.runs[:1], prediction=result.prediction[:1])

    def killed(*_, **__):
        raise KeyboardInterrupt

    for where in ("json.dumps", "numpy.savez_compressed", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(where, killed)
            with pytest.raises(KeyboardInterrupt):
                results.save(replace(one, margin=result.margin[:1]), tmp_path / "lenet5")
        assert results.load(tmp_path / "lenet5").runs == result.runs
