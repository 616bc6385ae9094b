"""Whatever is wrong with what a user gives is told in one line that says what to do."""

import copy
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object as locate
from omegaconf import DictConfig, OmegaConf
from tests import commands
from tests.conftest import PROJECT

from lenet.data import VIEWS
from lenet.errors import InputError
from lenet.experiment import schema
from lenet.experiment.command import train as train_in_process
from lenet.experiment.hydra_errors import told_briefly

REFUSED = [  # overrides of train.py, what they are told
    ("recipe.epochs=0", "recipe.epochs=0 has to be a whole number from 1"),
    ("recipe.epochs=-3", "recipe.epochs=-3 has to be"),
    ("recipe.epochs=100000", "recipe.epochs=100000 has to be"),
    ("recipe.epochs=many", "recipe.epochs=many has to be"),
    ("recipe.epochs=2.5", "recipe.epochs=2.5 has to be"),
    ("recipe.epochs=true", "recipe.epochs=True has to be"),
    ("recipe.epochs=null", "recipe.epochs=None has to be"),
    ("recipe.batch_size=0", "recipe.batch_size=0 has to be"),
    ("recipe.batch_size=1000000", "recipe.batch_size=1000000 has to be"),
    ("recipe.optimizer.lr=-0.1", "recipe.optimizer.lr=-0.1 has to be a number from"),
    ("recipe.optimizer.lr=1000", "recipe.optimizer.lr=1000 has to be"),
    ("recipe.optimizer.lr=nan", "recipe.optimizer.lr=nan has to be"),
    ("data.train_size=-1", "data.train_size=-1 has to be"),
    ("data.train_size=0", "data.train_size=0 has to be"),
    ("data.validation=-1", "data.validation=-1 has to be"),
    ("trainer.threads=0", "trainer.threads=0 has to be"),
    ("seed=-1", "seed=-1 has to be"),
    ("seeds=3", "seeds=3 has to be a list"),
    ("seeds=[]", "has to be a list"),
    ("seeds=[1,x]", "seeds=x has to be"),
    ("seeds=[1,1]", "names a seed twice"),
    ("paper=lenet6", "paper=lenet6 is not a row of Figure 9: linear, "),
    ("trainer.compile=off", "trainer.compile=off has to be true or false"),
    ("data.distort=1", "data.distort=1 has to be true or false"),
    ("data.noise=-0.1", "data.noise=-0.1 has to be a number from 0 to 0.5"),
    ("data.noise=0.6", "data.noise=0.6 has to be"),
    ("trainer=gpu", "torch finds no GPU here: use trainer=cpu"),
    ("output=/proc/none", "/proc/none cannot be written"),
    ("name=''", "name= has to be a text"),
    ("tracking.uri=7", "tracking.uri=7 has to be a text"),
    ("tracking.uri=http://127.0.0.1:9", "no MLflow server answers at tracking.uri=http://127"),
    ("tracking.uri=ftp://x", "tracking.uri=ftp://x cannot be used"),
    ("tracking.uri=mysql://x", "tracking.uri=mysql://x cannot be used: name sqlite:///<file>"),
    ("tracking.uri='http://u:p@'", "no MLflow server answers at tracking.uri=http://u:p@ (nonn"),
    ("tracking.uri='http://[::1'", "tracking.uri=http://[::1 cannot be used"),
    ("name='a\x1b[2Jb'", "name=a\\x1b[2Jb has to be a text on one line"),
    ("tracking.uri=sqlite:////proc/none/x.db", "cannot be used ([Errno 2] No such file"),
    ("model.pooling=median", "model.pooling=median is not one of average, max, subsampling"),
    ("model.activation=gelu", "model.activation=gelu is not one of tanh, relu, scaled_tanh"),
    ("model.output=linear", "model.output=linear is not one of softmax, squashed, rbf"),
    ("model.connections=table2", "model.connections=table2 is not one of full, table1"),
    ("model=mlp_300 model.hidden=[0]", "model.hidden=0 has to be a whole number from 1"),
    (
        "model=mlp_300 model.hidden=[]",
        "model.hidden=[] has to be a list of at most 4, each of which is a",
    ),
    ("model=lenet1 model.output=rbf", "model.output=rbf is not one of softmax, squashed"),
    ("model._target_=os.system", "Target 'os.system' is blocklisted"),
    ("model._target_=lenet.nets.LeNet7", "Error loading 'lenet.nets.LeNet7'"),
    ("data.view=upright", "data.view=upright is not one of regular, deslanted, 16x16"),
    ("data.view=16x16", "this net takes no digits of 16x16 (data.view)"),
    ("data.view=deslanted", "this net takes no digits of 20x20 (data.view)"),
    ("model=lenet5_1998 recipe=paper data.view=16x16", "kernels of 5x5 on maps of 8x8"),
    ("data.source=cifar", "data.source=cifar is not one of auto, mnist, qmnist, digits"),
    ("data.source=mnist", "is missing: put the four MNIST archives there, or unset MNIST_ROOT"),
    ("data.validation=1297", "data.validation=1297 has to lie between 0 and 1,296"),
    ("recipe.optimizer.weight_decay=-1", "weight_decay=-1 has to be a number from 0"),
    ("recipe.schedule.pct_start=3", "pct_start=3 has to be a number from 0 to 1"),
    ("recipe.optimizer._target_=torch.optim.Nope", "Error loading 'torch.optim.Nope'"),
    ("recipe.optimizer.lr=9 model=lenet5_relu recipe.epochs=3", "lower recipe.optimizer.lr"),
    ("recipe=paper", "this recipe trains the nets of 1998 only"),
    ("model=lenet5_1998 recipe=paper trainer=ddp", "leave trainer=ddp out"),
    ("model=lenet5_1998 recipe=paper recipe.power=x", "recipe.power=x has to be a number"),
    ("model=lenet5_1998 recipe=paper recipe.scale=0", "recipe.scale=0 has to be a number"),
    ("model=lenet5_1998 recipe=paper recipe.j=0", "recipe.j=0 has to be a number"),
    ("model=knn", "this recipe trains nets only: an estimator wants recipe=fit"),
    ("recipe=fit", "recipe=fit trains estimators, not LeNet5"),
    ("model=knn recipe=fit model.k=2000", "k must lie in 1..1097, the training patterns"),
    ("model=knn recipe=fit data.distort=true", "only nets are trained on changed digits"),
    ("model=svm_poly4 recipe=fit model.C=-1", "model.C=-1 has to be a number from"),
    ("trainer.accelerator=abacus", "accelerator=abacus is not one of auto, cpu, gpu, cuda, mps"),
    ("trainer.devices=0", "devices=0 has to be a whole number from 1 to 1024"),
    ("trainer=ddp trainer.devices=many", "devices=many has to be a whole number from 1"),
    ("+trainer.precision=3", "precision=3 is not one of 32-true, 16-mixed"),
    ("+trainer.precision=64-true", "precision=64-true is not one of"),  # trains, cannot be tested
    ("+trainer.limit_train_batches=1e-9", "trainer: You requested to check 1e-09 of"),
    ("+trainer.nonsense=1", "trainer.nonsense is not known: trainer has accelerator, "),
    ("trainer.threads=1000", "trainer.threads=1000 is more than the "),
    ("trainer=ddp trainer.devices=1000", "trainer.devices=1000 is more than the "),
    ("trainer.devices=2", "only trainer=ddp shares the work of a run"),
    ("model=knn recipe=fit trainer=ddp", "an estimator cannot be shared: leave trainer=ddp out"),
    ("recipe=knn_head model=lenet4 trainer=ddp", "one pattern per update cannot be shared"),
    ("recipe=boosting model=lenet4 trainer=ddp", "one pattern per update cannot be shared"),
    *(
        (f"+trainer.{given}", f"trainer.{given.partition('=')[0]} is not known")
        for given in ("max_epochs=1", "fast_dev_run=true", "callbacks=[]", "default_root_dir=/tmp")
    ),
    ("~data.view", "data.view is missing: give data.view=<value>"),
    ("~model._target_", "model._target_=None has to be a text"),
    ("seed=???", "seed is missing: give seed=<value>"),
    ("seed=${seed}", "seed=${seed} cannot be resolved"),
    ("+model.poolings=max", "model.poolings is not known: model has _convert_, _recursive_"),
    ("+data.seed=1", "data.seed is not known: data has dataset, distort, "),
    ("tracking.uri=sqlite:////", "tracking.uri=sqlite://// names a folder"),
]


