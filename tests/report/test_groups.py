"""The tables of experiments say what the experiments themselves say."""

import tomllib
from importlib.resources import files

import pytest
from tests.conftest import PROJECT

from lenet import paper
from lenet.experiment import compose_experiment
from lenet.report import groups

CONF = PROJECT / "conf"
EXPERIMENTS = {path.stem for path in (CONF / "experiment").glob("*.yaml")}


def test_every_experiment_is_known_to_the_report():
    known = {*paper.ROWS, *groups.SECOND_CONFIGS, *groups.OF_OTHER_FIGURES}
    assert known == EXPERIMENTS


def test_second_configs_stand_beside_the_row_that_they_name():
    for name, (row, _) in groups.SECOND_CONFIGS.items():
        assert compose_experiment(name, CONF).paper == row


def test_distorted_training_is_that_of_the_paper():
    for plain, distorted in groups.DISTORTED.items():
        assert not compose_experiment(plain, CONF).data.distort
        assert compose_experiment(distorted, CONF).data.distort


def test_experiments_of_variance_have_as_many_seeds_and_orders():
    for name in groups.OF_VARIANCE:
        cfg = compose_experiment(name, CONF)
        assert list(cfg.seeds) == list(range(groups.SEEDS))
        assert cfg.recipe.get("orders") == (groups.ORDERS if name == groups.CROSSED else None)


def test_both_records_are_of_as_many_seeds_on_all_digits():
    best, taught = (compose_experiment(name, CONF) for name in groups.RECORDS)
    assert list(best.seeds) == list(taught.seeds) == list(range(groups.SEEDS))
    assert best.data.validation == taught.data.validation == 0


def test_every_reason_belongs_to_an_experiment():
    reasons = tomllib.loads((files("lenet.report") / "reasons.toml").read_text())
    assert reasons.keys() <= EXPERIMENTS


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
