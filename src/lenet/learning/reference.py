"""Stochastic diagonal Levenberg-Marquardt (III.B, appendix C) as the paper has it: one net, one
pattern at a time, in plain autograd. To be read beside appendix C; nothing trains by it.

`lanes` does the same for many nets at once, in a small part of the time, and is tested against it.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lenet import paper
from lenet.learning.losses import Loss
from lenet.nets import EuclideanRBF, ScaledTanh


def train_pass(
    net: nn.Sequential, loss: Loss, images: Tensor, labels: Tensor, number: int, factor: float = 1.0
) -> tuple[float, int]:
    """Pass ``number`` (from 1) through the training set: rates first, then an update per pattern.

    Args:
        net: trained in place.
        loss: of scores 1 x classes and labels 1.
        images, labels: N x 1 x H x W and N, in the order in which they are shown in every pass.
        factor: what the paper's eta is multiplied by.

    Returns:
        The mean loss and the number of errors, each pattern's taken just before its update.
    """
    first = (number - 1) * paper.HESSIAN_PATTERNS  # h is measured on other patterns each pass
    chosen = torch.arange(first, first + min(paper.HESSIAN_PATTERNS, len(images))) % len(images)
    eta = factor * paper.ETA[min(number, paper.PASSES) - 1]
    rates = eta / (paper.MU + curvature(net, images[chosen]))
    total, errors = 0.0, 0
    for image, label in zip(images, labels, strict=True):
        value, wrong = update(net, loss, image, label, rates)
        total, errors = total + value, errors + wrong
    return total / len(images), errors


def update(
    net: nn.Sequential, loss: Loss, image: Tensor, label: Tensor, rates: Tensor
) -> tuple[float, bool]:
    """w <- w - rate dE/dw for one pattern, with a rate for each parameter.

    Returns:
        The loss and whether the pattern was wrong, both before the update.
    """
    scores = net(image[None])
    value = loss(scores, label[None])
    gradient = torch.autograd.grad(value, list(net.parameters()))
    moved = parameters_to_vector(net.parameters()) - rates * parameters_to_vector(gradient)
    vector_to_parameters(moved.detach(), net.parameters())
    return value.item(), bool(scores.argmax() != label)


def curvature(net: nn.Sequential, images: Tensor) -> Tensor:
    """h: the mean of `second_derivatives` over N x 1 x H x W images."""
    return torch.stack([second_derivatives(net, image) for image in images]).mean(0)


def second_derivatives(net: nn.Sequential, image: Tensor) -> Tensor:
    """Appendix C for one image: of the loss by each parameter, without the terms off the diagonal
    and those of the units' own curvature (Gauss-Newton), so that none is negative.

    With a_i = sum_j w_ij x_j and x_i = f(a_i), from the output down to the input:

        h(a_i) = f'(a_i)^2 h(x_i)        h(x_j) = sum_i w_ij^2 h(a_i)
        h(w_k) = sum of x_j^2 h(a_i) over all connections i, j that share the weight w_k

    Returns:
        (parameters,), in the order of ``net.parameters()``.
    """
    layers = [layer for layer in net.modules() if not isinstance(layer, nn.Sequential)]
    inputs = [image[None]]
    for layer in layers:
        inputs.append(layer(inputs[-1]).detach())
    h = torch.ones_like(inputs.pop())  # of (s - t)^2 / 2 by s
    found: list[Tensor] = []
    for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
        if isinstance(layer, EuclideanRBF):
            h = torch.full_like(x, 2.0)  # of the right class's penalty, (x_j - w_j)^2, by x_j
        elif isinstance(layer, ScaledTanh):
            a = x.requires_grad_()
            [slope] = torch.autograd.grad(layer(a).sum(), a)
            h = slope.square() * h
        else:  # sums of products: the same layer, of squared weights and squared inputs
            squares = {n: p.detach().square().requires_grad_() for n, p in layer.named_parameters()}
            x_squared = x.square().requires_grad_()
            a = functional_call(layer, squares, x_squared)
            *of_parameters, h = torch.autograd.grad(a, [*squares.values(), x_squared], h)
            found = [*of_parameters, *found]
    return parameters_to_vector(found)
