"""Verdicts follow from results alone: on small made results, and flipped by a file."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.report.conftest import WRITERS, make

from lenet import paper, results
from lenet.results import Result
from lenet.statistics import CONTRADICTED, HOLDS, OPEN, UNTESTABLE, VERDICTS
from lenet.study import claims, evaluation
from lenet.study.claims import margins
from lenet.study.claims.evidence import Untestable
from lenet.study.claims.ledger import CLAIMS
from lenet.study.profile import rows as experiments


def judged(*found: Result, **more) -> dict[str, dict]:
    """The ledger's lines by id."""
    study = claims.Study({each.experiment: each for each in found}, WRITERS, more)
    return {each.line["id"]: dict(each.line) for each in claims.judge(study)}


def with_curve(result: Result, name: str, curve: Callable[[int], list[float]]) -> Result:
    """With a curve for each seed."""
    runs = tuple(
        run | {"curves": run["curves"] | {name: curve(run["seed"])}} for run in result.runs
    )
    return replace(result, runs=runs)


def costing(name: str, **metrics: float) -> Result:
    """A single run of these costs."""
    result = make(name, [5], name if name in paper.ROWS else "lenet5")
    return replace(
        result, runs=({**result.runs[0], "metrics": result.runs[0]["metrics"] | metrics},)
    )


def test_a_ledger_has_every_claim_once_with_its_words() -> None:
    lines = judged()
    assert len(CLAIMS) == len({stated.id for stated in CLAIMS}) >= 63
    assert list(lines)[:27] == [f"9/{row}" for row in paper.ROWS]
    assert len(lines) == 27 + len(CLAIMS)
    for line in lines.values():
        assert line["claim"]
        assert line["section"].startswith(("II.", "III."))
        assert line["command"].startswith("dvc repro")
        assert line["verdict"] in VERDICTS


def test_without_results_only_the_digits_themselves_can_be_asked() -> None:
    lines = judged(make("linear", [60]))
    tested = {name for name, line in lines.items() if line["verdict"] != UNTESTABLE}
    assert tested == {"9/linear", "a1", "a2", "a4", "c1"}
    assert lines["b7"]["needs"] == "the experiment lenet5_dist"
    assert lines["b7"]["command"] == "dvc repro train@lenet5_dist evaluate"


@pytest.mark.parametrize("small", [{"data": "digits"}, {"profile": "quick"}])
def test_a_stand_in_or_a_small_study_tests_nothing(small: dict[str, str]) -> None:
    lines = judged(make("linear", [60], **small), make("lenet5", [5, 6]))
    assert {line["verdict"] for line in lines.values()} == {UNTESTABLE}


def test_a_figure_far_away_is_contradicted_and_one_near_by_is_not() -> None:
    lines = judged(make("linear", [300]), make("lenet5", [5, 5]))
    assert lines["9/linear"]["verdict"] == lines["c1"]["verdict"] == CONTRADICTED
    assert lines["9/linear"]["ours"] == "linear 60.00 %, paper 12 %"
    near = lines["b1"]
    assert near["verdict"] == OPEN
    assert "could have shown" in near["needs"]
    assert near["needs"].endswith("digits")


def test_one_flipped_prediction_file_flips_its_verdict(tmp_path: Path) -> None:
    for result in (make("lenet5", [50, 50]), make("lenet5_dist", [5, 5]), make("lenet1", [50, 50])):
        results.save(result, tmp_path / result.experiment)

    def verdicts() -> dict[str, str]:
        figures = evaluation.evaluate(results.load_all(tmp_path), WRITERS)
        return {line["id"]: line["verdict"] for line in figures["claims"]}

    before = verdicts()
    assert before["b7"] == HOLDS
    kept = results.load(tmp_path / "lenet5_dist")
    worse = np.where(np.arange(500) % 2, (kept.label + 1) % 10, kept.label).astype(np.uint8)
    results.save(replace(kept, prediction=np.stack([worse, worse])), tmp_path / "lenet5_dist")
    after = verdicts()
    assert after["b7"] == CONTRADICTED
    assert {name for name in before if before[name] != after[name]} == {"b7", "9/lenet5_dist", "b6"}


