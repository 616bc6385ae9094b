"""The report's pad for a net of one's own: python -m lenet.predict page"""

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lenet.errors import InputError
from lenet.tracking import local_store

if TYPE_CHECKING:
    from lenet.predict.chosen import Chosen


def main(project: Path, arguments: Sequence[str] | None = None) -> int:
    """Writes the page, prints where it is, and opens it.

    Args:
        project: its folder, as `lenet.predict.main` takes it.
        arguments: of the command line; None takes the process's.

    Returns:
        The exit code.
    """
    root = Path(os.environ.get("LENET_ROOT", project))
    parser = argparse.ArgumentParser(prog="python -m lenet.predict", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="page")
    page = commands.add_parser("page", help="write a page to draw digits on, and open it")
    page.add_argument(
        "--run",
        metavar="ID",
        help="the MLflow run whose LeNet-5 reads; the start of its id will do. By default the run "
        "on MNIST with the least validation error, or else the project's own",
    )
    page.add_argument(
        "--tracking",
        metavar="URI",
        default=local_store(root),
        help="where runs are tracked; off takes the project's own LeNet-5 (default: %(default)s)",
    )
    page.add_argument(
        "--file", metavar="FILE", type=Path, default=root / "outputs" / "pad.html",
        help="where to write the page (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    from lenet.predict.chosen import choose
    from lenet.report import pad

    try:
        chosen = choose(project, options.tracking, options.run)
        options.file.parent.mkdir(parents=True, exist_ok=True)
        pad(project / "results", options.file, **net_of(chosen))
    except (InputError, OSError) as e:
        print(f"page: {e}", file=sys.stderr)
        return 1
    print(f"{chosen.title}: {options.file}")
    webbrowser.open(options.file.resolve().as_uri())
    return 0


def net_of(chosen: "Chosen") -> dict[str, Any]:
    """What a pad needs to know of a classifier: the fields of `lenet.report.draw.Net`.

    Raises:
        InputError: it is no LeNet-5 that sees digits as they are.
    """
    from torch import nn

    from lenet.nets import ACTIVATIONS, LeNet5, weights_of

    net: Any = getattr(chosen.reader.classifier, "net", None)
    if not isinstance(net, LeNet5) or chosen.reader.view != "regular":
        raise InputError(f"{chosen.title} is no LeNet-5 of regular digits: name another run")
    poolings = {nn.AvgPool2d: "average", nn.MaxPool2d: "max", nn.Sequential: "subsampling"}
    activations = {kind: name for name, kind in ACTIVATIONS.items()}
    return {
        "name": chosen.reader.name,
        "title": chosen.title,
        "pooling": poolings[type(net.S2)],
        "activation": activations[type(net.C1_f)],
        "weights": {name: value.cpu().numpy() for name, value in weights_of(net).items()},
        "threshold": chosen.threshold,
    }
