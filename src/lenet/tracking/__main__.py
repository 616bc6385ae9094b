"""What can be asked of the runs' store: python -m lenet.tracking deliver"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lenet.streams import lenient
from lenet.tracking.run import send_to_server
from lenet.tracking.spool import COMMAND, SPOOL, Spool, servers
from lenet.tracking.store import connect, has_credentials, say

DELIVER = (
    "Brings MLflow what was kept while its server was away, and says what it could not bring. "
    "To be run in the project's folder; it may be repeated, and interrupted, at will. It ends "
    "with 1 if something still waits or was damaged."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; its exit code."""
    parser = ArgumentParser(prog="python -m lenet.tracking", description=DELIVER)
    parser.add_argument("command", choices=["deliver"])
    parser.add_argument(
        "servers",
        nargs="*",
        metavar="server",
        help="deliver to these alone; needed where MLflow has credentials, which go to no server "
        "that is not named",
    )
    given = parser.parse_args(arguments)
    if not deliver(Path(os.environ.get("LENET_ROOT", Path.cwd())) / SPOOL, given.servers):
        return 1
    print("Nothing waits.")
    return 0


def deliver(folder: Path, named: Sequence[str] = ()) -> bool:
    """Delivers what waits in a spool, and says so; whether nothing waits now and nothing was
    damaged.

    Args:
        folder: of the spool, whose subfolders anyone may have named.
        named: the servers to deliver to; none is all, where MLflow has no credentials.
    """
    complete = True
    allowed = {server.rstrip("/") for server in named}
    for server in servers(folder):
        if server is None:
            complete = False
            continue
        if server not in allowed and (named or has_credentials()):
            complete = False
            say(
                f"{server} gets nothing, nor MLflow's credentials, unless named: {COMMAND} {server}"
            )
            continue
        spool = Spool(folder, server, partial(send_to_server, connect(server)))
        complete &= spool.deliver_all()
    return complete


if __name__ == "__main__":
    with lenient():
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            sys.exit(130)
