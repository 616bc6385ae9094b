import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.tree import DecisionTreeClassifier

from lenet import paper
from lenet.data.distortions import distorted_patterns
from lenet.ensemble.boosting import boost, mean_calls, second_sets, sparing_threshold, third_sets

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = torch.tensor(IMAGES / 16, dtype=torch.float32).view(-1, 1, 8, 8)
IMAGES = IMAGES * (paper.FOREGROUND - paper.BACKGROUND) + paper.BACKGROUND
LABELS = torch.tensor(LABELS)
N = 1200  # digits to train on


def digits(numbers):
    """An endless stream of distorted digits."""
    return distorted_patterns(IMAGES[:N], numbers, seed=0), LABELS[numbers % N]


def counting(numbers):
    """Pattern p is p itself, its class the last digit."""
    return numbers, numbers % 10


def one_hot(classes):
    return torch.nn.functional.one_hot(classes, 10).float()


def wrong_on_multiples_of(m):
    """One net for ``counting`` that is wrong on some of its patterns only."""
    return lambda patterns: one_hot((patterns % 10 + (patterns % m == 0)) % 10)[None]


def second_set(first, stream, size, start, limit):
    """The set of a single seed."""
    return second_sets(first, stream, size, torch.tensor([start]), limit)[0]


def third_set(first, second, stream, size, start, limit):
    """The set of a single seed."""
    return third_sets(first, second, stream, size, torch.tensor([start]), limit)[0]


class Tree:
    """Something that really learns, and not too well."""

    def __init__(self, numbers):
        patterns, labels = digits(numbers)
        self.tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
        self.tree.fit(patterns.flatten(1), labels)

    def __call__(self, patterns):
        return torch.tensor(self.tree.predict_proba(patterns.flatten(1).numpy()))[None]


def test_net_2_learns_from_each_error_of_net_1_and_as_many_right_answers():
    numbers = second_set(wrong_on_multiples_of(7), counting, 6, start=1, limit=1000)
    # wrong: 7, 14, 21; right in the same stretch: 1, 2, 3
    assert numbers.tolist() == [7, 1, 14, 2, 21, 3]


def test_net_2_s_set_is_half_wrong_over_many_chunks_of_the_stream():
    first = wrong_on_multiples_of(100)
    numbers = second_set(first, counting, 400, start=50, limit=100_000)
    patterns, labels = counting(numbers)
    assert (first(patterns)[0].argmax(1) != labels).float().mean().item() == 0.5
    assert len(set(numbers.tolist())) == 400
    assert numbers.min().item() >= 50
    right = numbers[1::2]
    assert right.max().item() > 15_000  # not all from the stream's beginning


def test_a_net_that_is_mostly_wrong_gives_no_more_wrong_than_right():
    numbers = second_set(lambda p: one_hot(p % 10 * 0)[None], counting, 40, start=0, limit=10_000)
    _, labels = counting(numbers)
    assert (labels == 0).float().mean().item() == 0.5


def test_net_3_learns_from_the_patterns_on_which_nets_1_and_2_disagree():
    first, second = wrong_on_multiples_of(4), wrong_on_multiples_of(6)
    numbers = third_set(first, second, counting, 6, start=1, limit=1000)
    # both are wrong, and alike, on 12 and 24
    assert numbers.tolist() == [4, 6, 8, 16, 18, 20]


def test_looking_goes_no_further_than_the_limit():
    seen = []

    def stream(numbers):
        seen.extend(numbers.tolist())
        return counting(numbers)

    with pytest.raises(ValueError, match=r"only 2 of 10 errors of net 1 .* in 3000 patterns"):
        second_set(lambda p: one_hot((p % 10 + (p == 1500)) % 10)[None], stream, 10, 1000, 3000)
    assert seen[:3000] == list(range(1000, 4000))
    assert len(seen) < 3000 + 2048, "the chunk in which the limit lies is the last"
    with pytest.raises(ValueError, match="only 0 of 10 disagreements"):
        third_set(wrong_on_multiples_of(3), wrong_on_multiples_of(3), counting, 10, 0, 100)


def test_half_of_an_odd_number_is_refused():
    with pytest.raises(ValueError, match="size=5 has no half"):
        second_set(wrong_on_multiples_of(7), counting, 5, start=0, limit=1000)