@pytest.mark.parametrize(("overrides", "line"), REFUSED)
def test_train_refuses(
    configure, overrides: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("MNIST_ROOT", "/nowhere")
    given = overrides.split(" ")
    has_none = {"recipe=fit", "recipe=knn_head", "recipe=boosting"} & set(given)
    epochs = None if "recipe.epochs" in overrides or has_none else 1
    with pytest.raises(InputError) as refused:
        train_in_process(configure(*given, epochs=epochs))
    assert line.lower() in str(refused.value).lower()
    assert "\n" not in str(refused.value).strip()


def permits(known: dict[str, Any], value: object) -> bool:
    """Whether JSON Schema, as far as the project's schema uses it, takes a value."""
    if "anyOf" in known:
        return any(permits(each, value) for each in known["anyOf"])
    if "enum" in known or "const" in known:
        return value in known.get("enum", [known.get("const")])
    if known["type"] in ("integer", "number"):
        kinds = int if known["type"] == "integer" else int | float
        low, high = known.get("minimum", -1e99), known.get("maximum", 1e99)
        low = known.get("exclusiveMinimum", low)
        return isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high
    kind = {"boolean": bool, "string": str, "array": list, "object": dict, "null": type(None)}
    short = isinstance(value, str | list) and len(value) < max(
        known.get("minLength", 0), known.get("minItems", 0)
    )
    return isinstance(value, kind[known["type"]]) and not short


def wrong_values(known: dict[str, Any]) -> Iterator[object]:
    """What a key cannot be: of other types, below and above its range, nothing at all."""
    yield "${nowhere}"
    numbers = [each for each in known.get("anyOf", [known]) if "maximum" in each]
    beyond = [value for n in numbers for value in (n.get("minimum", 0) - 1, 2 * n["maximum"] + 1)]
    for value in (None, [], {"a": 1}, "", "many", True, -7, 0.123, *beyond):
        if not permits(known, value):
            yield value


KINDS = {"": schema.Run, **schema.GROUPS, **schema.MADE}
WRONG = {  # by where a key is, a group or the class that it is given to, and the key
    (where, key): list(wrong_values(known))
    for where, kind in KINDS.items()
    for key, known in kind.model_json_schema()["properties"].items()
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[str, DictConfig]]]:
    """For each of `KINDS` a configuration that has it, and where it is there."""
    folder = tmp_path_factory.mktemp("project")
    given = [f"root={folder}", "name=wrong", "data=digits", "trainer.threads=1"]
    choices = [
        f"{group}={path.stem}"
        for group in ("model", "recipe")
        for path in sorted((PROJECT / "conf" / group).glob("*.yaml"))
    ] + ["experiment=lenet5_mle_centres"]  # which alone names a loss
    found: dict[str, tuple[str, DictConfig]] = {}
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        for choice in choices:
            cfg = compose("config", [choice, *given])
            found |= {"": ("", cfg)} | {group: (group, cfg) for group in schema.GROUPS}
            for place in ("model", "recipe", *(f"recipe.{part}" for part in cfg.recipe)):
                part = OmegaConf.select(cfg, place)
                if isinstance(part, DictConfig) and "_target_" in part:
                    found.setdefault(part._target_, (place, cfg))
    yield found
    GlobalHydra.instance().clear()


