"""Whatever a command writes, it may be killed or fail just there: run again, it comes to what it
comes to undisturbed: the same figures to the last bit, one run, a true status, no litter."""

import errno
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.every_write import DIES, KINDS, Came, Case, Warm, prepare
from tests.tracking.test_server import Server

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler here")

WAYS = {"killed": DIES, "failed": errno.EIO}
GATE = ("classical",)
MOST_LINES = 3  # that a command says of a write that failed


class Trial:
    """A warm process, and what each kind of command comes to undisturbed."""

    def __init__(self, folder: Path, empty_database: Path) -> None:
        self.folder, self.empty_database = folder, empty_database
        shutil.copy(empty_database, folder)
        self.server = Server(folder, f"sqlite:///{folder}/mlflow.db")
        self.warm = Warm(folder, self.server.uri)
        self._undisturbed: dict[str, Came] = {}

    def undisturbed(self, kind: str) -> Came:
        if kind not in self._undisturbed:
            came = self.warm.run(self._prepared(Case(kind, self.folder / kind)))
            assert came.code == 0, came.said
            assert all(run["status"] == "FINISHED" for run in came.kept["runs"])
            self._undisturbed[kind] = came
        return self._undisturbed[kind]

    def wrong(self, kind: str, write: int, way: str) -> str | None:
        """What is wrong after a command went wrong at one of its writes and was run again."""
        whole = self.undisturbed(kind)
        case = Case(kind, self.folder / f"{kind}-{write}-{way}", write, WAYS[way])
        first = self.warm.run(self._prepared(case))
        if way == "killed":
            if first.code != -9:
                return f"was not killed: {first.code} {first.said}"
        elif "Traceback" in first.said or len(first.said.splitlines()) > MOST_LINES:
            return f"said {first.said}"
        elif first.code == 0 and kind != "delivery" and first.kept != whole.kept:
            return f"exits with 0, but leaves {first.kept}"
        shutil.rmtree(case.folder / "tmp", ignore_errors=True)  # as the system does
        again = self.warm.run(case._replace(write=0))
        if again.code != 0:
            return f"cannot go on: {again.said}"
        if again.kept != whole.kept:
            return f"comes to {again.kept}, not {whole.kept}"
        shutil.rmtree(case.folder)
        return None

    def end(self) -> None:
        self.warm.end()
        self.server.stop()

    def _prepared(self, case: Case) -> Case:
        if case.kind == "delivery":
            self.server.start()  # unless it runs
        prepare(case, self.empty_database, self.server.uri)
        return case


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Trial]:
    trial = Trial(tmp_path_factory.mktemp("every_write"), empty_database)
    yield trial
    trial.end()


def check(trial: Trial, kind: str, tries: list[tuple[int, str]]) -> None:
    """Tries writes, each in a way."""
    places = trial.undisturbed(kind).writes
    found = {each: trial.wrong(kind, *each) for each in tries}
    print(f"{kind}: {len(tries)} tries, {len(places)} writes")
    faults = [
        f"{way} at {write}, {places[write - 1]}: {why}"
        for (write, way), why in found.items()
        if why
    ]
    assert not faults, f"{kind}\n" + "\n\n".join(faults)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=pytest.mark.slow if k in GATE else pytest.mark.long) for k in KINDS],
)
def test_each_place_that_writes_once(trial: Trial, kind: str) -> None:
    """One write of each line of this project, killed and failed in turn."""
    first: dict[str, int] = {}
    for number, place in enumerate(trial.undisturbed(kind).writes, 1):
        first.setdefault(place.rpartition(" ")[2], number)
    check(trial, kind, list(zip(first.values(), itertools.cycle(WAYS))))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_write(trial: Trial, kind: str, way: str) -> None:
    writes = len(trial.undisturbed(kind).writes)
    check(trial, kind, [(write, way) for write in range(1, writes + 1)])
