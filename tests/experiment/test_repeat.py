"""A tracked run once more: the same figures, and a line each for what differs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from mlflow import MlflowClient
from omegaconf import DictConfig, OmegaConf
from tests.conftest import PROJECT

from lenet.errors import InputError
from lenet.experiment.command import train
from lenet.experiment.provenance import Code
from lenet.experiment.repeat import _code, configuration
from lenet.tracking import IDENTITY, Tracker

CONF = PROJECT / "conf"


@pytest.fixture
def store(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where nothing is tracked yet, in a project folder of the test's own."""
    shutil.copy(empty_database, tmp_path)
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def repeat(store: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DictConfig]:
    """The configuration that `train.py repeat=<start>` would train."""

    def repeat(start: str, *others: str) -> DictConfig:
        given = [f"repeat={start}", *others]
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = compose("config", given, return_hydra_config=True)
        monkeypatch.setattr(HydraConfig.instance(), "cfg", whole)
        cfg = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
        return configuration(cfg, given)

    return repeat


@pytest.fixture
def keep(store: str, tmp_path: Path) -> Callable[..., str]:
    """Keeps a run with a configuration, and with the tags of one that was trained; its id."""

    def keep(config: dict, **tags: str) -> str:
        of_training = {
            "data.digest": "0123456789",
            "git.dirty": "false",
            "mlflow.source.git.commit": "unknown",
            "threads": "3",
        }
        with Tracker(store, tmp_path / "mlruns", stand_in=True).start().run("lenet5 seed 3") as run:
            run.tags(of_training | tags)
            run.text(OmegaConf.to_yaml(OmegaConf.create(config)), "config.yaml")
        return str(run.id)

    return keep


PLAIN = {
    "model": {"_target_": "lenet.classic.NearestNeighbours", "k": 3},
    "recipe": {"_target_": "lenet.classic.Fit"},
    "data": {"source": "digits"},
    "trainer": {},
}


def test_a_run_is_repeated_to_the_last_bit(configure, repeat, store: str, tmp_path, capsys) -> None:
    [outcome] = train(
        configure("seed=3", "model.pooling=max", f"tracking={{uri:'{store}'}}", epochs=3)
    )
    output = tmp_path / "elsewhere"
    cfg = repeat(outcome.run[:8], f"output={output}")
    told = capsys.readouterr().out
    assert f"repeating lenet5 seed 3 (run {outcome.run[:8]})" in told
    assert "code: the same" in told
    assert "data: the same" in told
    assert "versions: the same" in told
    assert (cfg.seed, cfg.recipe.epochs, cfg.model.pooling) == (3, 3, "max")
    assert (cfg.trainer.threads, cfg.output) == (1, str(output))
    [again] = train(cfg)
    assert again.run != outcome.run
    assert again.error == outcome.error
    assert again.validation_error == outcome.validation_error


def test_what_differs_is_told(repeat, keep, capsys) -> None:
    run = keep(
        PLAIN,
        **{"mlflow.source.git.commit": "abcdefabcdef", "version.torch": "1.0", "threads": "3"},
    )
    cfg = repeat(run)
    told = capsys.readouterr().out
    assert "code: differs, commit abcdefab then, commit unknown now" in told
    assert "data: differs, digest 01234567 then, " in told
    assert "torch 1.0 then, " in told
    assert cfg.trainer.threads == 3, "as many as the run had"
    assert cfg.data.noise == 0.0, "what a run's configuration does not know is as it is now"


@pytest.mark.parametrize(
    ("then", "now", "line"),
    [
        (Code("a" * 40, ""), Code("a" * 40, ""), "code: the same (commit aaaaaaaa)"),
        (
            Code("a" * 40, "+1"),
            Code("a" * 40, "+1"),
            "code: the same (commit aaaaaaaa, with uncommitted changes)",
        ),
        (
            Code("a" * 40, "+1"),
            Code("a" * 40, ""),
            "code: the same commit aaaaaaaa, other uncommitted changes",
        ),
        (
            Code("a" * 40, "+1"),
            Code("b" * 40, ""),
            "code: differs, commit aaaaaaaa, with uncommitted changes then, commit bbbbbbbb now",
        ),
    ],
)
def test_the_code_is_compared_with_its_uncommitted_changes(then, now, line: str) -> None:
    assert _code(then, now) == line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["0000"], "no run starts with 0000 in sqlite:"),
        (["1e5"], "no run starts with 1e5 in"),
        ([""], "several runs start with "),
        (["0000", "recipe.epochs=3"], "leave recipe.epochs=3 out"),
        (["0000", "+trainer.max_steps=3"], r"leave \+trainer.max_steps=3 out"),
        (["0000", "tracking=off"], "repeat=0000 needs the store"),
    ],
)
def test_what_cannot_be_repeated_is_refused(repeat, keep, given: list[str], line: str) -> None:
    keep(PLAIN), keep(PLAIN)
    with pytest.raises(InputError, match=line):
        repeat(*given)


def test_a_run_without_its_configuration_is_refused(repeat, keep, store, tmp_path: Path) -> None:
    with Tracker(store, tmp_path / "mlruns", stand_in=True).start().run("sweep model=a,b") as sweep:
        pass
    with pytest.raises(InputError, match="has no configuration"):
        repeat(sweep.id)


def test_a_configuration_from_elsewhere_calls_nothing_new(repeat, keep) -> None:
    run = keep(PLAIN | {"recipe": {"base": {"_target_": "os.system", "command": "true"}}})
    with pytest.raises(InputError, match=r"base\._target_=os\.system is not one of"):
        repeat(run)


@pytest.mark.slow
def test_train_py_repeats_a_run_by_the_start_of_its_id(train, tmp_path: Path) -> None:
    assert train("data=digits", "recipe.epochs=1", "seed=5").returncode == 0
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    everything = [e.experiment_id for e in client.search_experiments()]
    [first] = client.search_runs(everything)
    start = first.info.run_id[:8]
    done = train(f"repeat={start}")
    assert done.returncode == 0, done.stderr
    assert f"repeating lenet5 seed 5 (run {start})\n  code: the same" in done.stdout
    second, same = client.search_runs(everything)
    assert same.info.run_id == first.info.run_id
    assert second.data.metrics["test/error_pct"] == first.data.metrics["test/error_pct"]
    assert second.data.tags[IDENTITY] == first.data.tags[IDENTITY]
    assert second.data.params["repeat"] == first.info.run_id
    for wrong, line in (
        (["repeat=ffffffffff"], "no run starts with ffffffffff"),
        (["-m", f"repeat={start}"], "repeat= repeats one run: leave -m out"),
    ):
        refused = train(*wrong)
        assert refused.returncode == 1
        assert line in refused.stderr
        assert "Traceback" not in refused.stderr
