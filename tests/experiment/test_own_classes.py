"""Nets, estimators and recipes of the user's own: trained, tested, tracked, saved and loaded."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from omegaconf import DictConfig, OmegaConf

from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.experiment import identity
from lenet.experiment.command import train
from lenet.experiment.config import of_own_class
from lenet.predict.chosen import choose
from lenet.results import read_predictions
from lenet.terminal import table

NETS = """
import torch
from torch import nn
from torch.nn import functional as F

class Free(nn.Module):
    "Batch normalisation, dropout, a view, a pool by function, a buffer that is not trained."
    def __init__(self, width=6, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 5)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(width * 144, classes)
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.scale * self.out(self.drop(x).view(len(x), -1))

class Bare(nn.Module):
    "A parameter that belongs to no layer, and one that is used twice."
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(10, 784) / 28)
        self.again = self.weight

    def forward(self, x):
        return x.flatten(1) @ (self.weight + self.again).T / 2

class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.LazyLinear(10))

class Odd(nn.Sequential):
    "What cannot be trained here."
    def __init__(self, kind):
        layers = {
            "nine": [nn.Flatten(), nn.Linear(784, 9)],
            "pair": [nn.Flatten(), nn.Linear(784, 10), Pair()],
            "colour": [nn.Conv2d(3, 1, 5)],
            "nothing": [nn.Flatten(), Cut()],
            "trains not": [nn.Flatten(), nn.Linear(784, 10), Eval()],
            "saves not": [nn.Flatten(), nn.Linear(784, 10), Extra()],
        }
        super().__init__(*layers[kind])

class Pair(nn.Module):
    def forward(self, x):
        return x, x

class Cut(nn.Module):
    def forward(self, x):
        return x[:, :10]

class Eval(nn.Module):
    def forward(self, x):
        return {"scores": x} if self.training else x

class Extra(nn.Identity):
    def get_extra_state(self):
        return {"any": "thing"}

    def set_extra_state(self, state):
        pass
"""
RECIPE = """
import torch
from lenet.nets import TrainedNet

class Steps:
    def __init__(self, steps=30):
        self.steps = steps

    def fit(self, task):
        for net in task.models:
            optimizer = torch.optim.Adam(net.parameters(), 0.003)
            for _ in range(self.steps):
                scores = net(task.digits.train.images)
                torch.nn.functional.cross_entropy(scores, task.digits.train.labels).backward()
                optimizer.step()
                optimizer.zero_grad()
        return [Broken(net) for net in task.models]

    def load(self, model, path):
        return TrainedNet.load(model, path)

class Broken(TrainedNet):
    "Costs that cannot be counted."
    def costs(self, images):
        raise RuntimeError("no idea")
"""


@pytest.fixture
def own(
    configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> Callable[..., object]:
    """Composes a configuration of the classes above, tracked in a store of the test's own."""
    (tmp_path / "own_nets.py").write_text(NETS)
    (tmp_path / "own_recipe.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("own_nets", "own_recipe"):  # of another test
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("free", "bare", "lazy", "odd"):
        path = tmp_path / "conf" / "model" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"_target_: own_nets.{name.capitalize()}\n")
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    store = f"tracking={{uri:'sqlite:///{tmp_path}/mlflow.db'}}"

    def composed(*overrides: str, **options):
        searched = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
        return configure(searched, store, *overrides, **options)

    return composed


def trained_and_loaded(cfg, folder: Path, trusted: tuple[str, ...] = ()) -> dict[str, float]:
    """Trains, then has `predict.py` load the run, which gives the scores that were tracked; the
    run's metrics."""
    [outcome] = train(cfg)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    kept = read_predictions(
        Path(client.download_artifacts(outcome.run, "predictions.parquet", folder))
    )
    chosen = choose(folder, f"sqlite:///{folder}/mlflow.db", outcome.run, trusted=trusted)
    assert np.array_equal(chosen.reader.scores(stand_in().test_images), kept.scores)
    run = client.get_run(outcome.run)
    assert "paper.row" not in run.data.tags
    assert not any(name.startswith("paper/") for name in run.data.metrics)
    return run.data.metrics


