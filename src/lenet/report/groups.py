"""Which experiments stand together in the report, and what they are called there."""

from itertools import product

from lenet import paper
from lenet.results import Result

SIZES = {
    name: {
        f"{name}_{size}" if size < paper.FIGURE_6_SIZES[-1] else name: size
        for size in paper.FIGURE_6_SIZES
    }
    for name in ("lenet5", "lenet5_dist")
}
"""Figure 6: experiments and how many digits they were trained on, without and with distortions."""

PATH = {
    "lenet5": "1998, LM of one pattern",
    "step1_adam": "+ AdamW, batches",
    "step2_softmax": "+ softmax",
    "step3_full_c3": "+ C3 sees all of S2",
    "step4_average": "+ plain average pooling",
    "step5_tanh": "+ plain tanh",
    "lenet5_modern": "as taught today",
}
"""From the net of 1998 to the one that is taught today, one change each."""

LITERAL = "lenet5_literal"
"""The paper's text to the letter, beside `lenet5`."""

FACTORS = {"max": "max pooling", "relu": "ReLU", "rbf": "RBF output"}
"""The 2x2x2: what a cell's name says, against average pooling, tanh and softmax."""

CELLS = tuple(product((0, 1), repeat=len(FACTORS)))

NOISE = "lenet5_noise"
"""Trained on noisy digits: III.E, beside Figure 13."""

_READINGS = {  # what a second config of a row is, by the end of its name
    "_modern": "today's recipe",
    "_modern_dist": "today's recipe",
    "_least_squares": "least squares",
    "_regular": "regular digits",
    "_deslant": "deslanted digits",
    "_raw": "mean kept",
    "_long": "40 passes",
}


def cell(parts: tuple[int, ...]) -> str:
    """The experiment of one cell of the 2x2x2, e.g. (1, 0, 1): lenet5_max_rbf."""
    names = [name for name, on in zip(FACTORS, parts, strict=True) if on]
    return "_".join(["lenet5", *names]) if names else "lenet5_modern"


def cell_label(parts: tuple[int, ...]) -> str:
    """The parts of one cell of the 2x2x2, e.g. "max pooling, ReLU, softmax"."""
    plain = ("average pooling", "tanh", "softmax")
    names = zip(plain, FACTORS.values(), parts, strict=True)
    return ", ".join(other if on else base for base, other, on in names)


def second_configs(results: dict[str, Result], row: str) -> list[str]:
    """Experiments that stand beside a row of Figure 9 under a name of their own: another reading
    of the paper, a longer training, or today's recipe. Those of the other figures are left to
    them."""
    elsewhere = {LITERAL, NOISE, *(name for sizes in SIZES.values() for name in sizes)}
    elsewhere |= {*PATH, *map(cell, CELLS)} - {"lenet5_modern"}
    return [
        name
        for name, result in results.items()
        if result.row == row and name not in paper.ROWS and name not in elsewhere
    ]


def label(experiment: str, row: str) -> str:
    """A row's name as printed in Figure 9; a second config's says what differs."""
    if experiment == row:
        return paper.ROWS[row].label
    ends = [end for end in _READINGS if experiment.endswith(end)]
    reading = _READINGS[max(ends, key=len)] if ends else experiment
    return f"{paper.ROWS[row].label}, {reading}"
