# %% exercise 1
def best_rate(h: float) -> float:
    return 1 / h


def largest_rate(h: float) -> float:
    return 2 / h


# %% exercise 2
def through_squashing(a: Tensor, h: Tensor) -> Tensor:
    t = torch.tanh(paper.SQUASH_SLOPE * a)
    return (paper.SQUASH_AMPLITUDE * paper.SQUASH_SLOPE * (1 - t**2)) ** 2 * h


def through_layer(weight: Tensor, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.outer(h, x**2), h, (weight**2).T @ h


# %% exercise 3
exact_negative, estimated_negative = (exact < 0).sum(), (estimated < 0).sum()


# %% exercise 4
def update(net: nn.Module, loss, image: Tensor, label: Tensor, rates: Tensor) -> None:
    gradient = torch.autograd.grad(loss(net(image[None]), label[None]), list(net.parameters()))
    weights = parameters_to_vector(net.parameters()) - rates * parameters_to_vector(gradient)
    vector_to_parameters(weights.detach(), net.parameters())


# %% exercise 5
lanes = Lanes(nets, [map_loss] * LANES)
started = time.perf_counter()
rates = eta / (paper.MU + lanes.curvature(images, order))
lanes.update(images, labels, order, rates)
in_lanes = time.perf_counter() - started
