# %% [markdown]
# # Lab 4: Max or average, ReLU or tanh, RBF or softmax?
#
# Between the LeNet-5 of 1998 and today's nets lie three small decisions. Which of them matters?
# And does the answer to one depend on the others? You will train all eight combinations as one
# tracked sweep, and compute the effects yourself before you look at the table.
#
# - **Paper:** II.B (subsampling, squashing, RBF units), II.C (their loss).
# - **Code:** [nets/lenet.py](../src/lenet/nets/lenet.py) (the options of `LeNet5`), `conf/model/`,
#   [statistics/effects.py](../src/lenet/statistics/effects.py),
#   [docs/sweeps.md](../docs/sweeps.md), [docs/tracking.md](../docs/tracking.md).

# %%
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from lab import PROJECT, at_hand, close

from lenet import results
from lenet.statistics import effects
from lenet.tracking import experiment_name, read_experiments

# %% parameters
SOURCE = at_hand()  # "mnist" or "digits", the stand-in
SEEDS = [0, 1, 2]
EPOCHS = 5
DIGITS = 1_000  # to train on; with all of MNIST, each run takes a minute
JOBS = 2  # at once

# %% [markdown]
# ## A question is a set of runs
#
# *Three switches: why not try each of them alone?* That would be four runs instead of eight, and
# no way to see whether, say, ReLU helps only where pooling takes the maximum.
#
# ### Exercise 1: the eight models
# Each combination has its file in `conf/model/`. Name the other seven.

# %% exercise 1
models = {
    ("average", "tanh", "softmax"): "lenet5",
}

# %% check 1
for parts, name in models.items():
    assert (PROJECT / "conf" / "model" / f"{name}.yaml").exists(), (
        f"there is no conf/model/{name}.yaml"
    )
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        found = compose("config", [f"model={name}"]).model
    assert (found.pooling, found.activation, found.output) == parts, f"model={name} is not {parts}"
assert len(models) == 8, f"that is {len(models)} of 2 x 2 x 2"

# %% [markdown]
# ## The sweep
#
# `python train.py -m` with several models trains one after the other; Hydra composes their
# configurations, and every run goes to MLflow. What is finished is not trained again, so this cell
# may be repeated.

# %%
root = Path(os.environ.get("LENET_ROOT", PROJECT))  # where runs are tracked
overrides = [
    f"model={','.join(models.values())}",
    f"data={SOURCE}",
    f"data.train_size={DIGITS}",
    f"seeds={SEEDS}".replace(" ", ""),
    f"recipe.epochs={EPOCHS}",
    "trainer.threads=1",
]
launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={JOBS}"]
done = subprocess.run(
    [sys.executable, str(PROJECT / "train.py"), "-m", *overrides, *launcher],
    capture_output=True,
    text=True,
)
assert done.returncode == 0, done.stdout + done.stderr
print("\n".join(done.stdout.splitlines()[-14:]))

# %% [markdown]
# *Where are the 24 nets now?* In MLflow, nested: the sweep, in it a run for each model, in it one
# for each seed. `make ui` shows them; here we read back what each answered to each test digit.

# %%
runs_of = read_experiments(f"sqlite:///{root}/mlflow.db")
with runs_of as experiments, tempfile.TemporaryDirectory() as folder:
    tracked = experiments[experiment_name(stand_in=SOURCE == "digits")]
    runs = tracked.all()  # the newest first
    sweep = next(run for run in runs if run.name.startswith("sweep ") and overrides[0] in run.name)
    wrong = {}
    for model in (run for run in runs if run.tags.get("mlflow.parentRunId") == sweep.id):
        of_seeds = [run for run in runs if run.tags.get("mlflow.parentRunId") == model.id]
        answers = [
            results.read_predictions(tracked.artifact(run.id, "predictions.parquet", Path(folder)))
            for run in sorted(of_seeds, key=lambda run: run.name)
        ]
        wrong[model.name] = np.array([each.prediction != each.label for each in answers])

