"""Values that cannot be meant are refused with one line, before anything is loaded."""

from pathlib import Path

import pytest

from lenet import paper
from lenet.config import check, flat
from lenet.errors import InputError


def test_noise_is_the_papers(configure) -> None:
    assert configure("experiment=lenet5_noise").data.noise == paper.NOISE


def test_the_defaults_pass(configure) -> None:
    check(configure())


@pytest.mark.parametrize(
    ("override", "line"),
    [
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
    ],
)
def test_one_line_says_what_is_wrong(
    configure, override: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError) as refused:
        check(configure(override))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_file_of_the_configuration_composes(configure) -> None:
    conf = Path(__file__).parents[1] / "conf"
    for group in ("model", "data", "recipe", "trainer", "tracking", "experiment"):
        for path in sorted((conf / group).glob("*.yaml")):
            assert configure(f"{group}={path.stem}", epochs=None).name


def test_flat_keys_are_those_of_the_command_line() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}
