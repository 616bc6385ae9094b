"""Every figure this project quotes from the paper, with the section it stands in.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998.
"""

from dataclasses import dataclass

TEST_DIGITS = 10_000  # III.A; errors are per cent of them


@dataclass(frozen=True)
class Row:
    """One classifier of Figures 9 to 12. Fields are None where a figure does not show it."""

    name: str
    label: str  # as printed beside the bar of Figure 9
    section: str  # of part III, but "II.B" for LeNet-5
    view: str  # the form of the digits: regular, deslanted or 16x16
    distorted: bool  # whether distorted patterns were added to the training set
    test_error: float  # Figure 9, per cent of the test digits
    reject: float | None = None  # Figure 10, per cent to reject for 0.5 % error on the rest
    macs: float | None = None  # Figure 11, thousands of multiply-accumulates for one digit
    memory: float | None = None  # Figure 12, thousands of stored variables


_ROWS = (
    Row("linear", "Linear", "III.C.1", "regular", False, 12.0),
    Row("linear_deslant", "[deslant] Linear", "III.C.1", "deslanted", False, 8.4, None, 4, 4),
    Row("pairwise_linear", "Pairwise", "III.C.1", "regular", False, 7.6, None, 36, 35),
    Row("knn", "K-NN Euclidean", "III.C.2", "regular", False, 5.0),
    Row(
        "knn_deslant",
        "[deslant] K-NN Euclidean",
        "III.C.2",
        "deslanted",
        False,
        2.4,
        8.1,
        24_000,
        24_000,
    ),
    Row("pca_quadratic", "40 PCA + quadratic", "III.C.3", "regular", False, 3.3, None, 39, 40),
    Row("rbf_network", "1000 RBF + linear", "III.C.4", "regular", False, 3.6, None, 794, 794),
    Row(
        "tangent_distance",
        "[16x16] Tangent Distance",
        "III.C.10",
        "16x16",
        False,
        1.1,
        1.9,
        20_000,
        25_000,
    ),
    Row("svm_poly4", "SVM poly 4", "III.C.11", "regular", False, 1.1, 1.8, 14_000, 14_000),
    Row("rs_svm_poly5", "RS-SVM poly 5", "III.C.11", "regular", False, 1.0, None, 650, 650),
    Row(
        "v_svm_poly9_dist",
        "[dist] V-SVM poly 9",
        "III.C.11",
        "regular",
        True,
        0.8,
        None,
        28_000,
        28_000,
    ),
    Row("mlp_300", "28x28-300-10", "III.C.5", "regular", False, 4.7),
    Row("mlp_300_dist", "[dist] 28x28-300-10", "III.C.5", "regular", True, 3.6),
    Row(
        "mlp_300_deslant",
        "[deslant] 20x20-300-10",
        "III.C.5",
        "deslanted",
        False,
        1.6,
        3.2,
        123,
        123,
    ),
    Row("mlp_1000", "28x28-1000-10", "III.C.5", "regular", False, 4.5, None, 795, 795),
    Row("mlp_1000_dist", "[dist] 28x28-1000-10", "III.C.5", "regular", True, 3.8),
    Row("mlp_300_100", "28x28-300-100-10", "III.C.6", "regular", False, 3.05, None, 267, 267),
    Row("mlp_300_100_dist", "[dist] 28x28-300-100-10", "III.C.6", "regular", True, 2.5),
    Row("mlp_500_150", "28x28-500-150-10", "III.C.6", "regular", False, 2.95, None, 469, 469),
    Row("mlp_500_150_dist", "[dist] 28x28-500-150-10", "III.C.6", "regular", True, 2.45),
    Row("lenet1", "[16x16] LeNet-1", "III.C.7", "16x16", False, 1.7, 3.7, 100, 3),
    Row("lenet4", "LeNet-4", "III.C.8", "regular", False, 1.1, 1.8, 260, 17),
    Row("lenet4_local", "LeNet-4 / Local", "III.C.8", "regular", False, 1.1, 1.4, 20_000, 24_000),
    Row("lenet4_knn", "LeNet-4 / K-NN", "III.C.8", "regular", False, 1.1, 1.6, 10_000, 24_000),
    Row("lenet5", "LeNet-5", "II.B", "regular", False, 0.95, None, 401, 60),
    Row("lenet5_dist", "[dist] LeNet-5", "II.B", "regular", True, 0.8),
    Row(
        "boosted_lenet4_dist",
        "[dist] Boosted LeNet-4",
        "III.C.9",
        "regular",
        True,
        0.7,
        0.5,
        460,
        51,
    ),
)

