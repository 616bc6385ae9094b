"""Values that cannot be meant are refused with one line, before anything is loaded."""

from pathlib import Path

from lenet import paper
from lenet.experiment.config import check, flat


def test_noise_is_the_papers(configure) -> None:
    assert configure("experiment=lenet5_noise").data.noise == paper.NOISE


def test_the_defaults_pass(configure) -> None:
    check(configure())


def test_every_file_of_the_configuration_composes(configure) -> None:
    conf = Path(__file__).parents[2] / "conf"
    for group in ("model", "data", "recipe", "trainer", "tracking", "experiment"):
        for path in sorted((conf / group).glob("*.yaml")):
            assert configure(f"{group}={path.stem}", epochs=None).name


def test_flat_keys_are_those_of_the_command_line() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}
