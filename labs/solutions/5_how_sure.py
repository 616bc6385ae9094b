# %% exercise 1
p, n = paper.ROWS["lenet5"].test_error / 100, paper.TEST_DIGITS
standard_error = math.sqrt(p * (1 - p) / n)

# %% exercise 2
pairs = [(i, j) for i in range(seeds) for j in range(seeds) if i != j]
shared = np.mean([(wrong[i] & wrong[j]).sum() / wrong[i].sum() for i, j in pairs])

# %% exercise 3
of_both = math.sqrt(wrong.mean(1).var(ddof=1) / seeds + wrong.mean(0).var(ddof=1) / digits)

# %% exercise 4
first, last = wrong[:, :5_000].mean(), wrong[:, 5_000:].mean()


# %% exercise 5
def digits_needed(p1: float, p2: float) -> int:
    variance = p1 * (1 - p1) + p2 * (1 - p2)
    return round(((1.96 + 0.84) / (p1 - p2)) ** 2 * variance)


# %% exercise 6
draws = [gain[generator.integers(len(gain), size=len(gain))].mean() for _ in range(1_000)]
low, high = np.quantile(draws, (0.025, 0.975))
