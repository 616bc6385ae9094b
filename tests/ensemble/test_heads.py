import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from lenet.ensemble.heads import LocalLearningHead, NearestNeighbourHead, features_of
from lenet.nets import MLP, LeNet4

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = (IMAGES / 8 - 1).astype(np.float32)
IMAGES += np.random.default_rng(0).normal(0, 1e-3, IMAGES.shape).astype(np.float32)  # no ties
TRAIN, TEST = slice(0, 1200), slice(1200, None)


def one_per_class():
    """Class c lies at c on a line."""
    return np.arange(10.0)[:, None], np.arange(10)


def errors(scores):
    return (scores.argmax(1) != LABELS[TEST]).mean()


def test_the_features_of_lenet4_are_the_120_outputs_of_c5():
    torch.manual_seed(0)
    net = LeNet4()
    images = torch.rand(300, 1, 28, 28)
    features = features_of(net, images)
    assert features.shape == (300, 120)
    scores = torch.from_numpy(features) @ net.output.weight.T + net.output.bias
    torch.testing.assert_close(scores, net(images))


def test_squashed_outputs_are_no_features():
    net = MLP((7,), 4, output="squashed")
    assert features_of(net, torch.rand(3, 1, 4, 4)).shape == (3, 7)


def test_a_net_without_an_output_layer_has_no_features():
    with pytest.raises(ValueError, match="no layer of 0, 1 is named output"):
        features_of(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Tanh()), torch.zeros(1, 1))


def test_one_neighbour_by_hand():
    scores = NearestNeighbourHead(1).fit(*one_per_class()).scores(np.array([[3.25]]))
    expected = 1 / (1 + np.abs(3.25 - np.arange(10)))
    expected[3] += 1
    np.testing.assert_allclose(scores[0], expected)


def test_votes_come_before_distances_and_distances_decide_between_equal_votes():
    features = np.concatenate([one_per_class()[0], [[2.2], [2.3]]])
    labels = np.array([*range(10), 5, 5])
    head = NearestNeighbourHead(3).fit(features, labels)
    votes = np.floor(head.scores(np.array([[2.01], [6.9]])))
    # 2.01 has the neighbours 2 (class 2), 2.2, 2.3 (class 5); 6.9 has 7, 6, 8, one vote each
    assert votes[0].tolist() == [0, 0, 1, 0, 0, 2, 0, 0, 0, 0]
    assert votes[1].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 0]
    assert head.scores(np.array([[2.01], [6.9]])).argmax(1).tolist() == [5, 7]


def test_neighbours_agree_with_those_of_scikit_learn():
    head = NearestNeighbourHead(5).fit(IMAGES[TRAIN], LABELS[TRAIN])
    scores = head.scores(IMAGES[TEST])
    reference = KNeighborsClassifier(5).fit(IMAGES[TRAIN], LABELS[TRAIN])
    votes = reference.predict_proba(IMAGES[TEST]) * 5
    np.testing.assert_array_equal(np.ceil(scores).astype(int) - 1, np.round(votes).astype(int))


def test_rejecting_where_two_classes_are_close_rejects_errors_first():
    for head in (NearestNeighbourHead(3), LocalLearningHead(30, 10)):
        scores = head.fit(IMAGES[TRAIN], LABELS[TRAIN]).scores(IMAGES[TEST])
        best = np.sort(scores, 1)[:, -2:]
        margin = best[:, 1] - best[:, 0]
        sure = margin >= np.quantile(margin, 0.2)
        wrong = scores.argmax(1) != LABELS[TEST]
        assert wrong[sure].sum() < wrong.sum() / 2
        assert len(np.unique(margin)) > len(margin) / 2


def test_a_class_without_patterns_is_named():
    features, labels = one_per_class()
    with pytest.raises(ValueError, match="class 4 has no training pattern"):
        NearestNeighbourHead(1).fit(np.delete(features, 4, 0), np.delete(labels, 4))


@pytest.mark.parametrize("head", [NearestNeighbourHead(11), LocalLearningHead(11)])
def test_more_neighbours_than_patterns_are_refused(head):
    with pytest.raises(ValueError, match="k=11 neighbours cannot be had from 10 patterns"):
        head.fit(*one_per_class())


@pytest.mark.parametrize("head", [NearestNeighbourHead(1), LocalLearningHead(1)])
def test_labels_of_other_patterns_are_refused(head):
    features, labels = one_per_class()
    with pytest.raises(ValueError, match="10 patterns do not fit 9 labels"):
        head.fit(features, labels[1:])


def test_local_learning_is_a_ridge_regression_on_the_neighbours_of_each_pattern():
    k, decay = 40, 3.0
    head = LocalLearningHead(k, decay).fit(IMAGES[TRAIN], LABELS[TRAIN])
    patterns = IMAGES[TEST][::60]
    scores = head.scores(patterns)
    for pattern, score in zip(patterns, scores, strict=True):
        near = np.argsort(((IMAGES[TRAIN] - pattern) ** 2).sum(1))[:k]
        targets = np.where(LABELS[near][:, None] == np.arange(10), 1.0, -1.0)
        ridge = Ridge(decay).fit(IMAGES[near].astype(np.float64), targets)
        np.testing.assert_allclose(score, ridge.predict(pattern[None])[0], atol=1e-3)


def test_with_much_decay_only_the_neighbours_votes_remain():
    head = LocalLearningHead(5, 1e9).fit(IMAGES[TRAIN], LABELS[TRAIN])
    votes = (head.scores(IMAGES[TEST]) + 1) / 2
    reference = KNeighborsClassifier(5).fit(IMAGES[TRAIN], LABELS[TRAIN])
    np.testing.assert_allclose(votes, reference.predict_proba(IMAGES[TEST]), atol=1e-3)


def test_a_pattern_amid_its_own_class_has_the_target_values():
    features = np.concatenate([np.full((20, 3), c * 10.0) for c in range(10)])
    features += np.random.default_rng(0).normal(size=features.shape)
    head = LocalLearningHead(10, 1.0).fit(features, np.repeat(np.arange(10), 20))
    expected = -np.ones(10)
    expected[6] = 1
    np.testing.assert_allclose(head.scores(np.full((1, 3), 60.0))[0], expected, atol=1e-6)


def test_local_learning_beats_the_vote_of_as_many_neighbours():
    local = LocalLearningHead(50, 10).fit(IMAGES[TRAIN], LABELS[TRAIN]).scores(IMAGES[TEST])
    vote = NearestNeighbourHead(50).fit(IMAGES[TRAIN], LABELS[TRAIN]).scores(IMAGES[TEST])
    assert errors(local) < errors(vote)


def test_scores_do_not_depend_on_the_batch():
    head = LocalLearningHead(20, 1.0).fit(IMAGES[TRAIN], LABELS[TRAIN])
    whole = head.scores(IMAGES[TEST])
    parts = [head.scores(IMAGES[TEST][i : i + 100]) for i in range(0, len(IMAGES[TEST]), 100)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)
    assert head.scores(IMAGES[:0]).shape == (0, 10)


def test_what_the_heads_store_and_compute():
    features = np.zeros((50, 4), np.float32)
    labels = np.arange(50) % 10
    near = NearestNeighbourHead(3).fit(features, labels)
    assert near.macs == near.variables == 200
    local = LocalLearningHead(7).fit(features, labels)
    assert local.variables == 200
    assert local.macs == 200 + 7 * 16 + 64 // 3
