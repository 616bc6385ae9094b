"""What the labs share: where the project lies, which digits are at hand, what a right answer is."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from lenet.data import Raw, load_raw

PROJECT = Path(__file__).resolve().parents[1]

sns.set_theme(style="whitegrid", palette="colorblind")


def at_hand() -> str:
    """ "mnist" where MNIST lies on this machine, else "digits", the stand-in. Fetches nothing."""
    here = os.environ.get("MNIST_ROOT") or (PROJECT / "data" / "MNIST" / "raw").is_dir()
    return "mnist" if here else "digits"


def load(source: str, train: int = 10_000, test: int = 1_000) -> Raw:
    """The first training and test digits of a source, and a word on which they are."""
    raw = load_raw(source, PROJECT / "data")
    raw = replace(
        raw,
        train_images=raw.train_images[:train],
        train_labels=raw.train_labels[:train],
        test_images=raw.test_images[:test],
        test_labels=raw.test_labels[:test],
    )
    name = "scikit-learn's digits, a stand-in, NOT MNIST" if raw.stand_in else "MNIST"
    print(f"{len(raw.train_labels):,} training and {len(raw.test_labels):,} test digits of {name}")
    return raw


def close(answer: Any, expected: ArrayLike, tolerance: float = 1e-6) -> bool:
    """Whether an answer is that number or array, to a tolerance; what is no number never is."""
    try:
        answer, expected = np.asarray(answer, float), np.asarray(expected, float)
    except (TypeError, ValueError):  # such as `...`
        return False
    return answer.shape == expected.shape and bool(np.allclose(answer, expected, 0, tolerance))


def picture(axes: Axes, image: ArrayLike, title: str = "") -> None:
    """An image, ink dark, without axes."""
    axes.imshow(np.asarray(image), cmap="gray_r")
    axes.set_title(title, fontsize=9)
    axes.axis("off")