def test_a_net_of_any_forward(own, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = trained_and_loaded(own("model=free", "recipe.epochs=5"), tmp_path)
    assert metrics["test/error_pct"] < 30
    # 24x24 units of 25 inputs and a bias, normalised, and the output's; the pool is a function
    assert metrics["macs"] == 6 * 24 * 24 * (26 + 2) + 10 * (6 * 144 + 1)
    assert metrics["variables"] == 6 * 26 + 12 + 10 * 865
    [outcome] = train(own("model=free", "tracking=off", epochs=1))
    table([[outcome]])
    assert "paper %" not in capsys.readouterr().out
    assert outcome.name == "free"


@pytest.mark.parametrize("name", ["bare", "lazy"])
def test_nets_of_other_kinds(name: str, own, tmp_path: Path) -> None:
    metrics = trained_and_loaded(own(f"model={name}"), tmp_path)
    assert ("macs" in metrics) == (name == "lazy")
    assert metrics["variables"] == (7_840 if name == "bare" else 7_850)


def test_dropout_goes_on_as_if_nothing_had_happened(own, tmp_path: Path, monkeypatch) -> None:
    from lenet.learning.modules import MinibatchModule

    class Killed(BaseException):
        pass

    [whole] = train(own("model=free", "recipe.epochs=3"))
    step, steps = MinibatchModule.training_step, iter(range(20))

    def killed(module, batch):
        if next(steps, None) is None:
            raise Killed
        return step(module, batch)

    monkeypatch.setattr(MinibatchModule, "training_step", killed)
    with pytest.raises(Killed):
        train(own("model=free", "recipe.epochs=3"))
    monkeypatch.setattr(MinibatchModule, "training_step", step)
    torch.rand(100)
    [resumed] = train(own("model=free", "recipe.epochs=3", "resume=true"))
    weights = []
    for run in (whole.run, resumed.run):
        client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
        path = client.download_artifacts(run, "model.safetensors", tmp_path)
        weights.append(Path(path).read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("nine", r"has to give scores of shape \(2, 10\) for 2 digits of 10 classes; .* \(2, 9\)"),
        ("pair", "it gives a tuple"),
        ("colour", "takes no digits of 28x28"),
        ("nothing", "cannot be trained: .*require grad"),
        ("trains not", "cannot be trained: "),
        ("saves not", "cannot be saved as safetensors"),
    ],
)
def test_what_cannot_work_is_told_before_a_step(kind: str, told: str, own) -> None:
    with pytest.raises(InputError, match=told) as refused:
        train(own("model=odd", f"+model.kind={kind}"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("recipe=paper",), "trains the nets of 1998 only: Free is none"),
        (("recipe=knn_head",), "a net's layer named output: no layer of conv, norm"),
    ],
)
def test_recipes_of_1998_refuse_it_beforehand(overrides: tuple, told: str, own) -> None:
    with pytest.raises(InputError, match=told):
        train(own("model=free", *overrides, epochs=None))


def test_a_class_on_the_command_line_takes_the_place_of_the_model(own, tmp_path: Path) -> None:
    overrides = ["model._target_=own_nets.Free", "+model.width=4"]
    cfg = of_own_class(own(*overrides), overrides)
    assert OmegaConf.to_container(cfg.model) == {"_target_": "own_nets.Free", "width": 4}
    assert (cfg.name, cfg.paper) == ("Free", None)
    (tmp_path / "conf" / "model" / "free.yaml").unlink()
    with pytest.raises(InputError, match=r"own_nets\.Free is not one of .*--trust"):
        trained_and_loaded(cfg, tmp_path)
    trained_and_loaded(cfg, tmp_path, trusted=("own_nets.Free",))


def test_a_class_of_the_project_keeps_the_values_of_its_file(own) -> None:
    overrides = ["model._target_=lenet.nets.LeNet5", "model.pooling=max"]
    cfg = own(*overrides)
    assert of_own_class(cfg, overrides) is cfg


def test_a_change_of_ones_own_code_is_another_training(own, tmp_path: Path) -> None:
    cfg, net = own("model=free"), tmp_path / "own_nets.py"
    before = identity.row(cfg, 1)["code"]
    net.write_text(f"{NETS}\n# a comment\n")
    assert identity.row(cfg, 1)["code"] == before
    net.write_text(NETS.replace("Dropout(0.3)", "Dropout(0.4)"))
    assert identity.row(cfg, 1)["code"] != before


@pytest.fixture
def estimator(own) -> Callable[[str], DictConfig]:
    """A configuration of a class of scikit-learn."""

    def composed(target: str) -> DictConfig:
        override = f"model._target_=sklearn.{target}"
        return of_own_class(own(override, "recipe=fit", epochs=None), [override])

    return composed


@pytest.mark.parametrize("target", ["svm.SVC", "naive_bayes.GaussianNB"])
def test_an_estimator_of_scikit_learn(target: str, estimator, tmp_path: Path) -> None:
    metrics = trained_and_loaded(estimator(target), tmp_path, (f"sklearn.{target}",))
    assert metrics["test/error_pct"] < 30
    assert "macs" not in metrics


def test_an_estimator_without_scores_is_told_before_the_fit(estimator) -> None:
    with pytest.raises(InputError, match="KMeans gives no scores"):
        train(estimator("cluster.KMeans"))


def test_what_cannot_be_saved_keeps_its_result(estimator, tmp_path: Path, capsys) -> None:
    cfg = estimator("ensemble.RandomForestClassifier")  # skops trusts no tree from a file
    [outcome] = train(cfg)
    assert outcome.error < 0.2
    told = capsys.readouterr().err.splitlines()
    assert "is trained and tested, but it cannot be saved without pickle" in told[0]
    assert told[1].startswith("warning: classifier is left out (ValueError")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(InputError, match="has no file of a classifier"):
        choose(tmp_path, store, outcome.run, trusted=[cfg.model._target_])


def test_a_recipe_whose_classifier_fails_after_training(
    own, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["recipe._target_=own_recipe.Steps"]
    cfg = of_own_class(own("model=free", *overrides, epochs=None), overrides)
    assert "batch_size" not in cfg.recipe
    metrics = trained_and_loaded(cfg, tmp_path, trusted=("own_recipe.Steps",))
    assert metrics["test/error_pct"] < 50
    assert "warning: costs is left out (RuntimeError: no idea)" in capsys.readouterr().err
    [run] = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert run.data.tags["warning.costs"] == "RuntimeError: no idea"
    assert run.info.status == "FINISHED"


def test_what_is_no_recipe_is_told(own) -> None:
    overrides = ["recipe._target_=own_nets.Free"]
    with pytest.raises(InputError, match="Free has no fit and load"):
        train(of_own_class(own(*overrides), overrides))
