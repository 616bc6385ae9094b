# %% [markdown]
# # Lab 5: How sure is 0.95 %?
#
# LeNet-5 misreads 95 of 10,000 digits, says the paper, and LeNet-4 110. Is LeNet-5 the better net?
# You will find out how far such a number moves when something is drawn anew: the digits, the seed,
# the people who wrote.
#
# - **Paper:** III.A (where the digits come from), III.B, III.C (rates are uncertain by about 0.1
#   points), Figure 9.
# - **Code:** [statistics/intervals.py](../src/lenet/statistics/intervals.py) (`wilson`),
#   [statistics/estimates.py](../src/lenet/statistics/estimates.py) (`mean_error`),
#   [statistics/comparisons.py](../src/lenet/statistics/comparisons.py) (`mcnemar`),
#   [docs/statistics.md](../docs/statistics.md).
#
# Nothing is trained here: `results/` keeps what every net of the study answered to every test
# digit.

# %%
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lab import PROJECT, close

from lenet import paper, results
from lenet.data import writers
from lenet.statistics import mcnemar, mean_error, wilson

LABELS = "qmnist-test-labels-idx2-int.gz"  # who wrote MNIST's test digits

# %% parameters
REPETITIONS = 20_000  # of what is simulated

# %%
wrong = results.load(PROJECT / "results" / "lenet5").wrong  # seeds x digits, True where misread
seeds, digits = wrong.shape
print(f"{seeds} seeds of LeNet-5, {digits:,} digits; errors: {wrong.sum(1).tolist()}")

# %% [markdown]
# ## Other digits
#
# Suppose that a net misreads digits with a probability of exactly 0.95 %. *How many of 10,000 will
# it misread? 95?*
#
# ### Exercise 1: the standard error
# Each digit is right or wrong, with probability $p$; the share of errors among $n$ varies with the
# variance $p (1 - p) / n$. Give its standard deviation for the paper's LeNet-5.

# %% exercise 1
p, n = paper.ROWS["lenet5"].test_error / 100, paper.TEST_DIGITS
standard_error = ...

# %% check 1
drawn = np.random.default_rng(0).binomial(n, p, REPETITIONS) / n
assert close(standard_error, drawn.std(), 5e-5), (
    f"{REPETITIONS:,} test sets, drawn, vary by {drawn.std():.5f}: that is a fraction, not per cent"
)
print(f"{100 * p:.2f} % ± {196 * standard_error:.2f}; the paper calls it uncertain by 0.1")

# %%
figure, axes = plt.subplots(figsize=(6, 2.6))
axes.hist(100 * drawn, bins=np.arange(0.495, 1.5, 0.03))
axes.axvline(100 * p, color="0.2")
axes.axvline(paper.ROWS["lenet4"].test_error, color="C1")
axes.set(xlabel="error, per cent, of one net on many test sets", yticks=[])
axes.text(paper.ROWS["lenet4"].test_error + 0.01, axes.get_ylim()[1] * 0.85, "LeNet-4")
figure.tight_layout()

# %% [markdown]
# The symmetric interval $p \pm 1.96$ standard errors may reach below 0 where errors are few.
# Wilson's does not: `wilson(errors, count)`, in fractions.

# %%
pd.DataFrame(
    [(errors, *(100 * bound for bound in wilson(errors, 10_000))) for errors in (0, 5, 95, 110)],
    columns=["errors of 10,000", "from %", "to %"],
).round(2)

# %% [markdown]
# ## Other seeds
#
# Five seeds on 10,000 digits are 50,000 answers. *Are they worth 50,000 digits?*
#
# ### Exercise 2: the same mistakes
# If errors were pure luck, two seeds would share one in a hundred of theirs. Which share of the
# errors of one seed does another seed make, too, in the mean over all pairs of different seeds?

# %% exercise 2
shared = ...

# %% check 2
both = np.array([[(a & b).sum() / a.sum() for a in wrong] for b in wrong])
assert close(shared, both[~np.eye(seeds, dtype=bool)].mean(), 0.02), (
    "wrong[i] & wrong[j] is what both get wrong; divide by wrong[i].sum()"
)
print(f"{shared:.0%} of the errors are shared: some digits are simply hard")

# %% [markdown]
# So two things are drawn, seeds and digits. With $S$ seeds and $N$ digits, the variance of the
# mean is about
#
# $$\frac{\text{variance of the S seeds' errors}}{S} +
#   \frac{\text{variance of the N digits' mean errors}}{N}$$
#
# ### Exercise 3: both draws
# Compute its square root, the standard error of LeNet-5's mean error. (`var(ddof=1)` is the
# variance of a sample.)

# %% exercise 3
of_both = ...

# %% check 3
interval = mean_error(wrong)
assert close(of_both, (interval.high - interval.low) / 4, 1e-4), (
    "wrong.mean(1) has one error for each seed, wrong.mean(0) one for each digit"
)

# %%
mean = wrong.mean()
pooled = math.sqrt(mean * (1 - mean) / wrong.size)  # as if they were 50,000 digits
rows = {
    "the paper, 1 seed": (p, *wilson(95, 10_000)),
    "ours, seed 0": (wrong[0].mean(), *wilson(int(wrong[0].sum()), digits)),
    f"ours, {seeds} seeds": (mean, interval.low, interval.high),
    "as if 50,000 digits": (mean, mean - 1.96 * pooled, mean + 1.96 * pooled),
}
figure, axes = plt.subplots(figsize=(6, 2.6))
for row, (middle, low, high) in enumerate(rows.values()):
    axes.errorbar(
        100 * middle, row, xerr=[[100 * (middle - low)], [100 * (high - middle)]], fmt="o"
    )
