"""What else can be made of a trained classifier: python -m lenet.predict onnx <run>"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from lenet.errors import InputError
from lenet.tracking import local_store


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line, in the project's folder."""
    project = Path(os.environ.get("LENET_ROOT", Path.cwd()))
    parser = ArgumentParser(prog="python -m lenet.predict", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    onnx = commands.add_parser("onnx", help="write a net as ONNX, and check it")
    onnx.add_argument("run", nargs="?", help="its MLflow run; by default the project's own LeNet-5")
    onnx.add_argument("--output", type=Path, help="the file (default: the run's name, with .onnx)")
    onnx.add_argument("--tracking", metavar="URI", default=local_store(project))
    given = parser.parse_args(arguments)
    try:
        from lenet.predict.chosen import choose
        from lenet.predict.onnx import CHECKED, export

        chosen = choose(project, given.tracking, given.run)
        path = given.output or Path(f"{chosen.reader.name}.onnx")
        differ = export(chosen.reader, path)
    except (InputError, OSError) as e:
        sys.exit(f"onnx: {e}")
    print(f"{path}: {chosen.title}; scores of {CHECKED} digits differ by {differ:.1e} at most")


if __name__ == "__main__":
    main()
