# %% [markdown]
# # Lab 2: Why squash, and why 1.7159?
#
# After each of its sums LeNet-5 applies $f(a) = 1.7159 \tanh(\frac{2}{3} a)$. What is a squashing
# function for? And who would choose 1.7159?
#
# - **Paper:** II.B (the end of the layers' description), appendix A.
# - **Code:** [nets/layers.py](../src/lenet/nets/layers.py) (`ScaledTanh`),
#   [learning/sdlm.py](../src/lenet/learning/sdlm.py) (`initialize`),
#   [docs/recipes.md](../docs/recipes.md) ("The 1998 recipe").

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd
import torch
from lab import at_hand, close, load
from torch import Generator, Tensor, nn

from lenet import paper
from lenet.data import split
from lenet.evaluation import evaluate
from lenet.learning.sdlm import initialize
from lenet.nets import LeNet5, ScaledTanh

# %% parameters
SOURCE = at_hand()  # "mnist" or "digits", the stand-in
STEPS = 1_000  # batches of 100 digits

# %% [markdown]
# ## What are two layers without it?
#
# ### Exercise 1: two layers that are one
# A linear layer computes $Wx + b$. Here are two, one on top of the other. Give weights and biases
# of a *single* layer that computes the same.

# %%
torch.manual_seed(0)
first, second = nn.Linear(784, 60), nn.Linear(60, 10)
W1, b1, W2, b2 = (p.detach() for p in (*first.parameters(), *second.parameters()))

# %% exercise 1
weight = ...  # 10 x 784
bias = ...  # 10

# %% check 1
x = torch.randn(5, 784)
assert weight is not ... and bias is not ..., "write weight and bias with W1, b1, W2 and b2"
assert close(x @ weight.T + bias, second(first(x)).detach(), 1e-4), (
    "insert x -> W1 x + b1 into y -> W2 y + b2 and collect what stands before x"
)

# %% [markdown]
# So without squashing, depth buys nothing. *And with it?* We train both nets, alike in all else.

# %%
raw = load(SOURCE)
digits = split(raw, validation=0)