def test_the_same_hypothesis_counts_once() -> None:
    found = make("lenet5", [50, 50]), make("lenet5_dist", [30, 30])
    lines = judged(*found)
    study = claims.Study({each.experiment: each for each in found}, WRITERS, {})
    names = ("b1", "b6", "b7", "b9")  # b1 is 9/lenet5 and b6 is 9/lenet5_dist: four are tested
    own = {each.id: each.ask(study).evidence.p for each in CLAIMS if each.id in names}
    assert lines["b1"]["p"] == lines["9/lenet5"]["p"]
    least = min(own, key=lambda name: own[name])
    assert 0 < own[least] < 0.01
    assert lines[least]["p"] == pytest.approx(4 * own[least])


def test_alike_needs_few_digits_between_two() -> None:
    lines = judged(make("mlp_1000", [20, 20]), make("mlp_300", [20, 20]))
    assert lines["c9"]["verdict"] == HOLDS
    assert lines["c9"]["ours"].startswith("mlp_1000 less mlp_300 +0.00 points")
    lines = judged(make("mlp_1000", [200, 200]), make("mlp_300", [20, 20]))
    assert lines["c9"]["verdict"] == CONTRADICTED


def test_settled_means_every_pass_after_the_twelfth() -> None:
    def curve(late: float) -> Callable[[int], list[float]]:
        noise = np.random.default_rng(0).normal(0, 1e-5, 9)
        return lambda seed: [0.1, *[0.02] * 10, *(0.01 + late + noise[:8] * (seed + 1)), 0.01]

    net = make("lenet5", [5, 6, 7])
    for late, verdict in ((0.0, HOLDS), (0.005, CONTRADICTED)):
        found = judged(with_curve(net, "figure_5/test_error", curve(late)))["b2"]
        assert found["verdict"] == verdict, found


def test_over_training_is_a_rise_or_more_errors_after_twice_the_passes() -> None:
    def curve(end: float) -> Callable[[int], list[float]]:
        return lambda seed: [0.01 + 1e-5 * seed] * 17 + [end + 1e-6 * seed] * 3

    net = make("lenet5", [6, 6, 6])
    for end, longer, verdict in (
        (0.01, 6, HOLDS),
        (0.02, 6, CONTRADICTED),
        (0.01, 90, CONTRADICTED),
    ):
        long = make("lenet5_long", [longer] * 3, "lenet5")
        plain = with_curve(net, "figure_5/test_error", curve(end))
        assert judged(plain, long)["b4"]["verdict"] == verdict
    assert judged(net)["b4"]["verdict"] == UNTESTABLE


def test_costs_are_counted() -> None:
    lines = judged(
        costing("rs_svm_poly5", macs=640_000.0),
        costing("lenet5", macs=340_908.0, variables=60_000.0),
    )
    assert {lines[name]["verdict"] for name in ("c27", "d11", "f1")} == {HOLDS}
    assert lines["c27"]["p"] is None
    twice = judged(costing("rs_svm_poly5", macs=900_000.0), costing("lenet5", macs=340_909.0))
    assert {twice[name]["verdict"] for name in ("c27", "d11", "f1")} == {CONTRADICTED}


def test_advantages_grow_with_the_training_set() -> None:
    sizes = {"_15000": 1e6, "_30000": 2e6, "": 4e6}
    rows = ("knn", "tangent_distance", "svm_poly4")
    own = [costing(f"{r}{s}", macs=m, variables=m) for r in rows for s, m in sizes.items()]
    assert judged(costing("lenet5"), *own)["d10"]["verdict"] == HOLDS
    own[-1] = costing("svm_poly4", macs=2e6, variables=4e6)
    assert judged(costing("lenet5"), *own)["d10"]["verdict"] == CONTRADICTED


def test_pixels_in_another_order_give_the_same_answers() -> None:
    plain = make("svm_poly4_regular", [9], "svm_poly4")
    same = make("svm_poly4_permuted", [9], "svm_poly4")
    other = make("svm_poly4_permuted", [12], "svm_poly4")
    assert judged(plain, same)["d8"]["verdict"] == HOLDS
    assert judged(plain, other)["d8"]["verdict"] == CONTRADICTED