def test_there_are_wrong_values_of_every_kind() -> None:
    assert min(len(values) for values in WRONG.values()) >= 4
    assert sum(len(values) for values in WRONG.values()) > 1_000


@pytest.mark.parametrize(("where", "key"), WRONG)
def test_values_of_another_kind_are_refused_before_anything_starts(
    places: dict[str, tuple[str, DictConfig]], where: str, key: str
) -> None:
    place, cfg = places[where]
    name = f"{place}.{key}" if place else key
    folder = Path(cfg.root)
    for value in WRONG[where, key]:
        wrong = copy.deepcopy(cfg)
        OmegaConf.update(wrong, name, value, merge=False, force_add=True)
        with pytest.raises(InputError) as refused:
            train_in_process(wrong)
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)
        assert not list(folder.iterdir())  # no run in a store, nothing else


@pytest.mark.parametrize("key", [f.alias or key for key, f in schema.Run.model_fields.items()])
def test_a_key_or_group_that_is_missing_is_told(
    places: dict[str, tuple[str, DictConfig]], key: str
) -> None:
    cfg = copy.deepcopy(places[""][1])
    OmegaConf.set_struct(cfg, False)
    del cfg[key]
    with pytest.raises(InputError, match=r"is missing: give|cannot be resolved: .* 'root'"):
        train_in_process(cfg)


