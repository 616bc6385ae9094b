"""What else can be made of a trained classifier: a page to draw on, and an ONNX file."""

import os
import sys
import webbrowser
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from lenet.errors import InputError
from lenet.streams import lenient
from lenet.tracking import local_store


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line, in the project's folder."""
    project = Path(os.environ.get("LENET_ROOT", Path.cwd()))
    parser = ArgumentParser(prog="python -m lenet.predict", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")
    page = commands.add_parser("page", help="write a page to draw digits on, and open it")
    page.add_argument(
        "--run", metavar="ID", help="whose LeNet-5 reads; the start of its id will do"
    )
    onnx = commands.add_parser("onnx", help="write a net as ONNX, and check it")
    onnx.add_argument("run", metavar="ID", nargs="?", help="whose net; the start of its id will do")
    for command, where in ((page, project / "outputs" / "pad.html"), (onnx, None)):
        command.add_argument(
            "--output", metavar="FILE", type=Path, default=where, help="what to write"
        )
        command.add_argument("--tracking", metavar="URI", default=local_store(project))
        command.epilog = "Without an id it is the project's own LeNet-5."
    given = parser.parse_args(arguments)
    try:
        {"page": _page, "onnx": _onnx}[given.command](project, given)
    except (InputError, OSError) as e:
        sys.exit(f"{given.command}: {e}")


def _page(project: Path, given: Namespace) -> None:
    from lenet.predict.chosen import choose
    from lenet.predict.page import net_of
    from lenet.report import pad

    chosen = choose(project, given.tracking, given.run)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    pad(project / "results", given.output, **net_of(chosen))
    print(f"{chosen.title}: {given.output}")
    webbrowser.open(given.output.resolve().as_uri())


def _onnx(project: Path, given: Namespace) -> None:
    from lenet.predict.chosen import choose
    from lenet.predict.onnx import CHECKED, export

    chosen = choose(project, given.tracking, given.run)
    path = given.output or Path(f"{chosen.reader.name}.onnx")
    differ = export(chosen.reader, path)
    print(f"{path}: {chosen.title}; scores of {CHECKED} digits differ by {differ:.1e} at most")


if __name__ == "__main__":
    with lenient():
        main()
