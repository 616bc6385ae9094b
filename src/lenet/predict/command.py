"""Pictures of digits in, digits out: the command line of predict.py."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lenet.errors import InputError
from lenet.tracking import local_store

if TYPE_CHECKING:  # they take seconds to import: --help and wrong names need none
    import numpy as np
    from numpy.typing import NDArray

    from lenet.predict.chosen import Chosen

    Digit = NDArray[np.uint8]  # 28 x 28


@dataclass(frozen=True)
class Reading:
    """What a picture shows."""

    file: str
    digit: int
    score: float  # of the digit, in the classifier's own unit; larger is better
    margin: float  # over the second best (III.D)
    rejected: bool  # whether the margin is below the threshold for 0.5 % error


def main(project: Path, arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each picture, on stderr for each that cannot be read.

    Args:
        project: its folder, for configurations, tracked runs and committed weights.
        arguments: of the command line; None takes the process's.

    Returns:
        The exit code: 0, or 1 if any picture failed.
    """
    store = local_store(Path(os.environ.get("LENET_ROOT", project)))
    options = _parser(store).parse_args(arguments)
    digits, failed = _digits(options.picture)
    readings: list[Reading] = []
    if digits:
        from lenet.predict.chosen import choose

        try:
            chosen = choose(project, options.tracking, options.run, options.best)
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
  python predict.py digit.png            by the LeNet-5 that comes with the project
  python predict.py scans/ --json        all pictures of a folder
  python predict.py - < digit.png        from standard input
  python predict.py --run 1a2b3c4d *.png by a run of your own
  python predict.py --best digit.png     by the best run tracked so far

The exit code is 1 if any picture could not be read.""",
    )
    parser.add_argument("picture", nargs="+", help="a file, a folder, or - for standard input")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--run",
        metavar="ID",
        help="the MLflow run whose classifier reads, in place of the project's own LeNet-5; the "
        "start of its id will do",
    )
    which.add_argument(
        "--best",
        action="store_true",
        help="the run on all of MNIST with the least validation error reads, if there is one",
    )
    parser.add_argument(
        "--tracking",
        metavar="URI",
        default=store,
        help="where runs are tracked (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    return parser


def read(chosen: "Chosen", digits: "Sequence[tuple[str, Digit]]") -> list[Reading]:
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
    from lenet.data import normalise
    from lenet.predict import images

    digits, failed = [], False
    for file in (file for name in names for file in images.files(name)):
        shown = file if file.isprintable() else ascii(file)  # harmless for a terminal
        try:
            digits.append((shown, normalise(images.read(file))))
        except InputError as e:
            _tell(f"{shown} {e}")
            failed = True
    return digits, failed


def _tell(line: str) -> None:
    print(f"predict.py: {line}", file=sys.stderr)
