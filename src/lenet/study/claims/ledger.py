"""What is claimed: a line for each claim of section III, and some of II, in this project's words,
and how results are asked. "(implied)" is what the text does not say in a sentence.

Where the text names a figure beside an order, the figure is a line of Figure 9's (9/...), so that
each is shown or not by itself. The experiments that only a claim needs are files of
conf/experiment/, too; until they are in results/, their claims are not testable.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lenet import paper, statistics
from lenet.statistics import Estimate, Evidence
from lenet.study.claims import margins
from lenet.study.claims.evidence import (
    Asking,
    Finding,
    Study,
    Untestable,
    about,
    alike,
    at_most,
    easier_by_employees,
    errs,
    every,
    exactly,
    far_below,
    in_order,
    less,
    not_below,
    of_seeds,
    ratio,
    reads,
    rejects_less,
)


@dataclass(frozen=True)
class Stated:
    """A claim of the paper: its section, its words here, and how it is asked."""

    id: str
    section: str
    claim: str
    ask: Asking


ONE_HIDDEN, TWO_HIDDEN = ("mlp_300", "mlp_1000"), ("mlp_300_100", "mlp_500_150")
MLPS = (*ONE_HIDDEN, *TWO_HIDDEN)
DISTORTED_MLPS = tuple(f"{row}_dist" for row in MLPS)
NETS = (*MLPS, *DISTORTED_MLPS, "mlp_300_deslant", "lenet1", "lenet4", "lenet5", "lenet5_dist")
ALL_NETS = (*NETS, "boosted_lenet4_dist")
MEMORY_BASED = ("knn", "knn_deslant", "tangent_distance", "svm_poly4", "v_svm_poly9_dist")
REGULAR_SVMS = ("svm_poly4_regular", "rs_svm_poly5_regular")
OTHERS_ON_PIXELS = (
    *("linear", "pairwise_linear_regular", "knn", "pca_quadratic", "rbf_network"),
    *MLPS,
)
OTHER_ROWS = tuple(row for row in paper.ROWS if row != "boosted_lenet4_dist")
GROWING = ("knn", "tangent_distance", "svm_poly4")
SIZES = ("_15000", "_30000", "")


def _settles(study: Study) -> Finding:
    curve = study.curve("lenet5", "figure_5/test_error", paper.PASSES)
    late = curve[:, margins.SETTLED - 1 : -1] - curve[:, -1:]
    farthest = int(np.abs(late.mean(0)).argmax())
    found = [statistics.of_values(each) for each in late.T]
    words = (
        f"{100 * late.mean(0)[farthest]:+.2f} points in pass {margins.SETTLED + farthest}, "
        "the farthest from the last"
    )
    whole = of_seeds(found[farthest], words, margins.FIGURE)
    parts = [statistics.within(each, margins.FIGURE) for each in found]
    return Finding(whole.ours, whole.margin, whole.test, statistics.every(parts))


def _training_error(study: Study) -> Finding:
    passes, percent = paper.FIGURE_5_TRAINING
    ours = study.curve("lenet5", "train/error", passes)[:, passes - 1]
    found = statistics.of_values(ours, percent / 100, runs=1)
    words = f"{100 * ours.mean():.2f} % after {passes} passes, paper {percent:g} %"
    return of_seeds(found, words, margins.FIGURE)


def _does_not_rise(study: Study) -> Finding:
    curve = study.curve("lenet5", "figure_5/test_error", paper.PASSES)
    smooth = np.stack([curve[:, i : i + 3].mean(1) for i in range(curve.shape[1] - 2)], 1)
    rise = smooth[:, -1] - smooth[:, smooth.mean(0).argmin()]
    words = f"three last passes {100 * rise.mean():+.2f} points above the best three"
    return of_seeds(statistics.of_values(rise), words, margins.FIGURE, rise=True)


def _rate(end: str) -> Asking:
    at = ("lowest", "highest").index(end)
    return about(
        f"{end} rate",
        lambda study: study.cost("lenet5", f"pass_1/rate_{end}"),
        paper.RATES_OF_PASS_1[at],
    )


def _figure_8(study: Study) -> Finding:
    from scipy.stats import spearmanr

    off = ~np.eye(10, dtype=bool)
    ours = study["lenet5_dist"].pairs[off]
    theirs = np.array(paper.FIGURE_8, dtype=float)[off]
    alike = spearmanr(ours, theirs, alternative="greater")
    found = Estimate(-float(alike.statistic), 1 / (len(ours) - 3), len(ours) - 2)  # of no relation
    p = float(alike.pvalue)
    return Finding(
        f"{ours.sum():.0f} errors a seed; rank correlation of the 90 pairs {alike.statistic:.2f}",
        "a correlation above 0",
        "Spearman",
        Evidence(p, 1 - p, found),
        unit="hundredths of a correlation",
    )


def _nets_called(study: Study) -> float:
    return ratio("boosted_lenet4_dist", "lenet4")(study)


def _writers_in_common(study: Study) -> float:
    return float(len(np.intersect1d(study.train.number, study.test.number)))


def _training_time(study: Study) -> Finding:
    nets = np.mean([study[row].seconds.mean() for row in ALL_NETS])
    quick = {
        row: study[row].seconds.mean()
        for row in ("linear", "pairwise_linear", "pca_quadratic", "knn", "tangent_distance")
    }
    slowest = max(quick, key=lambda row: quick[row])
    return Finding(
        f"{slowest} {quick[slowest]:.1f} s, a net in the mean {nets:.0f} s",
        f"a factor of {margins.FAR:g}",
        "count",
        statistics.counted(quick[slowest] * margins.FAR <= nets),
    )


def _same_answers(study: Study) -> float:
    ours, permuted = study["svm_poly4_regular"], study["svm_poly4_permuted"]
    return float((ours.prediction != permuted.prediction).mean())


def _grows(metric: str) -> Asking:
    def ask(study: Study) -> Finding:
        of_net = study.cost("lenet5", metric)
        ratios = {
            row: [study.cost(f"{row}{size}", metric) / of_net for size in SIZES] for row in GROWING
        }
        words = ", ".join(
            f"{row} {' '.join(f'{each:.3g}' for each in own)}" for row, own in ratios.items()
        )
        grown = all(a < b for own in ratios.values() for a, b in pairwise(own))
        return Finding(
            f"{metric} over LeNet-5's: {words}", "any growth", "count", statistics.counted(grown)
        )

    return ask


def _weights(study: Study) -> Finding:
    parts, words = [], []
    for row in MLPS:
        norm = np.log(study.curve(row, "weight_norm", paper.PASSES))
        few = margins.FIRST_PASSES
        shrunk, grown = norm[:, few] - norm[:, 0], norm[:, few] - norm[:, -1]
        parts += [statistics.below(statistics.of_values(each)) for each in (shrunk, grown)]
        first, last = np.exp(shrunk.mean()), np.exp(-grown.mean())
        words.append(f"{row} x {first:.3f} in {few} passes, then x {last:.3f}")
    return Finding("; ".join(words), "any order", "t over seeds", statistics.every(parts))


def _people_read_them(study: Study) -> Finding:
    raise Untestable("Figure 13's own characters, and people who read them")


def _maps_differ(study: Study) -> Finding:
    rows = ("step2_softmax", "step3_full_c3")
    study.asked.update(dict.fromkeys(rows))
    measured = [study.features.get(row, ()) for row in rows]
    if min(map(len, measured)) < 2:
        raise Untestable("several seeds of both in the stage features")
    sparse, full = map(np.array, measured)
    found = statistics.of_values(sparse - full)
    ends = found.interval()
    return Finding(
        f"correlation of two maps {sparse.mean():.3f} by Table I, {full.mean():.3f} if each sees "
        f"all: {found.value:+.3f} ({ends.low:+.3f} to {ends.high:+.3f})",
        "any order",
        "paired t over seeds",
        statistics.below(found, -margins.FEATURES),
        unit="hundredths of a correlation",
    )


CLAIMS = (
    Stated(
        "a1", "III.A", "nobody who wrote a training digit wrote a test digit",
        exactly("writers in both sets", _writers_in_common, 0),
    ),
    Stated(
        "a2", "III.A", "half of the training digits and half of the test digits are by census "
        "employees, half by students",
        every(
            exactly(
                "training digits by students", lambda s: float(s.train.student.sum()), 30_000,
                margins.ROUND,
            ),
            exactly(
                "test digits by students", lambda s: float(s.test.student.sum()), 5_000,
                margins.ROUND,
            ),
        ),
    ),
    Stated(
        "a3", "III.A", "the employees' digits are easier to recognise than the students', for "
        "every classifier", easier_by_employees(paper.ROWS),
    ),
    Stated(
        "a4", "III.A", "about 250 people wrote the training digits",
        about("writers", lambda s: float(len(np.unique(s.train.number))), 250),
    ),
    Stated("b1", "III.B", "LeNet-5 errs on 0.95 % of the test digits", errs("lenet5", 0.95)),
    Stated("b2", "III.B", "its test error has settled after 10 to 12 passes", _settles),
    Stated("b3", "III.B", "its training error falls to 0.35 % after 19 passes", _training_error),
    Stated(
        "b4", "III.B", "it does not over-train: the test error does not rise again",
        every(_does_not_rise, less("lenet5_long", "lenet5", -margins.FIGURE)),
    ),
    Stated(
        "b5", "III.B", "the more training digits (15,000, 30,000, 60,000), the less it errs",
        in_order("lenet5", "lenet5_30000", "lenet5_15000"),
    ),
    Stated("b6", "III.B", "trained on distorted digits it errs on 0.8 %", errs("lenet5_dist", 0.8)),
    Stated(
        "b7", "III.B", "distorted training digits lower its error", less("lenet5_dist", "lenet5")
    ),
    Stated(
        "b8", "III.B", "the effective rates of the first pass lie between about 7e-5 and 0.016",
        every(_rate("lowest"), _rate("highest")),
    ),
    Stated(
        "b9", "III.B", "it takes some classes for some others: Figure 8's 82 pairs", _figure_8
    ),
    Stated("c1", "III.C.1", "a linear classifier errs on 12 %", errs("linear", 12.0)),
    Stated(
        "c2", "III.C.1", "units that squash and linear ones, trained by gradient or solved, err "
        "alike", alike("linear", "linear_least_squares", margins.SIMILAR),
    ),
    Stated(
        "c3", "III.C.1", "deslanting helps it", less("linear_deslant", "linear")
    ),
    Stated(
        "c4", "III.C.1", "units for pairs of classes err less than a linear layer",
        every(
            less("pairwise_linear", "linear_deslant"), less("pairwise_linear_regular", "linear")
        ),
    ),
    Stated(
        "c5", "III.C.2", "nearest neighbours err on 5.0 %, on 2.4 % of deslanted digits",
        every(errs("knn", 5.0), errs("knn_deslant", 2.4)),
    ),
    Stated(
        "c6", "III.C.3", "40 principal components and a quadratic classifier err on 3.3 %",
        errs("pca_quadratic", 3.3),
    ),
    Stated("c7", "III.C.4", "1,000 RBF units err on 3.6 %", errs("rbf_network", 3.6)),
    Stated(
        "c8", "III.C.5", "one hidden layer errs on 4.7 % with 300 units, on 4.5 % with 1,000",
        every(errs("mlp_300", 4.7), errs("mlp_1000", 4.5)),
    ),
    Stated(
        "c9", "III.C.5", "300 or 1,000 hidden units make little difference (implied)",
        alike("mlp_1000", "mlp_300"),
    ),
    Stated(
        "c10", "III.C.5", "distorted training digits help one hidden layer, but only marginally",
        every(
            *(less(f"{row}_dist", row) for row in ONE_HIDDEN),
            *(not_below(f"{row}_dist", row, margins.MARGINAL) for row in ONE_HIDDEN),
        ),
    ),
    Stated(
        "c11", "III.C.5", "on deslanted 20x20 digits its error falls to 1.6 %",
        every(less("mlp_300_deslant", "mlp_300"), errs("mlp_300_deslant", 1.6)),
    ),
    Stated(
        "c12", "III.C.6", "two hidden layers err much less than one",
        every(*(less("mlp_300_100", row, margins.MUCH) for row in ONE_HIDDEN)),
    ),
    Stated(
        "c13", "III.C.6", "a larger net of two hidden layers brings little (1000-150 in the text, "
        "500-150 in the figures)",
        every(alike("mlp_500_150", "mlp_300_100"), alike("mlp_1000_150", "mlp_300_100")),
    ),
    Stated(
        "c14", "III.C.6", "distorted training digits bring two hidden layers to 2.50 and 2.45 %",
        every(errs("mlp_300_100_dist", 2.5), errs("mlp_500_150_dist", 2.45)),
    ),
    Stated(
        "c15", "III.C.7", "LeNet-1 errs on 1.7 % with about 2,600 parameters",
        every(
            errs("lenet1", 1.7), about("parameters", lambda s: s.cost("lenet1", "variables"), 2_600)
        ),
    ),
    Stated(
        "c16", "III.C.7", "with so few it errs less than fully connected nets with a hundred times "
        "as many, since its architecture fits the task (implied)",
        every(*(less("lenet1", row) for row in (*MLPS, *DISTORTED_MLPS))),
    ),
    Stated("c17", "III.C.8", "LeNet-4 errs on 1.1 %", errs("lenet4", 1.1)),
    Stated(
        "c18", "III.C.8", "neither nearest neighbours nor local learning on top lower its error",
        every(
            *(not_below(row, "lenet4", margins.FIGURE) for row in ("lenet4_knn", "lenet4_local"))
        ),
    ),
    Stated(
        "c19", "III.C.8", "but with either it has to reject less",
        every(*(rejects_less(row, "lenet4") for row in ("lenet4_knn", "lenet4_local"))),
    ),
    Stated("c20", "III.C.9", "boosted LeNet-4 errs on 0.7 %", errs("boosted_lenet4_dist", 0.7)),
    Stated(
        "c21", "III.C.9", "it calls 1.75 nets in the mean, and not three",
        about("nets called", _nets_called, 1.75),
    ),
    Stated(
        "c22", "III.C.10", "tangent distance errs on 1.1 %", errs("tangent_distance", 1.1)
    ),
    Stated("c23", "III.C.11", "a polynomial SVM errs on 1.1 %", errs("svm_poly4", 1.1)),
    Stated(
        "c24", "III.C.11", "virtual support vectors bring 1.0 and later 0.8 %",
        errs("v_svm_poly9_dist", 0.8),
    ),
    Stated(
        "c25", "III.C.11", "and cost about twice a plain SVM",
        about("cost", ratio("v_svm_poly9_dist", "svm_poly4_regular"), 2),
    ),
    Stated(
        "c26", "III.C.11", "a reduced set keeps the error at 1.0 % with about 650,000 "
        "multiply-accumulates",
        every(
            errs("rs_svm_poly5", 1.0),
            about("multiply-accumulates", lambda s: s.cost("rs_svm_poly5", "macs"), 650_000),
        ),
    ),
    Stated(
        "c27", "III.C.11", "which is about 60 % more than LeNet-5",
        about("cost", ratio("rs_svm_poly5", "lenet5"), 1.6),
    ),
    Stated(
        "c28", "III.C.5", "weights of fully connected nets shrink in the first few passes, and "
        "grow then", _weights,
    ),
    Stated(
        "c29", "III.C.8", "a net larger than LeNet-1 makes more of so many digits",
        every(less("lenet4", "lenet1"), less("lenet5", "lenet1")),
    ),
    Stated(
        "d1", "III.D", "of all classifiers boosted LeNet-4 errs least",
        every(*(less("boosted_lenet4_dist", row) for row in OTHER_ROWS)),
    ),
    Stated(
        "d2", "III.D", "LeNet-5 on distorted digits comes close to it",
        alike("lenet5_dist", "boosted_lenet4_dist"),
    ),
    Stated(
        "d3", "III.D", "of all classifiers boosted LeNet-4 rejects least for 0.5 % error",
        every(*(rejects_less("boosted_lenet4_dist", row) for row in OTHER_ROWS)),
    ),
    Stated(
        "d5", "III.D", "nets take far fewer multiply-accumulates than memory-based classifiers",
        far_below("multiply-accumulates", ALL_NETS, MEMORY_BASED, "macs"),
    ),
    Stated(
        "d6", "III.D", "nets take far less memory than memory-based classifiers",
        far_below("variables", ALL_NETS, MEMORY_BASED, "variables"),
    ),
    Stated(
        "d7", "III.D", "linear, pairwise and quadratic classifiers train in a small part of the "
        "time of a multilayer net, memory-based ones in none", _training_time,
    ),
    Stated(
        "d8", "III.D", "support vector machines know nothing of geometry: with the pixels in any "
        "fixed order they do as well",
        at_most("share of other answers", _same_answers, margins.SAME),
    ),
    Stated(
        "d9", "III.D", "of the classifiers that know nothing of geometry they err least (implied)",
        every(*(less(svm, row) for svm in REGULAR_SVMS for row in OTHERS_ON_PIXELS)),
    ),
    Stated(
        "d10", "III.D", "the more training digits, the larger the nets' advantage in arithmetic "
        "and memory", every(_grows("macs"), _grows("variables")),
    ),
    Stated(
        "d11", "III.D", "a reduced-set SVM takes at most about twice the multiply-accumulates of a "
        "convolutional net",
        at_most("cost", ratio("rs_svm_poly5", "lenet5"), 2 * margins.ABOUT),
    ),
    Stated(
        "d12", "III.D", "tangent distance, support vectors and local learning err less than "
        "LeNet-1",
        every(*(less(row, "lenet1") for row in ("tangent_distance", "svm_poly4", "lenet4_local"))),
    ),
    Stated(
        "d13", "III.D", "boosting improves a net substantially at a modest cost",
        every(
            less("boosted_lenet4_dist", "lenet4_dist", margins.FIGURE),
            at_most("nets called", _nets_called, 1.75 * margins.ABOUT),
        ),
    ),
    Stated(
        "e1", "III.E", "LeNet-5 reads digits right that are up to about twice as large or small",
        reads("scale", 1 / paper.SCALE, paper.SCALE),
    ),
    Stated(
        "e2", "III.E", "or shifted up or down by about half their height (20 pixels)",
        reads("vertical shift", -20 * paper.VERTICAL_SHIFT, 20 * paper.VERTICAL_SHIFT),
    ),
    Stated(
        "e3", "III.E", "or turned by up to about 30 degrees",
        reads("rotation", -paper.ROTATION, paper.ROTATION),
    ),
    Stated(
        "e4", "III.E", "trained on digits with a tenth of the pixels inverted, it reads such "
        "digits",
        reads("noise", paper.NOISE, paper.NOISE, "lenet5_noise"),
    ),
    Stated(
        "e5", "III.E", "it reads unusual styles that people read", _people_read_them
    ),
    Stated(
        "f1", "II.B", "LeNet-5 has 60,000 trainable parameters and 340,908 connections",
        every(
            exactly("parameters", lambda s: s.cost("lenet5", "variables"), paper.LENET5_PARAMETERS),
            exactly("connections", lambda s: s.cost("lenet5", "macs"), paper.LENET5_CONNECTIONS),
        ),
    ),
    Stated(
        "f2", "II.C", "the MAP criterion keeps RBF outputs whose centres learn, too, from "
        "collapsing, which by MLE alone they do",
        less("lenet5_map_centres", "lenet5_mle_centres", margins.COLLAPSE),
    ),
    Stated(
        "f3", "II.B", "as C3's maps see different maps of S2 (Table I), they learn different "
        "features", _maps_differ,
    ),
    Stated(
        "f3b", "II.B", "and the net errs no more than if each saw all (implied)",
        less("step2_softmax", "step3_full_c3", -margins.FIGURE),
    ),
    Stated(
        "f4", "III.B", "that late rates are still large may be why LeNet-5 does not over-train: "
        "with smaller ones it errs more", less("lenet5", "lenet5_small_late_rates"),
    ),
)  # fmt: skip
