"""The article says what was found, and nothing where nothing is."""

import pandas as pd
import pytest
from tests.report.conftest import WRITERS, make, rows, whole

from lenet.errors import InputError
from lenet.report import findings, page, tables
from lenet.study import evaluation


def article(*found):
    results = {result.experiment: result for result in found}
    table, figures = rows(results), evaluation.evaluate(results, WRITERS)
    compared, effects = tables.comparisons(results, figures), tables.effects(figures)
    return table, findings.article(results, table, compared, effects, None)


def test_headings_say_what_was_found():
    table, parts = article(*whole())
    assert [part.name for part in parts] == list(findings.HEADINGS)
    heading = {part.name: part.heading for part in parts}
    counts = tables.verdicts(table)
    del counts[tables.MISSING]
    assert heading["holds"].startswith(f"Of the 5 figures that were tried, {tables.told(counts)}")
    assert heading["learns"] == (
        "From 15,000 to 60,000 digits the error of LeNet-5 goes from 1.50 to 1.20 %"
    )
    assert heading["parts"].startswith("Between the net of 1998 and today's lie ")
    assert all(part.sentences for part in parts)
    assert sum(len(part.sentences) for part in parts) < 25


def test_without_results_headings_ask():
    _, parts = article(make("knn", [5], data="digits"))
    assert [part.heading for part in parts] == [findings.HEADINGS[part.name] for part in parts]
    assert [part.name for part in parts if part.sentences] == ["claimed"]


def test_the_answer_counts():
    table, _ = article(*whole())
    assert findings.answer(table, "").endswith("where the paper says 0.95.")
    for verdict, words, told in (
        ("holds", "All", "hold"),
        ("not contradicted", "All", "are not contradicted by the data"),
        ("contradicted", "Few", "are contradicted"),
    ):
        said = findings.answer(table.assign(verdict=verdict), "")
        assert said.startswith(f"{words} of them stand: of the 27 figures, 27 {told}; ")


def test_the_claims_are_counted_beside_the_rows():
    results = {result.experiment: result for result in whole()}
    table, figures = rows(results), evaluation.evaluate(results, WRITERS)
    kinds = {
        "id": ["9/lenet5", "a1", "a2", "b1"],
        "verdict": ["holds", "holds", "contradicted"] * 2,
    }
    claims = pd.DataFrame({name: values[:4] for name, values in kinds.items()})
    compared = tables.comparisons(results, figures)
    parts = findings.article(results, table, compared, None, claims)
    [said] = [part.sentences for part in parts if part.name == "holds"]
    assert "Of 3 other claims of the paper, 2 hold and 1 is contradicted." in said


def test_writers_have_a_part_where_they_are_known():
    results = {result.experiment: result for result in whole()}
    table = rows(results).assign(
        students_pct=1.4, employees_pct=0.9, ci_writer_low_pct=0.5, ci_writer_high_pct=2.0
    )
    found = findings.article(
        results,
        table,
        tables.comparisons(results, evaluation.evaluate(results, WRITERS)),
        None,
        None,
    )
    [part] = [part for part in found if part.name == "writers"]
    assert part.heading == (
        "LeNet-5 errs on 1.40 % of the digits of students, on 0.90 % of those of employees"
    )
    assert "5 of 5 rows err more on the students'" in part.sentences[0]


def test_the_pages_of_claims_and_writers(tmp_path):
    results = {result.experiment: result for result in whole()}
    table = rows(results).assign(
        students_pct=1.4, employees_pct=0.9, ci_writer_low_pct=0.51, ci_writer_high_pct=2.0
    )
    path = tmp_path / "claims.csv"
    path.write_text(
        "id,section,claim,verdict,ours,margin,p,command,test,needs\n"
        "c1,III.E,It reads <b>all</b>,contradicted,20.3,1,0.5,python train.py,paired t,\n"
    )
    compared = tables.comparisons(results, evaluation.evaluate(results, WRITERS))
    page.write(results, table, compared, None, tables.claims(path), [], None, tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert "The ledger: of 1 claims of the paper, 1 is contradicted" in text
    assert "It reads &lt;b&gt;all&lt;/b&gt;" in text
    assert "<code>python train.py</code>" in text
    assert "paired t, p = 0.5" in text
    assert "0.51 to 2.00" in text


def test_a_ledger_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "claims.csv"
    assert tables.claims(path) is None
    path.write_text("id,claim\n1,x\n")
    with pytest.raises(InputError, match="lacks the columns section"):
        tables.claims(path)
    path.write_text(f"{','.join(tables.CLAIMS)}\n{'x,' * (len(tables.CLAIMS) - 1)}x\n")
    with pytest.raises(InputError, match="has a verdict that is none: x"):
        tables.claims(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        tables.claims(path)


def test_the_layers_of_today_sum_to_todays_net():
    layers = pd.DataFrame(page._layers())
    assert layers["then"].sum() == 60_000
    assert layers["connections"].sum() == 340_908
    assert layers["now"].sum() == 61_706
    assert layers["form"].tolist()[0] == "28x28x6"