def test_weights_shrink_first_and_grow_then() -> None:
    def norms(*values: float) -> Callable[[int], list[float]]:
        return lambda seed: [v * (1 + 1e-4 * seed * (i + 1)) for i, v in enumerate(values)]

    rows = ("mlp_300", "mlp_1000", "mlp_300_100", "mlp_500_150")
    for curve, verdict in (
        (norms(10, 9.5, 9.2, 9, *[12] * 16), HOLDS),
        (norms(10, 11, 12, 13, *[14] * 16), CONTRADICTED),
    ):
        found = judged(*(with_curve(make(row, [9, 9, 9]), "weight_norm", curve) for row in rows))
        assert found["c28"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("d13", ("boosted_lenet4_dist", 2), ("lenet4_dist", 90)),
        ("f2", ("lenet5_map_centres", 5), ("lenet5_mle_centres", 450)),
        ("f4", ("lenet5", 5), ("lenet5_small_late_rates", 90)),
        ("d2", ("lenet5_dist", 20), ("boosted_lenet4_dist", 20)),
    ],
)
def test_orders_of_experiments(name: str, a: tuple[str, int], b: tuple[str, int]) -> None:
    def of(row: str, errors: int) -> Result:
        return make(row, [errors, errors], row if row in paper.ROWS else "lenet5")

    assert judged(of(*a), of(*b), of("lenet4", 9))[name]["verdict"] == HOLDS
    assert judged(of(a[0], b[1] + 5), of(b[0], 5), of("lenet4", 9))[name]["verdict"] == CONTRADICTED


def test_reading_changed_digits() -> None:
    def curves(error: float) -> dict:
        values = {"rotation": (-30.0, 30.0), "scale": (1.0,), "vertical shift": (-2.0, 2.0)}
        read = {change: [(v, error) for v in each] for change, each in values.items()}
        return {
            "ink": {change: [(v, 1.0) for v in each] for change, each in values.items()},
            "classifiers": {"lenet5": {"digits": 10_000, "curves": read}},
        }

    net = make("lenet5", [5, 5])
    assert judged(net, **curves(0.05))["e3"]["verdict"] == HOLDS
    assert judged(net, **curves(0.2))["e3"]["verdict"] == CONTRADICTED
    lost = curves(0.05)
    lost["ink"]["rotation"][0] = (-30.0, margins.INK - 0.01)
    assert judged(net, **lost)["e3"]["verdict"] == OPEN, "nobody sees what left the picture"
    assert judged(net)["e3"]["verdict"] == UNTESTABLE


def test_maps_that_see_different_maps_are_less_alike() -> None:
    rows = make("step2_softmax", [5] * 3, "lenet5"), make("step3_full_c3", [5] * 3, "lenet5")

    def line(sparse: list[float], full: list[float]) -> dict:
        features = {"step2_softmax": sparse, "step3_full_c3": full}
        study = claims.Study({each.experiment: each for each in rows}, WRITERS, {}, features)
        return next(dict(each.line) for each in claims.judge(study) if each.line["id"] == "f3")

    some, more = [0.20, 0.21, 0.22], [0.30, 0.311, 0.319]
    assert line(some, more)["verdict"] == HOLDS
    assert line(more, some)["verdict"] == CONTRADICTED
    assert line(some, [0.1, 0.2, 0.3])["verdict"] == OPEN
    assert (
        line(some, more)["command"] == "dvc repro train@step2_softmax train@step3_full_c3 evaluate"
    )
    assert judged(*rows)["f3"]["needs"] == "several seeds of both in the stage features"


def test_what_claims_ask_for_can_be_trained() -> None:
    known = set(experiments())
    whole = {name: make(name, [5, 6], "lenet5") for name in known}
    for stated in CLAIMS:
        study = claims.Study(whole, WRITERS, {})
        with suppress(Untestable):
            stated.ask(study)
        assert set(study.asked) <= known, stated.id
