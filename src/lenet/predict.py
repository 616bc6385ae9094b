"""Pictures of digits in, digits out: the command line of predict.py."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lenet.errors import InputError

if TYPE_CHECKING:  # they take seconds to import: --help and wrong names need none
    import numpy as np
    from numpy.typing import NDArray

    from lenet.saved import Reader
    from lenet.tracking import Store, Tracked

    Digit = NDArray[np.uint8]  # 28 x 28

COMMITTED = "lenet5"  # the experiment whose weights are part of the project


@dataclass(frozen=True)
class Reading:
    """What a picture shows."""

    file: str
    digit: int
    score: float  # of the digit, in the classifier's own unit; larger is better
    margin: float  # over the second best (III.D)
    rejected: bool  # whether the margin is below the threshold for 0.5 % error


@dataclass(frozen=True)
class Chosen:
    """The classifier that reads.

    Attributes:
        title: tells a person which it is.
        threshold: margins below are rejected.
    """

    title: str
    reader: "Reader"
    threshold: float


def main(project: Path, arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each picture, on stderr for each that cannot be read.

    Args:
        project: its folder, for configurations, tracked runs and committed weights.
        arguments: of the command line; None takes the process's.

    Returns:
        The exit code: 0, or 1 if any picture failed.
    """
    store = f"sqlite:///{os.environ.get('LENET_ROOT', project)}/mlflow.db"
    options = _parser(store).parse_args(arguments)
    digits, failed = _digits(options.picture)
    readings: list[Reading] = []
    if digits:
        try:
            chosen = choose(project, options.tracking, options.run)
        except InputError as e:
            _tell(str(e))
            return 1
        _tell(f"{chosen.title}, rejects margins below {chosen.threshold:.4g}")
        readings = read(chosen, digits)
    if options.json:
        print(json.dumps([asdict(reading) for reading in readings], indent=1))
    else:
        for r in readings:
            line = f"{r.file}   {r.digit}   score {r.score:.4g}   margin {r.margin:.4g}"
            print(line + "   rejected" * r.rejected)
    return int(failed)


def _parser(store: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "predict.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Reads pictures of single digits, dark on light or light on dark.",
        epilog="""\
Each picture is brought into MNIST's form: cut out, size-normalised to 20x20 and centred by its
mass in 28x28. It is rejected if the two best scores are so near that, of MNIST's test digits, more
than 0.5 % of those at least as sure were wrong.

examples:
  python predict.py digit.png            by the best run tracked so far
  python predict.py scans/ --json        all pictures of a folder
  python predict.py - < digit.png        from standard input
  python predict.py --run 1a2b3c4d *.png by a run of your own

The exit code is 1 if any picture could not be read.""",
    )
    parser.add_argument("picture", nargs="+", help="a file, a folder, or - for standard input")
    parser.add_argument(
        "--run",
        metavar="ID",
        help="the MLflow run whose classifier reads; the start of its id will do. By default the "
        "run on MNIST with the least validation error, or else the project's own LeNet-5",
    )
    parser.add_argument(
        "--tracking",
        metavar="URI",
        default=store,
        help="where runs are tracked; off takes the project's own LeNet-5 (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    return parser


def choose(project: Path, uri: str, run: str | None) -> Chosen:
    """The classifier of the named run, else of the best tracked one, else the committed one.

    Raises:
        InputError: there is none, or its files are missing or broken.
    """
    if uri == "off" and run:
        raise InputError(f"--run {run} needs the store that holds it: leave out --tracking off")
    from lenet.tracking import Store, is_there

    if run or (uri != "off" and is_there(uri)):
        store = Store(uri)
        found = store.find(run) if run else store.best()
        if found:
            with tempfile.TemporaryDirectory() as folder:
                return _tracked(store, found, Path(folder))
    return _committed(project)


def _tracked(store: "Store", run: "Tracked", folder: Path) -> Chosen:
    import pandas as pd

    from lenet.evaluation import REJECTION_TARGET, margins, threshold
    from lenet.saved import load

    names = ("config.yaml", "model.safetensors", "predictions.parquet")
    config, weights, predictions = store.files(run, names, folder)
    table = pd.read_parquet(predictions)
    margin = margins(table.filter(like="score_").to_numpy())
    wrong = (table.label != table.prediction).to_numpy()
    stand_in = "" if run.data == "mnist" else f", trained on {run.data}, NOT MNIST"
    return Chosen(
        f"{run.name} (run {run.id[:8]}{stand_in})",
        load(config, weights),
        threshold(margin, wrong, REJECTION_TARGET),
    )


def _committed(project: Path) -> Chosen:
    from lenet.evaluation import REJECTION_TARGET, threshold
    from lenet.results import load as load_results
    from lenet.saved import experiment, load

    weights = project / "results" / "weights" / f"{COMMITTED}.safetensors"
    if not weights.exists():
        raise InputError(
            f"no run on MNIST is tracked, and {weights} is missing: train one (python train.py), "
            "or name one (--run)"
        )
    result = load_results(project / "results" / COMMITTED)
    return Chosen(
        f"{COMMITTED} of the project",
        load(experiment(COMMITTED, project / "conf"), weights),
        # of all seeds together, alike as they are: the more digits, the surer
        threshold(result.margin.ravel(), result.wrong.ravel(), REJECTION_TARGET),
    )


def read(chosen: Chosen, digits: "Sequence[tuple[str, Digit]]") -> list[Reading]:
    """What the classifier makes of digits, each with the name of its file."""
    import numpy as np
    import torch

    from lenet.evaluation import margins

    scores = chosen.reader.scores(torch.from_numpy(np.stack([digit for _, digit in digits])))
    return [
        Reading(name, int(s.argmax()), float(s.max()), float(m), bool(m < chosen.threshold))
        for (name, _), s, m in zip(digits, scores, margins(scores), strict=True)
    ]


def _digits(names: Iterable[str]) -> "tuple[list[tuple[str, Digit]], bool]":
    """The digits of the pictures that can be read, with their files, and whether any cannot."""
    from lenet.data import pictures
    from lenet.data.normalise import normalise

    digits, failed = [], False
    for file in (file for name in names for file in pictures.files(name)):
        shown = file if file.isprintable() else ascii(file)  # harmless for a terminal
        try:
            digits.append((shown, normalise(pictures.read(file))))
        except InputError as e:
            _tell(f"{shown} {e}")
            failed = True
    return digits, failed


def _tell(line: str) -> None:
    print(f"predict.py: {line}", file=sys.stderr)
