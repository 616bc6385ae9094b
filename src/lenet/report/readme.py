"""The project's README shows the head of the report, as reports/README.md has it."""

from pathlib import Path

BEGIN, END = "<!-- of reports/README.md: begin -->", "<!-- end -->"
SENTENCES = 5  # of the report's


def head(report: str) -> str:
    """The first findings, Figure 9 and the table, from reports/README.md."""
    lines = report.splitlines()
    found = [line for line in lines if line.startswith("- ")][:SENTENCES]
    picture = [line for line in lines if "figure_09_test_error" in line][:1]
    picture = [line.replace("](", "](reports/") for line in picture]
    rows = [line for line in lines if line.startswith("|")]
    return "\n".join([*found, "", *picture, "", *rows])


def update(readme: Path, report: Path) -> None:
    """Writes the head of the report between the two marks of a README, where it has them."""
    text = readme.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if mark and end:
        block = head(report.read_text(encoding="utf-8"))
        readme.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}", encoding="utf-8")
