# %% [markdown]
# # Lab 1: LeNet-5, layer by layer
#
# LeNet-5 of 1998 has 60,000 trainable parameters and 340,908 connections. Why so few of the one,
# and so many of the other? You will count both, layer by layer, until your sums are the paper's.
#
# - **Paper:** II.A (why convolutional nets), II.B (LeNet-5), Table I, Figure 3 (the target codes).
# - **Code:** [nets/lenet.py](../src/lenet/nets/lenet.py) (`LeNet5`),
#   [nets/layers.py](../src/lenet/nets/layers.py) (`SparseConv`, `Subsampling`, `EuclideanRBF`),
#   [nets/costs.py](../src/lenet/nets/costs.py), [paper.py](../src/lenet/paper.py) (`LENET5`,
#   `TABLE_I`).
#
# An exercise is a cell with `...` in it; the cell below it checks what you wrote. When you are
# stuck, look into `labs/solutions/`.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from lab import PROJECT, at_hand, close, load, picture

from lenet import paper
from lenet.data import regular
from lenet.nets import BITMAPS, HEIGHT, WIDTH, LeNet5, TrainedNet, layer_costs

# %% parameters
SOURCE = at_hand()  # "mnist" or "digits", the stand-in
DIGIT = 4  # which test digit the net looks at

# %% [markdown]
# ## From a picture to ten numbers
#
# *What does each layer leave of the picture?* We take the net that the study trained, send one
# digit through it, and write down the shape of what comes out of each layer.

# %%
net = LeNet5(pooling="subsampling", activation="scaled_tanh", output="rbf", connections="table1")
net = TrainedNet.load(net, PROJECT / "results" / "lenet5" / "model.safetensors").net
raw = load(SOURCE, train=1, test=100)
images = regular(raw.test_images)  # -0.1 is background, 1.175 ink
seen = {"input": images[DIGIT : DIGIT + 1]}
with torch.no_grad():
    for name, layer in net.named_children():
        seen[name] = layer(list(seen.values())[-1])
pd.Series({name: " x ".join(map(str, out.shape[1:])) for name, out in seen.items()}, name="shape")

# %% [markdown]
# The names are the paper's: C is a convolution, S subsampling, F fully connected, and the number
# counts layers. (`C1_f` is the squashing function after C1.)
#
# ### Exercise 1: sizes
# *A kernel of 5x5 slides over 32x32 pixels. In how many places does it fit?* Write the side of a
# square map after a convolution, and after subsampling by two.


# %% exercise 1
def convolved(size: int, kernel: int) -> int: ...


def subsampled(size: int) -> int: ...


# %% check 1
side, ours = 32, {}
for name in ("C1", "S2", "C3", "S4", "C5"):
    assert side is not None, "each function has to return the side of the map"
    ours[name] = side = convolved(side, 5) if name[0] == "C" else subsampled(side)
theirs = {name: paper.LENET5[name].size for name in ours}
assert ours == theirs, f"your sides are {ours}, the paper's {theirs}: where do they part?"

# %% [markdown]
# ## Weights that are shared
#
# *C1 makes 6 maps of 28x28 units. If every unit had 25 weights and a bias of its own, how many
# would that be?* 6 * 28 * 28 * 26 = 122,304. But all units of a map share theirs: a stroke is
# worth looking for everywhere. So there are as many **connections**, but far fewer **parameters**.
#
# ### Exercise 2: C1 and S2
# Give parameters and connections of a convolution all of whose maps see the same inputs, and of
# subsampling: there a unit adds up its 4 inputs, times one coefficient, plus one bias. (The paper
# counts five connections for such a unit.)


# %% exercise 2
def of_convolution(maps: int, size: int, inputs: int) -> tuple[int, int]:
    """Parameters and connections of `maps` maps of size x size units, each with 5x5 weights on
    `inputs` maps below."""
    ...


def of_subsampling(maps: int, size: int) -> tuple[int, int]: ...


# %% check 2
def counts(layer: str) -> tuple[int, int]:
    """The paper's parameters and connections of a layer."""
    return paper.LENET5[layer].parameters, paper.LENET5[layer].connections


assert of_convolution(6, 28, 1) == counts("C1"), (
    "C1: 25 weights and a bias a map, shared by 28 x 28"
)
assert of_subsampling(6, 14) == counts("S2"), "S2: a coefficient and a bias a map, 5 connections"
assert of_subsampling(16, 5) == counts("S4"), "S4: as S2, with 16 maps of 5 x 5"
assert of_convolution(120, 1, 16) == counts("C5"), "C5: every unit sees 5 x 5 of all 16 maps"

