"""What a person reads at the end of a run or a sweep."""

from dataclasses import replace

import numpy as np
import pytest

from lenet.statistics import mean_error
from lenet.terminal import Failure, Outcome, progress, table, trials


def outcome(name: str = "lenet5", seed: int = 0, **other) -> Outcome:
    values = {"whole": True, "error": 0.01, "skipped": False, "row": "lenet5"}
    values |= {"run": "0123456789abcdef"} | other
    return Outcome(
        name=name,
        seed=seed,
        data="mnist",
        low=0.008,
        high=0.012,
        validation_error=0.01,
        seconds=60.0,
        page="",
        **values,
    )


def shown(capsys: pytest.CaptureFixture[str], *arguments) -> str:
    table(*arguments)
    return capsys.readouterr().out


def test_a_run_stands_beside_the_papers_figure(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [[outcome()]])
    [row] = [line for line in text.splitlines() if "01234567" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("lenet5", "0", "1.00 (0.80-1.20)", "0.95", "60", "01234567")
    ]
    assert "stand by no other" not in text


def test_the_paper_has_no_figure_for_a_part_of_mnist(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [[outcome(whole=False)]])
    assert "0.95" not in text
    assert "paper %" not in text
    assert (
        "The paper's figures are for whole epochs on all of MNIST, and stand by no other." in text
    )
    both = shown(capsys, [[outcome(whole=False)], [outcome(seed=1)]])
    assert [both.count(words) for words in ("paper %", "0.95", "stand by no other")] == [
        1,
        1,
        1,
    ]


def test_a_column_without_a_value_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    own = replace(outcome(run="", row=None), data="folder:scans")
    text = shown(capsys, [[own]])
    assert "own digits, folder:scans, NOT MNIST" in text
    for column in ("paper", "run", "note"):
        assert column not in text


def test_what_a_sweep_gave_its_jobs_tells_them_apart(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [[replace(outcome(), values={"model": "lenet5", "recipe.j": j})] for j in ("1", "5")]
    text = shown(capsys, jobs)
    assert "recipe.j" in text
    assert text.count("lenet5") == 2


def test_a_search_shows_what_it_went_by(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        [replace(outcome(error=error), validation_error=held_out, values={"lr": lr, "same": "x"})]
        for error, held_out, lr in ((0.031, 0.04, "0.1"), (0.052, 0.02, "0.01"))
    ]
    trials(found, [Failure("lenet5", "diverged")])
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if "01234567" in line]
    assert [cell.strip() for cell in rows[1].strip("│").split("│")] == [
        *("2", "0.01", "2.00", "60", "01234567", "best")
    ]
    assert "errs on 5.20 (0.80-1.20) % of the test digits, which chose nothing" in text
    assert "3.10" not in text, "the test error of any other"
    assert "same" not in text, "what did not vary"
    assert "failed lenet5: diverged" in text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "2 of 8: lenet5"), (45.0, ", about 45 s left"), (400, "7 min"), (7300, "2.0 h")],
)
def test_a_sweep_says_how_far_it_is(seconds, told, capsys: pytest.CaptureFixture[str]) -> None:
    progress(2, 8, "lenet5", seconds)
    assert told in capsys.readouterr().out


def test_a_note_is_there_where_something_is_to_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "note" not in shown(capsys, [[outcome()]])
    text = shown(capsys, [[outcome()], [outcome(seed=1, skipped=True)]])
    assert "note" in text
    assert text.count("was finished") == 1


def test_seeds_of_a_job_have_their_mean(capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [outcome(seed=seed, error=error) for seed, error in enumerate((0.01, 0.02, 0.03))]
    assert "mean of 3" in (text := shown(capsys, [seeds]))
    assert " 2.00   " in text, "without an interval, as nothing tells which digits they err on"
    assert "mean" not in shown(capsys, [[seed] for seed in seeds])


def test_the_mean_of_seeds_has_the_reports_interval(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = np.random.default_rng(0).random((3, 1_001)) < 0.02
    seeds = [
        replace(outcome(seed=seed), wrong=np.packbits(row).tobytes().hex(), digits=len(row))
        for seed, row in enumerate(wrong)
    ]
    of = mean_error(wrong)
    interval = f"{100 * of.mean:.2f} ({100 * of.low:.2f}-{100 * of.high:.2f})"
    assert interval in shown(capsys, [seeds])


def test_names_and_reasons_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["[/x]", "[bold]", "[red]a[/red]", "b\\"]
    failures = [Failure(name, f"because of {name}") for name in names]
    text = shown(capsys, [[outcome(name) for name in names]], failures)
    for name in names:
        assert f"│ {name} " in text
        assert f"failed {name}: because of {name}" in text
