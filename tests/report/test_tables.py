"""Tables say what the results say, row by row of the paper."""

import csv
import io

import numpy as np
import pytest
from tests.report.conftest import WRITERS, make, rows

from lenet import paper
from lenet.report import groups, tables
from lenet.study.evaluation import evaluate


def by_name(*found):
    return {result.experiment: result for result in found}


def test_rows_stand_in_the_papers_order_with_second_configs_below():
    table = rows(
        by_name(make("lenet5", [5]), make("lenet5_modern", [4], "lenet5"), make("linear", [60]))
    )
    assert table.loc[~table["second"], "row"].tolist() == list(paper.ROWS)
    names = table["row"].tolist()
    assert names[names.index("lenet5") + 1] == "lenet5_modern"


def test_experiments_of_other_figures_are_no_second_configs():
    others = {*groups.PATH, *groups.CELLS.values(), groups.LITERAL, groups.NOISE}
    others |= {"lenet5_15000", "lenet5_30000"}
    found = by_name(*(make(name, [5], "lenet5") for name in others))
    assert groups.second_configs(found, "lenet5") == ["lenet5_modern"]


def test_an_experiment_of_ones_own_stands_below_its_row_by_its_name():
    table = rows(by_name(make("lenet5", [5]), make("mine", [4], "lenet5")))
    mine = table.set_index("row").loc["mine"]
    assert (mine["label"], mine["beside"], mine["second"]) == ("LeNet-5, mine", "lenet5", True)


def test_a_row_of_two_seeds_worked_by_hand():
    line = rows(by_name(make("lenet5", [5, 10]))).set_index("row").loc["lenet5"]
    assert line["error_mean_pct"] == pytest.approx(1.5)  # 1 % and 2 % of 500
    assert line["ci_low_pct"] < 1.5 < line["ci_high_pct"]
    assert line["difference_pct"] == pytest.approx(1.5 - 0.95)
    assert line["seeds"] == 2
    assert line["reject_pct"] == pytest.approx(1.5)  # those that are wrong are the least sure
    assert (line["macs"], line["memory"], line["seconds"]) == (400_000, 60_000, 60)
    assert len(line["runs"]) == 2
    assert line["ci_writer_low_pct"] < 1.5 < line["ci_writer_high_pct"]
    assert (line["students_pct"] + line["employees_pct"]) / 2 == pytest.approx(1.5)
    assert line["reject_low_pct"] <= 1.5 <= line["reject_high_pct"]


def test_without_writers_there_is_nothing_by_writer():
    found = by_name(make("lenet5", [5, 10]))
    line = tables.rows(found, evaluate(found)).set_index("row").loc["lenet5"]
    assert line[["ci_writer_low_pct", "ci_writer_high_pct", "students_pct"]].isna().all()
    assert line["ci_low_pct"] < 1.5 < line["ci_high_pct"]


def test_a_row_without_results_is_missing_and_has_no_figures():
    text = tables.csv(rows({}))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 27
    knn = next(line for line in lines if line["row"] == "knn")
    assert knn == dict.fromkeys(tables.CSV, "") | {
        "row": "knn", "paper_error_pct": "5.0", "seeds": "0", "verdict": "missing",
    }  # fmt: skip


def test_the_csv_has_the_columns_that_are_promised():
    assert tables.csv(rows({})).splitlines()[0] == (
        "row,paper_error_pct,error_mean_pct,ci_low_pct,ci_high_pct,seeds,verdict,reject_pct,"
        "macs,memory,seconds,ci_writer_low_pct,ci_writer_high_pct,students_pct,employees_pct,"
        "reject_low_pct,reject_high_pct,p"
    )


def test_verdicts_count_the_rows_and_not_the_second_configs():
    table = rows(by_name(make("linear", [0]), make("linear_regular", [300], "linear")))
    assert tables.verdicts(table) == {"contradicted": 1, "missing": 26}


def test_a_stand_in_has_no_verdict_beside_the_paper():
    table = rows(by_name(make("lenet5", [5], data="digits")))
    assert tables.verdicts(table) == {"stand-in": 1, "missing": 26}


def test_single_runs_are_told_apart_by_mcnemar_where_nobody_knows_the_writers():
    one, other = make("linear", [10]), make("linear_least_squares", [40], "linear")
    found = by_name(one, other)
    pair = tables.comparisons(found, evaluate(found)).iloc[0]
    assert (pair["a"], pair["b"], pair["method"]) == ("linear", other.experiment, "McNemar")
    # the ten errors of the one are among the forty of the other: 30 discordant digits, one way
    assert pair["p"] == pair["p_holm"] == pytest.approx(2 * 0.5**30)
    assert pair["difference_pct"] == pytest.approx(-6)


def test_plain_and_distorted_are_compared_over_seeds():
    found = by_name(make("lenet5", [50, 50]), make("lenet5_dist", [5, 5]))
    pair = tables.comparisons(found, evaluate(found, WRITERS)).iloc[0]
    assert (pair["a"], pair["b"], pair["method"]) == ("lenet5", "lenet5_dist", "t, by writer")
    assert (pair["label_a"], pair["label_b"]) == ("LeNet-5", "[dist] LeNet-5")
    assert pair["difference_pct"] == pytest.approx(9)
    assert pair["p"] < 0.01


def test_the_ablation_needs_all_its_cells():
    cells = {
        name: make(name, [10 + 5 * levels[0]] * 2, "lenet5")
        for levels, name in groups.CELLS.items()
    }
    effects = tables.effects(evaluate(cells, WRITERS))
    assert effects is not None
    assert effects["effect"].iloc[0] == "max pooling"
    np.testing.assert_allclose(effects["difference"].iloc[:3], [0.01, 0, 0], atol=1e-12)
    del cells["lenet5_rbf"]
    assert tables.effects(evaluate(cells, WRITERS)) is None


def test_metrics_are_what_dvc_shows():
    shown = tables.metrics(rows(by_name(make("lenet5", [5]))))
    assert shown["rows"].keys() == {"lenet5"}
    assert shown["rows"]["lenet5"]["error_mean_pct"] == 1
    assert shown["verdicts"] == {"not contradicted": 1, "missing": 26}
