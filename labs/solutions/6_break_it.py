# %% exercise 1
def error_after(net, change: str, value: float) -> float:
    changed = TRANSFORMATIONS[change].apply(images, value)
    return float((net.scores(changed).argmax(1) != labels).mean())


# %% exercise 2
noise = errors["noise"]
pays_from = next(
    value
    for value, plain, trained in zip(
        TRANSFORMATIONS["noise"].values, noise["lenet5"], noise["lenet5_noise"], strict=True
    )
    if trained < plain
)


# %% exercise 3
def faded(raw: Tensor, share: float) -> Tensor:
    return (raw * (1 - share)).round().to(torch.uint8)


# %% exercise 4
def reject(margin: np.ndarray, wrong: np.ndarray, target: float) -> tuple[float, float]:
    order = np.argsort(-margin)
    errors = wrong[order].cumsum() / np.arange(1, len(order) + 1)
    last_of_equals = np.append(np.diff(margin[order]) != 0, True)
    threshold = margin[order][(errors <= target) & last_of_equals][-1]
    return float((margin < threshold).mean()), float(threshold)


# %% exercise 5
sure = margins(scores) >= threshold
rejected = (~sure).mean()
wrong_of_rest = (scores.argmax(1) != labels)[sure].mean()
