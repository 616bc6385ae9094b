"""All claims together: verdicts by p values that are adjusted for one another."""

from dataclasses import dataclass, replace

from lenet import paper, statistics
from lenet.report import caveat
from lenet.results import Claim
from lenet.statistics import OPEN, UNTESTABLE
from lenet.study.claims.evidence import Finding, Study, Untestable, errs
from lenet.study.claims.ledger import CLAIMS, Stated

FULL_STUDY = "the full study on MNIST, and who wrote its digits"
SHOWN = 4  # experiments in a command, before it is that for all


@dataclass(frozen=True)
class Judged:
    """A line of the ledger; ``row`` is that of Figure 9 whose figure the claim is, if it is one."""

    line: Claim
    row: str

    @property
    def verdict(self) -> str:
        """One of `statistics.VERDICTS`."""
        return self.line["verdict"]

    @property
    def p(self) -> float:
        """Adjusted for all claims; 1 where nothing was tested."""
        return 1.0 if self.line["p"] is None else self.line["p"]


def judge(study: Study) -> list[Judged]:
    """The verdict on every claim, the 27 figures of Figure 9 first. The chance that any claim is
    said to hold that is false, or said to be contradicted that is true, is at most 5 % (Holm)."""
    figure_9 = [
        Stated(f"9/{name}", row.section, f"{row.label} errs on {row.test_error:g} %", errs(name))
        for name, row in paper.ROWS.items()
    ]
    asked = [_ask(stated, study) for stated in (*figure_9, *CLAIMS)]
    tested = [found for _, found, _ in asked if isinstance(found, Finding)]
    drawn = dict.fromkeys(  # what two lines say in the same words of the same data counts once
        found.evidence for found in tested if found.evidence.estimate is not None
    )
    adjusted = dict(
        zip(drawn, statistics.holm([each.p for each in drawn]) if drawn else [], strict=True)
    )
    judged = []
    for stated, found, rows in asked:
        line = Claim(
            id=stated.id,
            section=stated.section,
            claim=stated.claim,
            verdict=UNTESTABLE,
            ours="",
            margin="",
            test="",
            p=None,
            needs="",
            command=_command(rows),
        )
        if isinstance(found, Finding):
            chance = found.evidence in adjusted
            p = float(adjusted.get(found.evidence, found.evidence.p))
            line |= {
                "verdict": found.evidence.verdict(p),
                "ours": found.ours,
                "margin": found.margin,
                "test": found.test,
                "p": p if chance else None,
            }
            if line["verdict"] == OPEN:
                line["needs"] = _needs(found, len(drawn))
        else:
            line["needs"] = found
        row = stated.id.removeprefix("9/")
        judged.append(Judged(line, row if row in study.results and row != stated.id else ""))
    return judged


def _ask(stated: Stated, study: Study) -> tuple[Stated, Finding | str, list[str]]:
    """What the study says of a claim, or what it would need; and the experiments asked for."""
    own = replace(study, asked={})
    if study.writers is None or caveat(study.results.values()):
        return stated, FULL_STUDY, []
    try:
        return stated, stated.ask(own), list(own.asked)
    except Untestable as e:
        return stated, str(e), list(own.asked)


def _command(rows: list[str]) -> str:
    stages = [f"train@{row}" for row in rows] if len(rows) <= SHOWN else []
    return " ".join(["dvc repro", *stages, "evaluate"])


def _needs(found: Finding, claims: int) -> str:
    """What the data could have shown, where they cannot tell."""
    shown = f"could have shown {100 * found.evidence.showable(claims):.2f} {found.unit}"
    if not found.equals:
        return shown
    digits = found.evidence.digits(claims, found.equals, paper.TEST_DIGITS)
    return f"{shown} beyond the margin; to show it takes about {float(f'{digits:.1e}'):,.0f} digits"
