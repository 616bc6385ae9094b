"""Which experiments stand together in the report, and what they are called there.

All that the report knows of single experiments; everything else goes by these tables, by
`lenet.paper.ROWS` and by the row that each result names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lenet import paper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lenet.results import Result

STAND_IN, SMALL = "stand-in", "small"
WHOLE = "full"  # the profile of params.yaml that leaves nothing of a training out

SECOND_CONFIGS = {
    "linear_least_squares": ("linear", "least squares"),
    "linear_deslant_least_squares": ("linear_deslant", "least squares"),
    "pairwise_linear_regular": ("pairwise_linear", "regular digits"),
    "pca_quadratic_raw": ("pca_quadratic", "mean kept"),
    "svm_poly4_regular": ("svm_poly4", "regular digits"),
    "rs_svm_poly5_regular": ("rs_svm_poly5", "regular digits"),
    "v_svm_poly9_deslant": ("v_svm_poly9_dist", "deslanted digits"),
    "mlp_300_squashed": ("mlp_300", "squashed units"),
    "mlp_300_minibatch": ("mlp_300", "squashed units, batches of 32"),
    "mlp_300_modern": ("mlp_300", "today's recipe"),
    "mlp_300_dist_squashed": ("mlp_300_dist", "squashed units"),
    "mlp_300_deslant_squashed": ("mlp_300_deslant", "squashed units"),
    "mlp_300_deslant_modern": ("mlp_300_deslant", "today's recipe"),
    "mlp_1000_squashed": ("mlp_1000", "squashed units"),
    "mlp_1000_modern": ("mlp_1000", "today's recipe"),
    "mlp_1000_dist_squashed": ("mlp_1000_dist", "squashed units"),
    "mlp_300_100_squashed": ("mlp_300_100", "squashed units"),
    "mlp_300_100_modern": ("mlp_300_100", "today's recipe"),
    "mlp_300_100_dist_squashed": ("mlp_300_100_dist", "squashed units"),
    "mlp_500_150_squashed": ("mlp_500_150", "squashed units"),
    "mlp_500_150_modern": ("mlp_500_150", "today's recipe"),
    "mlp_1000_150": ("mlp_500_150", "1000-150 as in the text"),
    "mlp_500_150_dist_squashed": ("mlp_500_150_dist", "squashed units"),
    "lenet1_modern": ("lenet1", "today's recipe"),
    "lenet4_modern": ("lenet4", "today's recipe"),
    "lenet5_modern": ("lenet5", "today's recipe"),
    "lenet5_lush": ("lenet5", "as in the authors' later demo"),
    "lenet5_modern_dist": ("lenet5_dist", "today's recipe"),
}
"""Experiments that stand beside a row of Figure 9: another reading of the paper, a longer training,
or today's recipe. The row, and what differs from it."""

DISTORTED = {
    "mlp_300": "mlp_300_dist",
    "mlp_1000": "mlp_1000_dist",
    "mlp_300_100": "mlp_300_100_dist",
    "mlp_500_150": "mlp_500_150_dist",
    "lenet5": "lenet5_dist",
    "lenet5_modern": "lenet5_modern_dist",
}
"""Experiments, and the same trained on distorted digits, too."""

_BY_SIZE = {
    "lenet5": ("lenet5_15000", "lenet5_30000", "lenet5"),
    "lenet5_dist": ("lenet5_dist_15000", "lenet5_dist_30000", "lenet5_dist"),
}