def error_with(f: nn.Module) -> pd.Series:
    """The test error of a net with 60 hidden units and f between its layers, in per cent."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 60), f, nn.Linear(60, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.002)
    for _ in range(STEPS):
        some = torch.randint(len(digits.train), (100,))
        loss = nn.functional.cross_entropy(
            net(digits.train.images[some]), digits.train.labels[some]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = net(digits.test.images).detach().numpy()
    found = evaluate(scores, digits.test.labels.numpy())
    return pd.Series({"error %": found.error, "from": found.low, "to": found.high}) * 100


pd.DataFrame({"no squashing": error_with(nn.Identity()), "f": error_with(ScaledTanh())}).T.round(1)

# %% [markdown]
# ## Why 1.7159?
#
# Appendix A wants $f(1) = 1$ and $f(-1) = -1$, so that the targets $\pm 1$ of an output lie well
# inside the range of $f$, and a slope of $\frac{2}{3}$ inside the $\tanh$.
#
# ### Exercise 2: the amplitude
# Which $A$ gives $A \tanh(\frac{2}{3}) = 1$?

# %% exercise 2
amplitude = ...

# %% check 2
assert close(amplitude, paper.SQUASH_AMPLITUDE, 1e-4), "solve A tanh(2/3) = 1 for A: math.tanh"

# %% [markdown]
# *Why should f be 1 at 1, of all places?* Look at the slope, and at how it changes.

# %%
a = torch.linspace(-4, 4, 401, requires_grad=True)
f = ScaledTanh()(a)
[slope] = torch.autograd.grad(f.sum(), a, create_graph=True)
[bend] = torch.autograd.grad(slope.sum(), a)
figure, axes = plt.subplots(figsize=(6, 3))
for values, name in ((f, "f"), (slope, "f'"), (bend, "f''")):
    axes.plot(a.detach(), values.detach(), label=name)
axes.axvline(1, color="0.5", linestyle=":")
axes.axvline(-1, color="0.5", linestyle=":")
axes.set(xlabel="a", title="f and its first two derivatives")
axes.legend()

# %% [markdown]
# ### Exercise 3: where does f bend most?
# The figure says: near 1. Where exactly is $f''$ least for $a > 0$? With $t = \tanh(\frac{2}{3}
# a)$ it is proportional to $-t (1 - t^2)$.

# %% exercise 3
most_bent = ...

# %% check 3
assert close(most_bent, a[bend.argmin()].detach(), 0.02), (
    "t - t^3 is largest where its derivative 1 - 3 t^2 is 0; then a = 1.5 artanh(t): math.atanh"
)
print(f"at a = {most_bent:.4f}, nearly 1")

# %% [markdown]
# That is the reason the paper gives: at its targets, $f$ is neither straight (there it would not
# separate anything) nor flat (there its slope, and with it learning, would vanish). Had the
# targets been the asymptotes $\pm 1.7159$, weights would have to grow without end to reach them.

# %% [markdown]
# ## How large should weights be at the start?
#
# A unit adds up $F$ inputs, its fan-in. *If the inputs vary by 1 and know nothing of one another,
# how large may the weights be, so that the sum varies by 1, too?*
#
# ### Exercise 4: the bound
# Weights are drawn uniformly from $-b$ to $b$; their variance is then $b^2 / 3$. Give $b$.


# %% exercise 4
def bound(fan_in: int) -> float: ...


# %% check 4
for fan_in in (25, 400):
    b = bound(fan_in)
    assert close(b, math.sqrt(3 / fan_in)), (
        f"the sum of {fan_in} products has the variance {fan_in} b^2 / 3: set it to 1"
    )

# %% [markdown]
# *What becomes of a signal that goes through ten such layers?* It depends on what is between them.

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for name, between in (("none", nn.Identity()), ("f", ScaledTanh()), ("tanh", nn.Tanh())):
    torch.manual_seed(0)
    x, spreads = torch.randn(1_000, 200), [1.0]
    for _ in range(10):
        x = between(x @ torch.empty(200, 200).uniform_(-bound(200), bound(200)))
        spreads.append(float(x.std()))
    axes.plot(spreads, marker="o", markersize=4, label=name)
axes.set(xlabel="layers", ylabel="standard deviation", ylim=(0, 1.3))
axes.legend(title="between layers")

# %% [markdown]
# Through plain $\tanh$ the signal fades; $f$, with its amplitude of 1.7159, nearly keeps it.
# Around its working point $f$ has a gain of about 1: that is the other half of the choice.
#
# ## And the paper's own start?
#
# Appendix A draws weights from $\pm 2.4 / F$. That falls with $F$, not with $\sqrt{F}$.
#
# ### Exercise 5: what arrives at F6
# For each layer whose name ends in `_f`, give the standard deviation of what comes out of it.
# (`net.named_children()` goes through the layers, as in lab 1.)

# %%
images = digits.test.images[:100]


def drawn(scale: float, power: float) -> LeNet5:
    """The net of 1998, its weights drawn from +-scale / F^power."""
    net = LeNet5("subsampling", "scaled_tanh", "rbf", "table1")
    initialize(net, Generator().manual_seed(1), scale, power)
    return net


# %% exercise 5
@torch.no_grad()
def spread(net: nn.Sequential, x: Tensor) -> dict[str, float]: ...


# %% check 5
literal, ours = spread(drawn(2.4, 1.0), images), spread(drawn(1.0, 0.5), images)
assert literal is not None and list(literal) == ["C1_f", "C3_f", "C5_f", "F6_f"], (
    "a dict from C1_f, C3_f, C5_f and F6_f to numbers; x goes on through every layer"
)
x = images
for layer in list(drawn(1.0, 0.5))[:-1]:  # all but the output
    x = layer(x).detach()
assert close(ours["F6_f"], x.std(), 1e-5), "x.std() of what comes out of the layer F6_f"

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for found, name in ((literal, "±2.4 / F, the paper's"), (ours, "±1 / √F")):
    axes.semilogy(list(found), list(found.values()), marker="o", label=name)
axes.set(ylabel="standard deviation", title="LeNet-5 before its first update")
axes.legend()
print(f"at F6, {ours['F6_f'] / literal['F6_f']:,.0f} times as much")

# %% [markdown]
# So little arrives at F6 that most seeds never learn from there: the study's `lenet5_literal` errs
# on 90 % of the digits with most seeds, while ±1 / √F reproduces the paper's 0.95 %. One number of
# the paper's text that does not work as printed; [docs/recipes.md](../docs/recipes.md) has the
# tables.
#
# **To go on:** `python train.py experiment=lenet5_literal data=digits recipe.epochs=3` beside
# `experiment=lenet5`.