@pytest.mark.parametrize("where", schema.MADE)
def test_the_schema_has_the_arguments_of_what_it_describes(where: str) -> None:
    makes: Callable[..., object] = locate(where)
    filled_in = {  # by the recipe, or left to torch
        *("params", "optimizer", "total_steps", "epochs", "steps_per_epoch", "last_epoch")
    } - ({"optimizer", "epochs"} if where.startswith("lenet.") else set())
    arguments = inspect.signature(makes).parameters.keys() - filled_in
    assert arguments == schema.MADE[where].model_fields.keys() - schema.Partial.model_fields.keys()


def test_the_schema_describes_all_views() -> None:
    assert set(VIEWS) == set(get_args(schema.Data.model_fields["view"].annotation))


@pytest.mark.parametrize("asked", ["0", "1"])
def test_hydra_is_asked_for_its_errors_and_the_environment_is_left_as_it_was(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", asked)
    with pytest.raises(SystemExit if asked == "0" else AssertionError), told_briefly():
        assert os.environ["HYDRA_FULL_ERROR"] == "0"
    assert os.environ["HYDRA_FULL_ERROR"] == asked
    assert ("train.py failed: AssertionError" in capsys.readouterr().err) == (asked == "0")


SHELL = [  # a command, what it is told last or among the first lines
    ("train.py model=lenet6", "The nearest of 27 choices:\n  lenet1\n  lenet4\n  lenet5\n"),
    ("train.py recipe=modem", "The choices:\n  modern\n"),
    ("train.py name=${nowhere}", "train.py failed: name=${nowhere} cannot be resolved"),
    ("train.py -m ~data seed=0,1", "The sweep cannot start: data is missing"),
    ("train.py model=null", "Config group override must be a string or a list"),
    ("train.py -m seed=range(3,0)", "The sweep cannot start: it has no jobs"),
    ("train.py recipe.epoch=3", "Key 'epoch' is not in struct"),
    ("train.py recipe.epochs=-1", "recipe.epochs=-1 has to be a whole number from 1 to 1000"),
    ("train.py output=/proc/none", "/proc/none cannot be written"),
    ("train.py -m output=/proc/none seed=0,1", "The sweep cannot start: /proc/none"),
    ("train.py hydra.run.dir=/proc/none", "train.py failed: FileNotFoundError"),
    ("train.py -m seed=0 hydra.launcher=null", "RuntimeError: Hydra launcher is not configured"),
    ("train.py -m hydra.sweep.dir=${nowhere} seed=0,1", "The sweep cannot start: hydra.sweep.dir:"),
    ("train.py repeat=zzz", "repeat= takes all values from the run: leave data=digits out"),
    ("train.py search=modern data.validation=0", "a search goes by the validation error"),
    ("predict.py nothing.png", "predict.py: nothing.png"),
    ("predict.py --run zzz conf/config.yaml", "predict.py: conf/config.yaml"),
    ("-m lenet.study train lenet6", "train: lenet6 is not an experiment of conf/experiment"),
    ("-m lenet.study short ../config", "short: ../config is not an experiment of conf/experiment"),
    ("-m lenet.study sing", "invalid choice: 'sing'"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "line"), SHELL)
def test_the_shell_is_told_and_sees_no_traceback(command: str, line: str, tmp_path: Path) -> None:
    data = ["data=digits"] if command.startswith("train.py") else []
    words = ["python", *command.split(" "), *data]
    done = commands.run(words, PROJECT, environment={"LENET_ROOT": str(tmp_path)})
    assert done.returncode != 0
    assert line in done.stderr
    assert "Traceback" not in done.stderr
