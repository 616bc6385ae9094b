"""The tables of experiments say what the experiments themselves say."""

import tomllib
from importlib.resources import files

import pytest
from omegaconf import OmegaConf
from tests.conftest import PROJECT

from lenet import paper
from lenet.report import groups

ROW_OF = {
    path.stem: OmegaConf.load(path).paper
    for path in sorted((PROJECT / "conf" / "experiment").glob("*.yaml"))
}


def test_every_experiment_is_known_to_the_report():
    known = {*paper.ROWS, *groups.SECOND_CONFIGS, *groups.OF_OTHER_FIGURES}
    assert known == ROW_OF.keys()


def test_second_configs_stand_beside_the_row_that_they_name():
    assert {name: ROW_OF[name] for name in groups.SECOND_CONFIGS} == {
        name: row for name, (row, _) in groups.SECOND_CONFIGS.items()
    }


def test_distorted_training_is_that_of_the_paper():
    for plain, distorted in groups.DISTORTED.items():
        assert not paper.ROWS[ROW_OF[plain]].distorted
        assert paper.ROWS[ROW_OF[distorted]].distorted


def test_every_reason_belongs_to_an_experiment():
    reasons = tomllib.loads((files("lenet.report") / "reasons.toml").read_text())
    assert reasons.keys() <= ROW_OF.keys()


@pytest.mark.parametrize(
    ("experiment", "label"),
    [
        ("svm_poly4", "SVM poly 4"),
        ("mlp_300_deslant_modern", "[deslant] 20x20-300-10, today's recipe"),
        ("lenet5_noise", "[noise] LeNet-5"),
        ("mine", "mine"),
    ],
)
def test_experiments_go_by_the_names_of_the_paper(experiment, label):
    assert groups.label(experiment) == label


def test_the_label_of_a_cell_names_its_levels():
    assert groups.cell_label((1, 0, 1)) == "max pooling, tanh, RBF output"
