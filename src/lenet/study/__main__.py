"""The stages of the study, as dvc.yaml calls them: python -m lenet.study --help

`params.yaml` says how large the study is, `conf/experiment/` what each experiment is, `results/`
keeps what came of it, and `reports/` is made from that alone.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lenet.errors import InputError
from lenet.streams import lenient
from lenet.study import profile


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one stage, in the project's folder."""
    parser = argparse.ArgumentParser(prog="python -m lenet.study", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="stage")
    stages.add_parser("data", help="find the digits and write down what they are")
    stages.add_parser("code", help="write down by what code and values each row is trained")
    train = stages.add_parser("train", help="train what is missing of rows, and keep their results")
    train.add_argument("rows", nargs="+", metavar="row", help="a file of conf/experiment/")
    stages.add_parser("pictures", help="change digits until nets misread them, for the report")
    stages.add_parser("features", help="compare what C3's maps learn by Table I and without")
    stages.add_parser("evaluate", help="turn predictions into figures")
    stages.add_parser("report", help="make reports/ from results/")
    stages.add_parser("restore", help="bring results/ into an MLflow that does not have them")
    short = stages.add_parser("short", help="sha256 of what short trainings come to, a line each")
    short.add_argument("rows", nargs="*", help="files of conf/experiment/; none is all")
    keep = stages.add_parser("keep", help="carry results over a refactor that moves no figure")
    keep.add_argument("commit", help="whose code made the results")
    given = parser.parse_args(arguments)
    os.environ.setdefault("LENET_ROOT", str(Path.cwd()))
    logging.basicConfig(format="%(message)s")
    logging.getLogger("lenet").setLevel(logging.INFO)  # how far a long step is
    try:
        _run(given, profile.parameters())
    except (InputError, OSError) as e:  # a disk that takes no more, a folder where a file goes
        sys.exit(f"{given.stage}: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


def _run(given: argparse.Namespace, params: profile.Parameters) -> None:
    """Each stage imports what it needs."""
    match given.stage:
        case "data":
            from lenet.study import stages

            stages.describe_data(params)
        case "code":
            from lenet.study import code

            code.write(params)
        case "train":
            from lenet.study import training

            training.train(given.rows, params)
        case "pictures":
            from lenet.study import stages

            stages.draw_pictures(params)
        case "features":
            from lenet.study import stages

            stages.compare_features(params)
        case "evaluate":
            from lenet.study import stages

            stages.evaluate()
        case "report":
            from lenet.study import stages

            stages.report()
        case "restore":
            from lenet.study import restore

            restore.restore(params)
        case "short":
            from lenet.study import keep

            for row in given.rows or profile.rows():
                print(json.dumps(keep.short_training(row, params)), flush=True)
        case "keep":
            from lenet.study import keep

            keep.keep(given.commit, params)


if __name__ == "__main__":
    with lenient():
        main()