# %% [markdown]
# ## Why does not every map see every map?
#
# C3 is the odd one: Table I says which of the 6 maps of S2 each of its 16 maps sees.

# %%
sees = torch.zeros(6, 16)
for of_c3, of_s2 in enumerate(paper.TABLE_I):
    sees[list(of_s2), of_c3] = 1
figure, axes = plt.subplots(figsize=(6, 2.4))
axes.pcolormesh(sees, cmap="Blues", edgecolors="white", vmax=1.4)
axes.set(xlabel="map of C3", ylabel="map of S2", title="Table I")
axes.invert_yaxis()

# %% [markdown]
# The paper gives two reasons. It keeps the number of connections in bounds, and, more important,
# it breaks the symmetry: maps that get different inputs have to look for different things.
#
# ### Exercise 3: C3
# Count its parameters and connections from `paper.TABLE_I`, and the parameters that it would have
# if every map saw all six.

# %% exercise 3
c3 = (..., ...)  # parameters and connections
c3_full = ...  # parameters, if every map of C3 saw all of S2

# %% check 3
assert c3 == counts("C3"), "25 weights for each map that a map sees, one bias a map; 10 x 10 units"
assert close(c3_full, sum(p.numel() for p in torch.nn.Conv2d(6, 16, 5).parameters())), (
    "16 maps with 6 x 25 weights and a bias each"
)
print(f"Table I saves {c3_full - c3[0]:,} parameters and {100 * (c3_full - c3[0]):,} connections.")

# %% [markdown]
# ## The output: how far from the code?
#
# F6 has 84 units, and 84 = 7 x 12 is no accident: they are to draw the digit's code, a small
# picture of what the character looks like in print. Output unit *i* tells how far they are from
# code *i*:
#
# $$y_i = \sum_j (x_j - w_{ij})^2$$
#
# The least penalty $y_i$ wins. `BITMAPS` are the codes $w$, 10 x 84.
#
# ### Exercise 4: ten penalties by hand

# %% exercise 4
x = seen["F6_f"][0]  # 84: what F6 draws
penalties = ...  # 10

# %% check 4
assert close(penalties, -net(images)[DIGIT].detach(), 1e-2), (
    "the net's scores are the penalties with a minus, so that larger is better; "
    "BITMAPS - x is 10 x 84: square it, and sum over the units"
)

# %%
order = torch.as_tensor(penalties).argsort()
figure, axes = plt.subplots(1, 4, figsize=(7, 2.6))
picture(axes[0], images[DIGIT, 0], f"the digit, a {int(raw.test_labels[DIGIT])}")
picture(axes[1], x.view(HEIGHT, WIDTH), "F6")
for place, digit in zip(axes[2:], order.tolist(), strict=False):
    picture(place, BITMAPS[digit].view(HEIGHT, WIDTH), f"{digit}: {float(penalties[digit]):.1f}")

# %% [markdown]
# ## The whole net
#
# ### Exercise 5: the sum
# F6 is fully connected, with a bias a unit; the output has 840 connections, and its codes are
# fixed. Put all counts together. (`sum` over what you have is fine.)

# %% exercise 5
parameters, connections = ..., ...

# %% check 5
assert close(parameters, paper.LENET5_PARAMETERS), "C1, S2, C3, S4, C5, and 84 x 121 of F6"
assert close(connections, paper.LENET5_CONNECTIONS), "the output has connections, but no parameters"

# %% [markdown]
# *Does the code agree?* `layer_costs` counts by sending a digit through the net. The project's own
# tests hold it against the paper's numbers; here you see the two side by side.

# %%
pd.DataFrame(
    {"net": layer_costs(net, images[0]), "paper": {n: counts(n)[::-1] for n in paper.LENET5}}
).map(lambda pair: f"{pair[0]:,} / {pair[1]:,}")  # connections / parameters

# %% [markdown]
# ## What do the maps see?
#
# *Which of C1's kernels look for edges, and in which direction?* C3 has far more to say, and is
# far harder to put into words.

# %%
figure, axes = plt.subplots(3, 6, figsize=(7, 3.8))
kernels = net.C1.weight.detach()[:, 0]
for i in range(6):
    picture(axes[0, i], kernels[i], f"C1, kernel {i}")
    picture(axes[1, i], seen["C1_f"][0, i], f"C1, map {i}")
    picture(axes[2, i], seen["C3_f"][0, i], f"C3, map {i}")
figure.tight_layout()

# %% [markdown]
# **To go on:** today's courses teach a LeNet-5 with 61,706 parameters, `LeNet5()` without
# arguments. Where are the other 1,706? (Three layers differ;
# [nets/lenet.py](../src/lenet/nets/lenet.py) says how.)
