"""What a person reads at the end of a run or a sweep."""

import pytest

from lenet.terminal import Failure, Outcome, table


def outcome(name: str = "lenet5", seed: int = 0, **other) -> Outcome:
    values = {"whole": True, "error": 0.01, "skipped": False} | other
    return Outcome(
        name=name,
        seed=seed,
        row="lenet5",
        data="mnist",
        low=0.008,
        high=0.012,
        validation_error=0.01,
        seconds=60.0,
        run="0123456789abcdef",
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
    assert "-:" not in text


def test_the_paper_has_no_figure_for_a_part_of_mnist(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [[outcome(whole=False)]])
    assert "0.95" not in text
    assert "-: the paper's figures are for whole epochs on all of MNIST." in text


def test_a_note_is_there_where_something_is_to_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "note" not in shown(capsys, [[outcome()]])
    text = shown(capsys, [[outcome()], [outcome(seed=1, skipped=True)]])
    assert "note" in text
    assert text.count("was finished") == 1


def test_seeds_of_a_job_have_their_mean(capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [outcome(seed=seed, error=error) for seed, error in enumerate((0.01, 0.02, 0.03))]
    assert "mean of 3" in (text := shown(capsys, [seeds]))
    assert "2.00 (standard deviation 1.00)" in text
    assert "mean" not in shown(capsys, [[seed] for seed in seeds])


def test_names_and_reasons_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["[/x]", "[bold]", "[red]a[/red]", "b\\"]
    failures = [Failure(name, f"because of {name}") for name in names]
    text = shown(capsys, [[outcome(name) for name in names]], failures)
    for name in names:
        assert f"│ {name} " in text
        assert f"failed {name}: because of {name}" in text