POOLING, ACTIVATION, OUTPUT = ("average", "max"), ("tanh", "relu"), ("softmax", "rbf")
by_parts = np.array(
    [[[wrong[models[p, a, o]] for o in OUTPUT] for a in ACTIVATION] for p in POOLING]
)
errors = 100 * by_parts.mean((3, 4))  # 2 x 2 x 2: pooling, activation, output; per cent
print(f"{by_parts.shape[3]} seeds, {by_parts.shape[4]:,} test digits")
pd.DataFrame(
    errors.reshape(4, 2).round(2),
    pd.MultiIndex.from_product([POOLING, ACTIVATION]),
    OUTPUT,
)

# %% [markdown]
# ## What is an effect?
#
# The **main effect** of a part is what changes when it alone is switched, in the mean over the
# four settings of the others.
#
# ### Exercise 2: three main effects
# Of pooling (max less average), activation (ReLU less tanh) and output (RBF less softmax), in
# points of per cent, from `errors`.

# %% exercise 2
main = [..., ..., ...]

# %% check 2
for value, axis, name in zip(main, range(3), ("pooling", "activation", "output"), strict=True):
    low, high = np.moveaxis(errors, axis, 0).reshape(2, 4).mean(1)
    assert close(value, high - low), f"{name}: the mean at errors[..., 1, ...] less that at 0"

# %% [markdown]
# *Is ReLU worth more with max pooling than with average pooling?* If so, effects do not simply add
# up: the two parts **interact**.
#
# ### Exercise 3: an interaction
# How much larger is the effect of the activation with max pooling than with average pooling, in
# the mean over the two outputs?

# %% exercise 3
interaction = ...

# %% check 3
expected = (errors[1, 1] - errors[1, 0] - errors[0, 1] + errors[0, 0]).mean()
assert close(interaction, expected), (
    "the effect of ReLU with max pooling is errors[1, 1] - errors[1, 0], for each output"
)

# %% [markdown]
# ## How sure is that?
#
# Two things were drawn: the test digits, and the seeds. `effects` counts both and gives each
# effect an interval. It also adjusts the seven p values for being looked at together (`p_holm`).

# %%
PARTS = ("max pooling", "ReLU", "RBF output")
table = effects(by_parts, PARTS).set_index("effect")
(100 * table[["difference", "low", "high"]]).round(2).join(table[["p", "p_holm"]].round(3))

# %% [markdown]
# ### Exercise 4: what do the data say?
# List the effects that chance alone would hardly give: those with `p_holm` below 0.05. (It may be
# none. Then the honest answer is "we cannot tell", not "there is no effect".)

# %% exercise 4
told_apart = ...  # a list of names

# %% check 4
assert isinstance(told_apart, list), "a list, such as ['ReLU']; [] if there is none"
assert sorted(told_apart) == sorted(table.index[table.p_holm < 0.05]), "look at the column p_holm"

# %% [markdown]
# ## And on all of MNIST?
#
# The study has the same eight cells, with five seeds, 60,000 digits and 20 epochs each. *Which of
# your answers hold there?* An effect in points shrinks where all errors are small, so look at its
# sign, and at whether the interval leaves 0.


# %%
def kept(model: str) -> np.ndarray:
    """What the study's five nets of a model got wrong."""
    name = "lenet5_modern" if model == "lenet5" else model
    return results.load(PROJECT / "results" / name).wrong


of_study = [[[kept(models[p, a, o]) for o in OUTPUT] for a in ACTIVATION] for p in POOLING]
study = effects(of_study, PARTS).set_index("effect")

figure, places = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for axes, found, title in (
    (places[0], table, f"here: {DIGITS:,} digits, {EPOCHS} epochs"),
    (places[1], study, "the study: 60,000 digits, 20 epochs"),
):
    points = 100 * found
    spread = [points.difference - points.low, points.high - points.difference]
    axes.errorbar(points.difference, points.index, xerr=spread, fmt="o")
    axes.axvline(0, color="0.5")
    axes.set(title=title, xlabel="points of error, with 95 % intervals")
places[0].invert_yaxis()
figure.tight_layout()

# %% [markdown]
# **To go on:** more seeds or more digits, which makes the intervals narrower? Change the
# parameters at the top, or read [docs/statistics.md](../docs/statistics.md).
