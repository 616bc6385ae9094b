"""How far the validation error is from the test error, with either split of validation.

    python benchmarks/validation.py [KEY=VALUE ...] [--experiments NAME ...]

`data.validation=5000` holds out the last training digits, `data.validation=writers` all digits of
some writers. Each experiment is trained on what either leaves, on one thread, tracked as train.py
does it, and skipped where it is finished. A markdown table of errors in per cent: of the digits
held out, of these if half of them were by students, as half of the test digits are, and of the test
digits; then how many points that of the test is above the first, with a 95 % interval that counts
the draws of the seeds and of the writers of both sets. The figures are in docs/statistics.md;
nothing is chosen by them.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lenet import data, statistics
from lenet.data import Raw
from lenet.experiment import compose_experiment, load_classifier, train
from lenet.statistics import Writers
from lenet.tracking import EXPERIMENT, read_experiments

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ("linear", "knn", "svm_poly4", "mlp_300", "lenet5", "lenet5_modern")
LAST = 5_000
SPLITS = {LAST: f"last {LAST:,}", "writers": "writers"}
HEADER = "| validation | experiment | seeds | error | by halves | test | test less validation |"


class Part(NamedTuple):
    """Digits as they come, their classes, and who wrote them."""

    images: Tensor
    labels: Tensor
    writers: Writers


def held_out(validation: int | str, raw: Raw, folder: Path) -> Part:
    """The training digits that a value of data.validation holds out; says what they are."""
    known = data.writers("train", folder)
    last = np.arange(len(known))[-LAST:]
    index = data.by_writers(known).numpy() if validation == "writers" else last
    of = Writers(known.number[index], known.student[index])
    writers = np.unique(of.number)
    others = np.isin(writers, np.delete(known.number, index)).mean()
    print(
        f"{SPLITS[validation]}: {len(of):,} digits by {len(writers)} writers, {others:.0%} of whom "
        f"wrote other training digits; {of.student.mean():.0%} of the digits are by students"
    )
    return Part(raw.train_images[index], raw.train_labels[index], of)


def wrong(cfg: Any, *parts: Part) -> list[NDArray[np.bool_]]:
    """Of each part (S, N), which digits the seeds of an experiment err on."""
    found: list[list[NDArray[np.bool_]]] = [[] for _ in parts]
    outcomes = train(cfg)
    with read_experiments(cfg.tracking.uri) as experiments, tempfile.TemporaryDirectory() as folder:
        for outcome in outcomes:
            reader = load_classifier(cfg, experiments[EXPERIMENT].model(outcome.run, Path(folder)))
            for part, own in zip(parts, found, strict=True):
                own.append(reader.scores(part.images).argmax(1) != part.labels.numpy())
    return [np.stack(own) for own in found]


def line(name: str, validation: int | str, values: list[str], held: Part, test: Part) -> str:
    """The line of an experiment with one of the splits."""
    cfg = compose_experiment(name, ROOT / "conf")
    cfg.data.source, cfg.data.validation = "mnist", validation
    cfg.trainer.threads, cfg.resume = 1, True
    cfg.merge_with_dotlist(values)
    of_held, of_test = wrong(cfg, held, test)
    student = held.writers.student
    halves = (of_held[:, student].mean() + of_held[:, ~student].mean()) / 2
    found = statistics.on_two_sets(of_test, of_held, test.writers, held.writers).interval()
    errors = (f"{100 * error:.2f}" for error in (of_held.mean(), halves, of_test.mean()))
    less, low, high = (f"{100 * value:+.2f}" for value in (found.mean, found.low, found.high))
    cells = (SPLITS[validation], name, str(len(of_test)), *errors, f"{less} ({low} to {high})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="for train.py, too")
    parser.add_argument("--experiments", nargs="+", default=EXPERIMENTS, help="(six)")
    given = parser.parse_args()
    os.environ.setdefault("LENET_ROOT", str(ROOT))
    folder = Path(os.environ["LENET_ROOT"]) / "data"
    raw = data.load_raw("mnist", folder)
    test = Part(raw.test_images, raw.test_labels, data.writers("test", folder))
    held = {validation: held_out(validation, raw, folder) for validation in SPLITS}
    lines = [
        line(name, validation, given.values, held[validation], test)
        for validation in SPLITS
        for name in given.experiments
    ]
    print(HEADER, "| --- | --- | ---: | ---: | ---: | ---: | --- |", *lines, sep="\n")


if __name__ == "__main__":
    main()
