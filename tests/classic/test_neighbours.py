"""Nearest neighbours against scikit-learn's, and the votes by hand."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from lenet.classic.neighbours import NearestNeighbours, vote_scores


def test_votes_by_hand():
    """Nearest three: classes 1, 0, 0. Nearest of class 1 at 2, of 0 at 4, of 2 at 8, none of 3."""
    scores = vote_scores(np.array([[4.0, 2.0, 5.0, 8.0]]), np.array([[0, 1, 0, 2]]), 4, k=3)
    assert scores.tolist() == [[2 + 0.25, 1 + 0.5, 0 + 0.125, 0.0]]


def test_a_tied_vote_goes_to_the_nearest():
    scores = vote_scores(np.array([[3.0, 2.0, 2.5]]), np.array([[0, 1, 2]]), 3, k=3)
    assert scores.argmax() == 1


def test_a_training_pattern_found_again_is_sure_of_its_class():
    """At distance 0 only its own class scores for closeness, others nothing: no 0 / 0."""
    scores = vote_scores(np.array([[0.0, 1.0]]), np.array([[1, 0]]), 2, k=1)
    assert scores.tolist() == [[0.0, 1.5]]


@pytest.mark.parametrize("k", [1, 3])
def test_same_neighbours_as_scikit_learn(k, small):
    """Independent and exact (a tree); where its vote is not tied the class is the same."""
    ours = NearestNeighbours(k).fit(small.x, small.y)
    theirs = KNeighborsClassifier(k, algorithm="kd_tree").fit(small.x, small.y)
    untied = theirs.predict_proba(small.test_x).max(1) > 0.5
    assert untied.mean() > 0.95
    found = ours.predict(small.test_x)
    assert np.array_equal(found[untied], theirs.predict(small.test_x)[untied])
    votes = np.floor(ours.decision_function(small.test_x))
    shares = theirs.predict_proba(small.test_x)
    # the nearest class adds 1/2, the others less; all k votes of a sure pattern show
    assert np.array_equal(votes[untied].max(1), np.round(k * shares[untied].max(1)))


@pytest.mark.parametrize("k", [0, 1348])
def test_impossible_k_is_refused(k, small):
    with pytest.raises(ValueError, match=rf"k must lie in 1..1347, .* not be {k}"):
        NearestNeighbours(k).fit(small.x, small.y)