axes.set(yticks=range(len(rows)), yticklabels=rows, xlabel="test error, per cent")
axes.invert_yaxis()
figure.tight_layout()

# %% [markdown]
# ## Other people
#
# III.A: half of the digits were written by employees of the Census Bureau, half by high-school
# students, whose writing is harder to read. In the test set, the halves lie one after the other.
# *Which is the students'?*
#
# ### Exercise 4: the two halves
# Give LeNet-5's error on the first 5,000 and on the last 5,000 digits, in the mean over seeds.

# %% exercise 4
first, last = ..., ...

# %% check 4
halves = wrong.reshape(seeds, 2, -1).mean((0, 2))
assert close((first, last), halves), "wrong[:, :5_000].mean(), and the rest"
print(f"the first half {first:.2%}, the last {last:.2%}: the students come first")

# %% [markdown]
# Digits are no strangers to one another: one hand writes many of them, well or badly. *How would
# LeNet-5 read other people's digits?* For this question it is the writers that are drawn, not
# their digits. MNIST does not say who wrote which, but QMNIST does; where its labels lie beside
# MNIST (`QMNIST/raw/`), the next cell shows the writers whose digits are misread most.

# %%
by_digit = wrong.mean(0)
folders = [Path(os.environ.get("MNIST_ROOT", PROJECT / "data")), PROJECT / "data"]
if any((folder / "QMNIST" / "raw" / LABELS).exists() for folder in folders):
    known = writers("test", PROJECT / "data")
    hands = pd.DataFrame({"writer": known.number, "student": known.student, "misread": by_digit})
    of_hands = hands.groupby(["student", "writer"]).misread.agg(["size", "sum"])
    print(f"{len(of_hands)} people wrote {digits:,} digits; these ten have the most errors:")
    print(of_hands.sort_values("sum").tail(10).round(1))
else:
    known = None
    print(f"{LABELS} is not here: what follows takes digits for strangers.")

# %% [markdown]
# *How much wider is the interval, once writers are drawn?* `mean_error` takes them as a second
# argument.

# %%
found = mean_error(wrong), mean_error(wrong, known)
pd.DataFrame(
    [(100 * each.mean, 100 * each.low, 100 * each.high) for each in found],
    index=["digits drawn", "writers drawn" if known else "(no writers here)"],
    columns=["error %", "from %", "to %"],
).round(2)

# %% [markdown]
# ## How many digits would it take?
#
# Trained on distorted digits, too, LeNet-5 errs on 0.8 % instead of 0.95. *Could the paper have
# known that this is no chance?* Take two test sets of $n$ digits each. The difference of two
# independent error rates has the variance $(p_1 (1 - p_1) + p_2 (1 - p_2)) / n$. To be found
# significant four times out of five (the **power**), a difference has to be 1.96 + 0.84 times its
# standard deviation.
#
# ### Exercise 5: the digits needed


# %% exercise 5
def digits_needed(p1: float, p2: float) -> int:
    """For a power of 80 % at the usual 5 %."""
    ...


# %% check 5
enough = digits_needed(0.0095, 0.008)
assert enough not in (None, ...), "return a number of digits"
generator = np.random.default_rng(1)
a, b = (generator.binomial(int(enough), rate, REPETITIONS) / enough for rate in (0.0095, 0.008))
found = abs(a - b) > 1.96 * np.sqrt((a * (1 - a) + b * (1 - b)) / enough)
assert close(found.mean(), 0.8, 0.03), (
    f"with {int(enough):,} digits {found.mean():.0%} of {REPETITIONS:,} simulated studies find it: "
    "solve difference = 2.8 sqrt(variance / n) for n"
)
print(f"{int(enough):,} digits for each; the paper had {paper.TEST_DIGITS:,}")

# %% [markdown]
# ## The same digits for both
#
# But both nets read the *same* digits, so what is hard for both cancels. Only digits count that
# one net reads and the other does not.

# %%
distorted = results.load(PROJECT / "results" / "lenet5_dist").wrong
table = pd.crosstab(wrong[0], distorted[0], rownames=["as they are"], colnames=["distorted"])
print(f"McNemar's test of the two nets of seed 0: p = {mcnemar(wrong[0], distorted[0]):.3f}")
table.rename(lambda misread: "wrong" if misread else "right", axis=0).rename(
    lambda misread: "wrong" if misread else "right", axis=1
)

# %% [markdown]
# ### Exercise 6: draw the digits anew
# The **bootstrap** needs no formula: draw as many digits as there are, with replacement, and see
# how the difference of the two mean errors varies. `gain` has what each digit adds to the
# difference. Give the bounds between which 95 % of the drawn differences lie.
# (`generator.integers`, `np.quantile`.)

# %%
gain = wrong.mean(0) - distorted.mean(0)  # of each digit
generator = np.random.default_rng(2)

# %% exercise 6
low, high = ..., ...

# %% check 6
half = 1.96 * gain.std() / math.sqrt(len(gain))
assert close((low, high), (gain.mean() - half, gain.mean() + half), 2e-4), (
    "1,000 times or more: gain[generator.integers(len(gain), size=len(gain))].mean()"
)
print(f"distortions gain {gain.mean():.2%}, 95 % interval {low:.2%} to {high:.2%}")

# %% [markdown]
# *So is 0.95 % better than 1.1 %? Is 0.8 better than 0.95?* Say it with an interval, and say what
# was drawn. The study's verdicts, with a reason for each, are in
# [reports/README.md](../reports/README.md).
#
# **To go on:** the paper's LeNet-4 and LeNet-5 on the same digits: `results/lenet4` has ours.
