# %% [markdown]
# # Lab 3: Appendix C by hand
#
# LeNet-5 learned one pattern at a time, each weight with a rate of its own. Where do 60,000 rates
# come from? From second derivatives, at the price of one more pass backward. You will write that
# pass, and then see the same arithmetic done for eight nets at once.
#
# - **Paper:** III.B (training), appendices B and C (stochastic diagonal Levenberg-Marquardt).
# - **Code:** [learning/reference.py](../src/lenet/learning/reference.py), all of it,
#   [learning/losses.py](../src/lenet/learning/losses.py) (`SquaredError`),
#   [learning/lanes/](../src/lenet/learning/lanes/engine.py) (`Lanes`).

# %%
import copy
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from lab import at_hand, close, load
from torch import Generator, Tensor, nn
from torch.func import functional_call, hessian
from torch.nn.functional import avg_pool2d
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lenet import paper
from lenet.data import regular
from lenet.learning import reference
from lenet.learning.lanes import Lanes
from lenet.learning.losses import SquaredError, loss_of
from lenet.learning.sdlm import initialize
from lenet.nets import LeNet5, ScaledTanh

# %% parameters
SOURCE = at_hand()  # "mnist" or "digits", the stand-in
PATTERNS = 300  # that LeNet-5 learns in the last part
LANES = 8  # nets side by side

# %% [markdown]
# ## How far should a weight move?
#
# Let the error be a parabola, $E(w) = \frac{h}{2} (w - w_0)^2$, and move by $w \leftarrow w - r
# E'(w)$.
#
# ### Exercise 1: the best rate
# Which $r$ reaches $w_0$ in one step? And beyond which $r$ does $w$ run away?


# %% exercise 1
def best_rate(h: float) -> float: ...


def largest_rate(h: float) -> float: ...


# %% check 1
for h in (0.5, 4.0):
    assert close(best_rate(h), 1 / h), f"E' is h (w - w0): with h = {h}, r E' has to be w - w0"
    assert close(largest_rate(h), 2 / h), "w - w0 is multiplied by 1 - r h: when does that grow?"

# %% [markdown]
# *Two weights, one with h = 1, one with h = 20: which rate suits both?* None. A common rate has to
# stay below 2 / 20, and the flat direction crawls. With a rate for each, both arrive.

# %%
h = np.array([1.0, 20.0])
figure, axes = plt.subplots(1, 2, figsize=(7, 3), sharey=True)
grid = np.stack(np.meshgrid(np.linspace(-0.5, 2.2, 60), np.linspace(-1.2, 1.2, 60)))
for place, rates, title in (
    (axes[0], np.array([0.09, 0.09]), "one rate"),
    (axes[1], 0.5 / h, "a rate for each weight"),
):
    path = [np.array([2.0, 1.0])]
    for _ in range(12):
        path.append(path[-1] - rates * h * path[-1])
    place.contour(*grid, (h[:, None, None] * grid**2).sum(0) / 2, levels=12, cmap="Blues")
    place.plot(*np.transpose(path), marker="o", markersize=4, color="C1")
    place.set(title=title, xlabel="w1")
axes[0].set_ylabel("w2")
figure.tight_layout()

# %% [markdown]
# ## Second derivatives, backward
#
# With $a_i = \sum_j w_{ij} x_j$ and $x_i = f(a_i)$, appendix C goes from the output down to the
# input:
#
# $$h(a_i) = f'(a_i)^2 \, h(x_i) \qquad h(w_{ij}) = x_j^2 \, h(a_i)
#   \qquad h(x_j) = \sum_i w_{ij}^2 \, h(a_i)$$
#
# It is backpropagation with everything squared. *What was left out on the way?* The terms off the
# diagonal, and those with $f''$.
#
# ### Exercise 2: the two rules
# `paper.SQUASH_AMPLITUDE` and `paper.SQUASH_SLOPE` make $f(a) = A \tanh(Sa)$. A bias is the weight
# of an input that is always 1.


# %% exercise 2
def through_squashing(a: Tensor, h: Tensor) -> Tensor:
    """h of each sum a, from h of each f(a); all (units,)."""
    ...