ROWS: dict[str, Row] = {row.name: row for row in _ROWS}
"""The 27 classifiers of Figure 9, by the name of their config."""

# II.B: the values of a pixel
BACKGROUND, FOREGROUND = -0.1, 1.175


@dataclass(frozen=True)
class Layer:
    """One layer of LeNet-5 (II.B)."""

    maps: int
    size: int  # of a map, pixels along one side
    parameters: int  # trainable
    connections: int


LENET5: dict[str, Layer] = {
    "C1": Layer(6, 28, 156, 122_304),
    "S2": Layer(6, 14, 12, 5_880),
    "C3": Layer(16, 10, 1_516, 151_600),
    "S4": Layer(16, 5, 32, 2_000),
    "C5": Layer(120, 1, 48_120, 48_120),
    "F6": Layer(84, 1, 10_164, 10_164),
    "output": Layer(10, 1, 0, 840),
}
LENET5_PARAMETERS, LENET5_CONNECTIONS = 60_000, 340_908

TABLE_I: tuple[tuple[int, ...], ...] = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)
"""Table I: the S2 maps that each of the 16 maps of C3 sees."""

# Appendix A: f(a) = A tanh(S a), so that f(1) = 1 and f(-1) = -1
SQUASH_AMPLITUDE, SQUASH_SLOPE = 1.7159, 2 / 3

# Appendix A: weights start uniform in +-scale / F^power, F the fan-in of the unit
INITIAL_SCALE, INITIAL_POWER = 2.4, 1.0

# III.B and appendix C: stochastic diagonal Levenberg-Marquardt
PASSES = 20
ETA: tuple[float, ...] = 2 * (5e-4,) + 3 * (2e-4,) + 3 * (1e-4,) + 4 * (5e-5,) + 8 * (1e-5,)
"""The global learning rate of each of the 20 passes."""
MU = 0.02
HESSIAN_PATTERNS = 500
RATES_OF_PASS_1 = (7e-5, 0.016)  # the effective rates eta / (mu + h) in the first pass

# III.B
FIGURE_5_TRAINING = (19, 0.35)  # passes, and the training error after them in per cent
FIGURE_6_SIZES = (15_000, 30_000, 60_000)

FIGURE_8: tuple[tuple[int, ...], ...] = (
    (0, 0, 1, 0, 0, 0, 1, 1, 0, 0),
    (0, 0, 0, 0, 0, 1, 1, 0, 0, 0),
    (1, 2, 0, 0, 0, 0, 0, 2, 3, 0),
    (0, 0, 1, 0, 0, 4, 0, 1, 2, 1),
    (0, 0, 1, 1, 0, 0, 3, 0, 2, 4),
    (1, 0, 0, 3, 0, 0, 1, 0, 0, 0),
    (4, 3, 0, 1, 0, 4, 0, 0, 1, 0),
    (0, 0, 2, 2, 0, 0, 0, 0, 1, 0),
    (1, 0, 2, 1, 2, 2, 0, 2, 0, 0),
    (0, 1, 0, 0, 8, 2, 0, 2, 3, 0),
)
"""The 82 errors of Figure 8: how often each true class (rows) was given as another (columns)."""

UNCERTAINTY = 0.1  # III.C: points of per cent by which quoted error rates are uncertain

# III.E: the salt and pepper that a net was trained on, the probability that a pixel is inverted
NOISE = 0.1

# III.E: what a net classifies correctly in spite of, "up to about"
SCALE = 2.0  # a factor of the size
VERTICAL_SHIFT = 0.5  # a fraction of the character's height, up and down
ROTATION = 30  # degrees, to both sides
