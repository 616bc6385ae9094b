"""A configuration from elsewhere makes nothing but this project's own models and recipes."""

import re
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

from lenet.errors import InputError
from lenet.experiment.schema import MADE
from lenet.experiment.targets import (
    LETTERS,
    RENAMED,
    own_names,
    permitted,
    read_configuration,
)

CONF = Path(__file__).parents[2] / "conf"
NET = {"_target_": "lenet.nets.LeNet5", "output": "rbf"}


def test_what_is_permitted_is_what_conf_names() -> None:
    text = "\n".join(
        path.read_text()
        for room in ("model", "recipe", "experiment")
        for path in (CONF / room).iterdir()
    )
    assert set(re.findall(r"_target_: *(\S+)", text)) == MADE.keys()


@pytest.mark.parametrize("name", sorted(MADE))
def test_every_permitted_name_is_there(name: str) -> None:
    assert callable(get_object(name))


def test_older_names_become_those_of_today() -> None:
    assert set(RENAMED.values()) <= MADE.keys()
    old = {
        "model": {"_target_": "lenet.nets.lenet4.LeNet4"},
        "recipe": {
            "_target_": "lenet.ensemble.recipes.WithHead",
            "base": {"_target_": "lenet.learning.levenberg.SDLM", "epochs": 3},
            "head": {"_target_": "lenet.ensemble.heads.NearestNeighbourHead", "_partial_": True},
        },
    }
    assert permitted(old) == {
        "model": {"_target_": "lenet.nets.LeNet4"},
        "recipe": {
            "_target_": "lenet.ensemble.WithHead",
            "base": {"_target_": "lenet.learning.SDLM", "epochs": 3},
            "head": {"_target_": "lenet.ensemble.NearestNeighbourHead", "_partial_": True},
        },
    }
    assert old["model"] == {"_target_": "lenet.nets.lenet4.LeNet4"}, "what was given stays"


def test_plain_values_come_back_as_they_are(tmp_path: Path) -> None:
    values = {"name": "a run", "seeds": [0, 1], "data": {"noise": 0.1, "distort": False, "x": None}}
    assert permitted(values) == values
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    assert read_configuration(tmp_path / "c.yaml") == values


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        ({"model": {"_target_": "os.system", "command": "true"}}, r"model\._target_=os\.system"),
        ({"_target_": "lenet.nets.layers.torch.hub.load"}, "is not one of"),
        ({"_target_": "lenet.nets.LeNet5 "}, "is not one of"),
        ({"_target_": ""}, "is not one of"),
        ({"_target_": ["lenet.nets.LeNet5"]}, "not permitted"),
        ({"_target_": NET}, "not permitted"),
        ({"hidden": [1, [2, {"_target_": "builtins.eval"}]]}, r"hidden\[1\]\[1\]\._target_"),
        (NET | {"pooling": {"_target_": "subprocess.run"}}, "pooling._target_"),
        (NET | {"_args_": ["max"]}, "_args_"),
        (NET | {"_recursive_": False}, "_recursive_"),
        (NET | {"_mode_": "x"}, "_mode_"),
        (NET | {"_partial_": {"_target_": "lenet.nets.LeNet5"}}, "_partial_"),
        ({"home": "${oc.env:HOME}"}, "is an interpolation"),
        ({"home": ["a", "see ${oc.env:HOME}"]}, r"home\[1\]"),
        ({"${oc.env:HOME}": 1}, "not a plain name"),
        ({3: 1}, "not a plain name"),
        ({"a": {1, 2}}, "is a set"),
        ({"a": Path("b")}, "no plain value"),
        ({"a": b"bytes"}, "is a bytes"),
        ({"a": list(range(10_001))}, "too many values"),
        ({"a": 2**64}, "too large a number"),
        ({"a": "???"}, "no plain text"),
        ({"a": "b" * 1_001}, "no plain text"),
        ({"a\nb": 1}, "not a plain name"),
        ({"a": "\x1b[2J"}, r"a=\\x1b"),
        ({"a": "\u202e"}, "no plain text"),
    ],
)
def test_what_could_do_more_is_refused(hostile: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        permitted(hostile)


def test_values_without_end_are_refused() -> None:
    endless: list = []
    endless.append(endless)
    with pytest.raises(InputError, match="too deeply nested"):
        permitted(endless)


def test_a_class_of_the_users_own_is_permitted_where_conf_names_it(tmp_path: Path) -> None:
    for group, name in (("model", "own.Net"), ("trainer", "own.Trainer")):
        (tmp_path / group).mkdir()
        (tmp_path / group / "mine.yaml").write_text(f"a: [{{_target_: {name}}}] # _target_: no.Net")
    (tmp_path / "model" / "broken.yaml").write_text("a: [")
    own = own_names(tmp_path)
    assert own == {"own.Net"}
    assert permitted({"_target_": "own.Net"}, own) == {"_target_": "own.Net"}
    for name in ("own.Net2", "no.Net", "own.Trainer"):
        with pytest.raises(InputError, match="conf/ does not name it"):
            permitted({"_target_": name}, own)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model: !!python/object/apply:os.system [true]", "no YAML"),
        ("a: &x [1]\nb: *x", "it has aliases"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "it has aliases"),
        ("[" * 5_000, "no YAML"),
        ("a: 2026-02-31", "no YAML"),
        ("a: 2026-02-01", "is a date"),
        ("- a", "no mapping"),
        ("", "no mapping"),
        ("a: [", "no YAML"),
        ("a: \0", "no YAML"),
        ("a" * (LETTERS + 1), "more than"),
        ("recipe: {_target_: lenet.learning.SDLM, epochs: '${oc.env:HOME}'}", "interpolation"),
    ],
)
def test_text_that_is_no_configuration_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=reason) as told:
        read_configuration(tmp_path / "c.yaml")
    assert "\n" not in str(told.value)
