# %% exercise 1
models = {
    ("average", "tanh", "softmax"): "lenet5",
    ("average", "tanh", "rbf"): "lenet5_rbf",
    ("average", "relu", "softmax"): "lenet5_relu",
    ("average", "relu", "rbf"): "lenet5_relu_rbf",
    ("max", "tanh", "softmax"): "lenet5_max",
    ("max", "tanh", "rbf"): "lenet5_max_rbf",
    ("max", "relu", "softmax"): "lenet5_max_relu",
    ("max", "relu", "rbf"): "lenet5_max_relu_rbf",
}

# %% exercise 2
main = [
    errors[1].mean() - errors[0].mean(),
    errors[:, 1].mean() - errors[:, 0].mean(),
    errors[:, :, 1].mean() - errors[:, :, 0].mean(),
]

# %% exercise 3
with_max, with_average = errors[1, 1] - errors[1, 0], errors[0, 1] - errors[0, 0]
interaction = (with_max - with_average).mean()

# %% exercise 4
told_apart = list(table.index[table.p_holm < 0.05])