SIZES = {
    row: dict(zip(names, paper.FIGURE_6_SIZES, strict=True)) for row, names in _BY_SIZE.items()
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

FACTORS = (("average pooling", "max pooling"), ("tanh", "ReLU"), ("softmax", "RBF output"))
"""The 2x2x2: level 0 and level 1 of each factor."""

CELLS = {
    (0, 0, 0): "lenet5_modern",
    (0, 0, 1): "lenet5_rbf",
    (0, 1, 0): "lenet5_relu",
    (0, 1, 1): "lenet5_relu_rbf",
    (1, 0, 0): "lenet5_max",
    (1, 0, 1): "lenet5_max_rbf",
    (1, 1, 0): "lenet5_max_relu",
    (1, 1, 1): "lenet5_max_relu_rbf",
}
"""The experiment of each cell of the 2x2x2, by the levels of its factors."""

LITERAL = "lenet5_literal"
"""The paper's text to the letter, beside `lenet5`."""

NOISE = "lenet5_noise"
"""Trained on noisy digits: III.E, beside Figure 13."""

DRAWN = {
    "lenet5": ("LeNet-5 of 1998", "subsampling", "scaled_tanh"),
    "lenet5_dist": ("the same, trained on distorted digits", "subsampling", "scaled_tanh"),
    "lenet5_max_relu": ("today's: max pooling, ReLU, softmax", "max", "relu"),
}
"""The nets that read what is drawn on the page: title, pooling, activation. Their first seeds'
weights are part of `results/`."""

OF_CLAIMS = {
    *("lenet5_long", "lenet5_small_late_rates", "lenet5_map_centres", "lenet5_mle_centres"),
    *("lenet4_dist", "svm_poly4_permuted"),
    *(
        f"{row}_{size}"
        for row in ("knn", "tangent_distance", "svm_poly4")
        for size in (15000, 30000)
    ),
}
"""What only a claim of the ledger needs."""

SEEDS, ORDERS = 100, 10

OF_SEEDS = {
    "lenet5_100_seeds": "LeNet-5 of 1998",
    "lenet5_max_relu_100_seeds": "max pooling, ReLU, softmax",
}
"""Experiments of `SEEDS` seeds."""

CROSSED = "lenet5_crossed"
"""Of as many seeds, too: seed s is of start s // `ORDERS` and of order s % `ORDERS`."""

OF_VARIANCE = {*OF_SEEDS, CROSSED}
"""Where the variance of an error comes from."""

RECORDS = {
    "lenet5_max_relu_record": "max pooling, ReLU",
    "lenet5_modern_record": "average pooling, tanh",
}
"""The least time to 99.00 % of the test digits, by as many seeds."""

OF_OTHER_FIGURES = {
    *OF_CLAIMS,
    *OF_VARIANCE,
    *RECORDS,
    *(LITERAL, NOISE),
    *(name for sizes in SIZES.values() for name in sizes),
    *PATH,
    *CELLS.values(),
}


def caveat(results: Iterable[Result]) -> str:
    """Why results say nothing about the paper: `STAND_IN`, if any digits were not MNIST's, else
    `SMALL`, if any were trained by a profile that leaves something out, else nothing."""
    results = list(results)
    if any(result.data != "mnist" for result in results):
        return STAND_IN
    return SMALL if any(result.profile != WHOLE for result in results) else ""


def cell_label(levels: tuple[int, int, int]) -> str:
    """The parts of one cell of the 2x2x2, e.g. "max pooling, ReLU, softmax"."""
    return ", ".join(names[level] for names, level in zip(FACTORS, levels, strict=True))


def second_configs(results: Mapping[str, Result], row: str) -> list[str]:
    """The experiments that stand beside a row of Figure 9: those of `SECOND_CONFIGS`, and whatever
    else names that row and belongs to no other figure."""
    others = OF_OTHER_FIGURES - SECOND_CONFIGS.keys()
    return [
        name
        for name, result in results.items()
        if result.row == row and name not in paper.ROWS and name not in others
    ]


def experiments(results: Mapping[str, Result]) -> list[tuple[str, str]]:
    """Every row of Figure 9, trained or not, and its second configs below it: experiment, row."""
    return [(name, row) for row in paper.ROWS for name in (row, *second_configs(results, row))]


def label(experiment: str, row: str | None = None) -> str:
    """What an experiment is called: as Figure 9 prints it, for a second config with what differs.

    Args:
        experiment: its name.
        row: of Figure 9, that an experiment stands beside which none of the tables here has.
    """
    if experiment in paper.ROWS:
        return paper.ROWS[experiment].label
    if experiment == NOISE:
        return "[noise] LeNet-5"
    row, differs = SECOND_CONFIGS.get(experiment, (row, experiment))
    return f"{paper.ROWS[row].label}, {differs}" if row else differs