def test_each_seed_has_the_sets_that_it_would_have_alone():
    both = lambda p: torch.cat([wrong_on_multiples_of(7)(p), wrong_on_multiples_of(9)(p)])  # noqa: E731
    starts = torch.tensor([1, 3001])
    sets = second_sets(both, counting, 8, torch.tensor([1, 1]), limit=1000)
    assert sets[0].tolist() == second_set(wrong_on_multiples_of(7), counting, 8, 1, 1000).tolist()
    assert sets[1].tolist() == second_set(wrong_on_multiples_of(9), counting, 8, 1, 1000).tolist()
    none = lambda p: one_hot(p % 10).expand(2, -1, -1)  # noqa: E731
    sets = third_sets(none, both, counting, 8, starts, limit=1000)
    right = lambda p: one_hot(p % 10)[None]  # noqa: E731
    alone = third_set(right, wrong_on_multiples_of(9), counting, 8, 3001, 1000)
    assert sets[1].tolist() == alone.tolist()


def test_the_three_nets_are_trained_on_what_the_paper_says():
    sets = []

    def train(of_seeds):
        sets.append(of_seeds[0])
        return wrong_on_multiples_of(len(sets) + 2)

    nets = boost(train, counting, torch.arange(100)[None], size=10, limit=1000)
    assert [len(numbers) for numbers in sets] == [100, 10, 10]
    assert min(sets[1].min(), sets[2].min()).item() >= 100
    assert (sets[1][::2] % 3 == 0).all()
    assert (sets[1][1::2] % 3 != 0).all()
    assert ((sets[2] % 3 == 0) != (sets[2] % 4 == 0)).all()
    assert [net(torch.tensor([60])).argmax().item() for net in nets] == [1, 1, 1]


def test_three_boosted_trees_make_fewer_errors_than_the_first():
    grow = lambda sets: Tree(sets[0])  # noqa: E731
    nets = boost(grow, digits, torch.arange(4 * N)[None], size=3000, limit=60_000)
    test, labels = IMAGES[N:], LABELS[N:]
    first, second, third = (net(test)[0] for net in nets)
    alone = (first.argmax(1) != labels).float().mean().item()
    together = ((first + second + third).argmax(1) != labels).float().mean().item()
    assert together < 0.9 * alone


FIRST = torch.zeros(4, 10)
FIRST[:, 0] = torch.tensor([0.9, 0.7, 0.5, 0.3])
ADDED = one_hot(torch.tensor([0, 0, 1, 1]))


def cascade(first, added, threshold):
    """The classes answered when nets 2 and 3 are called only where net 1 is unsure."""
    best = first.topk(2, dim=1).values
    return torch.where(best[:, 0] - best[:, 1] >= threshold, first.argmax(1), added.argmax(1))


def test_calls_by_hand():
    assert mean_calls(FIRST, 0.0) == 1
    assert mean_calls(FIRST, 0.5) == 1.5
    assert mean_calls(FIRST, 1.0) == 3


@pytest.mark.parametrize(
    ("labels", "threshold"),
    [
        ([0, 0, 1, 1], 0.7),  # the third and fourth are the others' to put right
        ([0, 0, 1, 0], 0.3),  # an error for an error
        ([0, 0, 0, 0], 0.3),  # net 1 alone is best
        ([1, 0, 1, 1], 0.7),  # both wrong on the first
    ],
)
def test_the_sparing_threshold_by_hand(labels, threshold):
    labels = torch.tensor(labels)
    found = sparing_threshold(FIRST, ADDED, labels)
    assert found == pytest.approx(threshold)
    errors = (cascade(FIRST, ADDED, found) != labels).sum()
    assert errors <= (ADDED.argmax(1) != labels).sum()


def test_a_first_net_wrong_where_it_is_surest_never_ends_the_matter():
    added = one_hot(torch.tensor([1, 1, 1, 1]))
    threshold = sparing_threshold(FIRST, added, torch.tensor([1, 1, 1, 1]))
    assert threshold == float("inf")
    assert mean_calls(FIRST, threshold) == 3


def test_equal_margins_are_sure_together():
    first = torch.zeros(3, 10)
    first[:, 0] = 0.5
    added = one_hot(torch.tensor([0, 1, 1]))
    assert sparing_threshold(first, added, torch.tensor([0, 1, 1])) == float("inf")


def test_the_sparing_threshold_saves_calls_at_no_cost_on_random_scores():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (2000,), generator=generator)
    first = one_hot(labels) + torch.randn(2000, 10, generator=generator) * 0.5
    added = first + one_hot(labels) * 1.5 + torch.randn(2000, 10, generator=generator) * 0.5
    threshold = sparing_threshold(first, added, labels)
    errors = (added.argmax(1) != labels).sum().item()
    assert (cascade(first, added, threshold) != labels).sum().item() <= errors
    assert 1 < mean_calls(first, threshold) < 3
    margins = np.sort(np.diff(np.sort(first.numpy(), 1)[:, -2:], axis=1)[:, 0])
    for lower in margins[margins < threshold - 1e-6]:
        assert (cascade(first, added, float(lower)) != labels).sum().item() > errors
