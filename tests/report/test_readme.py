"""The README shows what the report says."""

from pathlib import Path

from tests.conftest import PROJECT

from lenet.report import readme

REPORT = """# The study
- One finding.
- Another.

![Figure 9, test error](figures/figure_09_test_error.png)

| row | paper |
| --- | ---: |
| Linear | 12.00 |
"""


def test_the_head_of_the_report_by_hand(tmp_path: Path) -> None:
    path, report = tmp_path / "README.md", tmp_path / "report.md"
    report.write_text(REPORT)
    path.write_text(f"Before\n{readme.BEGIN}\nold\n{readme.END}\nAfter\n")
    readme.update(path, report)
    text = path.read_text()
    assert "- One finding.\n- Another.\n" in text
    assert "](reports/figures/figure_09_test_error.png)" in text
    assert "| Linear | 12.00 |\n" in text
    assert "old" not in text
    assert text.startswith("Before\n")
    assert text.endswith("\nAfter\n")
    readme.update(path, report)
    assert path.read_text() == text


def test_the_projects_readme_is_up_to_date() -> None:
    block = readme.head((PROJECT / "reports" / "README.md").read_text())
    assert block in (PROJECT / "README.md").read_text()