def through_layer(weight: Tensor, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From h of the sums, (i,): h of the weights (i, j), of the biases (i,), of the inputs (j,)."""
    ...


# %%
raw = load(SOURCE, train=max(PATTERNS, 100), test=1)
images, labels = regular(raw.train_images), raw.train_labels
small = avg_pool2d(images, 7).double()  # 4x4 pixels, so that the net has 172 parameters
torch.manual_seed(0)
net = nn.Sequential(
    nn.Flatten(), nn.Linear(16, 6), ScaledTanh(), nn.Linear(6, 10), ScaledTanh()
).double()
with torch.no_grad():
    for p in net.parameters():
        p *= 4  # as if it had been trained: weights grow
loss = SquaredError()


@torch.no_grad()
def by_hand(image: Tensor) -> Tensor | None:
    """Your two rules, through the whole net; in the order of net.parameters()."""
    _, lower, _, upper, _ = net
    x0 = image.flatten()
    a1 = lower(x0)
    x1 = ScaledTanh()(a1)
    a2 = upper(x1)
    h_a2 = through_squashing(a2, torch.ones_like(a2))  # of half the squared distance: 1
    if h_a2 is None or (of_upper := through_layer(upper.weight, x1, h_a2)) is None:
        return None
    h_w2, h_b2, h_x1 = of_upper
    h_w1, h_b1, _ = through_layer(lower.weight, x0, through_squashing(a1, h_x1))
    return parameters_to_vector([h_w1, h_b1, h_w2, h_b2])


# %% check 2
for image in small[:5]:
    assert close(by_hand(image), reference.second_derivatives(net, image), 1e-9), (
        "f'(a) is A S (1 - tanh(S a)^2), and it is squared; "
        "h of a weight is x_j^2 h(a_i), an outer product"
    )

# %% [markdown]
# ## How good is the estimate?
#
# This net is small enough for the truth: `torch.func.hessian` gives all 172 x 172 second
# derivatives. The diagonal is what the rates want.

# %%
shapes = {name: p.shape for name, p in net.named_parameters()}
at = parameters_to_vector(net.parameters()).detach()


def error(weights: Tensor) -> Tensor:
    """The mean loss over 100 patterns, of all parameters in a row."""
    parts = weights.split([shape.numel() for shape in shapes.values()])
    named = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
    return loss(functional_call(net, named, small[:100]), labels[:100])


exact = hessian(error)(at).diagonal().numpy()
estimated = reference.curvature(net, small[:100]).detach().numpy()
figure, axes = plt.subplots(figsize=(4, 3.5))
axes.scatter(exact, estimated, s=12)
axes.axline((0, 0), slope=1, color="0.5")
axes.axvline(0, color="0.5", linestyle=":")
axes.set(xlabel="exact second derivative", ylabel="appendix C's estimate")
figure.tight_layout()

# %% [markdown]
# ### Exercise 3: what the estimate never is
# How many of the exact second derivatives are negative, and how many of the estimates?

# %% exercise 3
exact_negative, estimated_negative = ..., ...

# %% check 3
assert close((exact_negative, estimated_negative), (int((exact < 0).sum()), 0)), (
    "count with (exact < 0).sum(); an estimate is a sum of squares"
)

# %% [markdown]
# *What would a rate of $1 / h$ do where $h < 0$?* It would climb. And where $h$ is about 0, it
# would jump to the end of the world. So the rate is $\eta / (\mu + h)$ with $h \ge 0$ and a small
# $\mu$ = 0.02: at most $\eta / \mu$.
#
# ## The step
#
# ### Exercise 4: one update
# Move every parameter by its own rate times its gradient, in place. (`torch.autograd.grad`,
# `parameters_to_vector`, `vector_to_parameters`.)


# %% exercise 4
def update(net: nn.Module, loss, image: Tensor, label: Tensor, rates: Tensor) -> None: ...


# %% check 4
rates = 0.01 / (paper.MU + reference.curvature(net, small[:50]))
mine, theirs = copy.deepcopy(net), copy.deepcopy(net)
update(mine, loss, small[0], labels[0], rates)
reference.update(theirs, loss, small[0], labels[0], rates)
mine, theirs = (parameters_to_vector(each.parameters()).detach() for each in (mine, theirs))
assert not close(mine, at, 1e-12), "the net has not moved"
assert close(mine, theirs, 1e-9), "w <- w - rate dE/dw, with the loss of net(image[None])"

# %% [markdown]
# ## Eight LeNet-5 at the price of one
#
# One pattern at a time leaves a processor little to do: its registers hold eight numbers, and a
# net this small asks for one. So the study trains eight nets at once, each in a *lane* of the
# registers, each with its own weights. *Do the lanes do what the appendix says?*

# %%
nets = [LeNet5("subsampling", "scaled_tanh", "rbf", "table1") for _ in range(LANES)]
for seed, each in enumerate(nets):
    initialize(each, Generator().manual_seed(seed), scale=1.0, power=0.5)
map_loss, eta = loss_of(nets[0]), 0.2 * paper.ETA[0]
order = torch.arange(PATTERNS).expand(LANES, -1)  # the patterns of each net, first to last

# %% [markdown]
# ### Exercise 5: a pass in the lanes
# Measure $h$ on the patterns of `order`, make the rates of it, and update once through all
# patterns. `lanes.curvature(images, order)` and `lanes.update(images, labels, order, rates)` do
# the work.

# %% exercise 5
lanes = Lanes(nets, [map_loss] * LANES)  # takes over the nets' weights
started = time.perf_counter()
...  # rates = ...
...  # lanes.update(...)
in_lanes = time.perf_counter() - started

# %%
one = copy.deepcopy(nets[0])
started = time.perf_counter()
h = reference.curvature(one, images[:PATTERNS])
for image, label in zip(images[:PATTERNS], labels[:PATTERNS], strict=True):
    reference.update(one, map_loss, image, label, eta / (paper.MU + h))
alone = time.perf_counter() - started
in_reference = parameters_to_vector(one.parameters()).detach()

# %% check 5
assert close(lanes.weights[0], in_reference, 5e-4), (
    "the first lane and the reference end at different weights: h once, before the first "
    "update, over all of `order`; rates = eta / (paper.MU + h)"
)

# %%
print(f"the reference, one net:  {1e3 * alone / PATTERNS:6.2f} ms a pattern")
print(
    f"the lanes, {LANES} nets: {1e3 * in_lanes / PATTERNS:11.2f} ms a pattern, compiling included"
)
print(f"the largest difference of a weight: {(lanes.weights[0] - in_reference).abs().max():.0e}")

# %% [markdown]
# The two add up in different orders, in single precision, so the last digits differ.
#
# **To go on:** run the cell of exercise 5 once more, now that all is compiled. And `python
# benchmarks/one_pattern.py` measures it properly.
