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
    sureness: str  # sure, unsure or rejected, by the margin
    score: float  # of the digit, in the classifier's own unit; larger is better
    margin: float  # over the second best (III.D)
    rejected: bool  # whether the margin is below the threshold for 0.5 % error


@dataclass(frozen=True)
class Failure:
    """Why a picture cannot be read."""

    file: str
    error: str


def main(project: Path, arguments: Sequence[str] | None = None) -> int:
    """Prints a line for each digit, on stderr for each picture that cannot be read.

    Args:
        project: its folder, for configurations, tracked runs and committed weights.
        arguments: of the command line; None takes the process's.

    Returns:
        The exit code: 0, or 1 if any picture failed.
    """
    store = local_store(Path(os.environ.get("LENET_ROOT", project)))
    options = _parser(store).parse_args(arguments)
    found = _found(options.picture, options.all)
    digits = [each for each in found if not isinstance(each, Failure)]
    readings: list[Reading] = []
    if digits:
        from lenet.predict.chosen import choose

        try:
            chosen = choose(project, options.tracking, options.run, options.best, options.trust)
        except InputError as e:
            _tell(str(e))
            return 1
        _tell(
            f"{chosen.title}, rejects margins below {chosen.threshold:.4g}, "
            f"is sure from {chosen.sure:.4g} on"
        )
        readings = read(chosen, digits)
    if options.json:
        each = iter(readings)
        told = [asdict(f if isinstance(f, Failure) else next(each)) for f in found]
        print(json.dumps(told, indent=1))
    else:
        width = max((len(r.file) for r in readings), default=0)
        for r in readings:
            numbers = f"score {r.score:<9.4g}   margin {r.margin:.4g}"
            print(f"{r.file:{width}}   {r.digit}   {r.sureness:8}   {numbers}")
    return int(len(digits) < len(found))


def _parser(store: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "predict.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Reads pictures of digits, dark on light or light on dark.",
        epilog="""\
Each digit is brought into MNIST's form: cut out, size-normalised to 20x20 and centred by its mass
in 28x28. A line tells

  the digit
  sure       of the test digits with such a margin, at most 0.1 % were wrong
  unsure     at most 0.5 %
  rejected   more: it may be another digit, or none (III.D)
  score      of the digit, in the classifier's own unit; larger is better. Of the paper's LeNet-5 it
             is a negated distance, 0 at best; scores of two classifiers cannot be compared
  margin     by how much the digit's score is above the second best: what the words go by

examples:
  python predict.py digit.png            by the LeNet-5 that comes with the project
  python predict.py scans/ --json        all pictures of a folder
  python predict.py --all number.png     several digits in a picture, one by one
  python predict.py - < digit.png        from standard input
  python predict.py --run 1a2b3c4d *.png by a run of your own
  python predict.py --best digit.png     by the best run tracked so far

The exit code is 1 if any picture could not be read. In the JSON list it has an "error".""",
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
    parser.add_argument(
        "--trust",
        metavar="CLASS",
        action="append",
        default=[],
        help="a class of your own that the run may be made of, as my_nets.MyNet, where no file of "
        "conf/ names it",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="read several digits in a picture, line by line from left to right; else such a one "
        "is an error",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    return parser


def read(chosen: "Chosen", digits: "Sequence[tuple[str, Digit]]") -> list[Reading]:
    """What the classifier makes of digits, each with the name of its file."""
    import numpy as np
    import torch

    from lenet.evaluation import margins

    def reading(name: str, scores: "NDArray", margin: float) -> Reading:
        rejected = margin < chosen.threshold
        word = "rejected" if rejected else "unsure" if margin < chosen.sure else "sure"
        return Reading(name, int(scores.argmax()), word, float(scores.max()), margin, rejected)

    scores = chosen.reader.scores(torch.from_numpy(np.stack([digit for _, digit in digits])))
    names = [name for name, _ in digits]
    return list(map(reading, names, scores, margins(scores).tolist()))


def _found(names: Iterable[str], all_of_them: bool) -> "list[tuple[str, Digit] | Failure]":
    """The digits of pictures, in order, each with its file, or why there is none."""
    from lenet.data import normalise, normalise_all, pictures

    found: list[tuple[str, Digit] | Failure] = []
    for file in (file for name in names for file in pictures.files(name)):
        shown = file if file.isprintable() else ascii(file)  # harmless for a terminal
        try:
            grey = pictures.read(file)
            digits = normalise_all(grey)
            if len(digits) == 1:
                found.append((shown, normalise(grey)))
            elif all_of_them:
                found += [(f"{shown} #{n}", digit) for n, digit in enumerate(digits, 1)]
            else:
                raise InputError(f"shows {len(digits)} digits: --all reads them one by one")
        except InputError as e:
            _tell(f"{shown} {e}")
            found.append(Failure(shown, str(e)))
    return found


def _tell(line: str) -> None:
    print(f"predict.py: {line}", file=sys.stderr)
