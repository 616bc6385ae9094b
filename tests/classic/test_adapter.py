"""Estimators among the classifiers: scores, seeds, files and refusals."""

from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.linear_model import RidgeClassifier

from lenet.classic.adapter import Fit
from lenet.classic.linear import TanhUnits
from lenet.classifier import Task
from lenet.data.digits import Digits, Split, split
from lenet.data.source import stand_in
from lenet.errors import InputError
from lenet.nets import LeNet5


@pytest.fixture(scope="module")
def digits() -> Digits:
    return split(stand_in())


def fit(model, digits: Digits, seed: int = 0):
    [classifier] = Fit().fit(Task([model], [seed], digits, {}, Path(), [print]))
    return classifier


def test_scores_costs_and_file(digits: Digits, tmp_path: Path) -> None:
    classifier = fit(RidgeClassifier(), digits)
    scores = classifier.scores(digits.test.images)
    assert scores.shape == (500, 10)
    assert classifier.costs(digits.test.images).variables == 7_850
    classifier.save(tmp_path / classifier.file)
    again = Fit().load(RidgeClassifier(), tmp_path / classifier.file)
    assert (again.scores(digits.test.images) == scores).all()


def test_random_draws_come_from_the_seed(digits: Digits) -> None:
    one, two, other = (
        fit(TanhUnits(), digits, seed).scores(digits.test.images) for seed in (0, 0, 1)
    )
    assert (one == two).all()
    assert (one != other).any()


def test_a_class_without_digits_is_told(digits: Digits) -> None:
    some = digits.train.labels != 7
    train = Split(digits.train.images[some], digits.train.labels[some])
    with pytest.raises(InputError, match="no training pattern of class 7"):
        fit(RidgeClassifier(), Digits("digits", "", train, digits.validation, digits.test))


def test_what_cannot_be_fitted_is_refused(digits: Digits) -> None:
    with pytest.raises(InputError, match="recipe=fit trains estimators, not LeNet5"):
        fit(LeNet5(), digits)
    for changed in ({"distorted": True}, {"noise": 0.1}):
        with pytest.raises(InputError, match="only nets are trained on changed digits"):
            fit(RidgeClassifier(), replace(digits, **changed))
