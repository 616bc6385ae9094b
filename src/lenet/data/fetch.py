"""Files from the internet, by pooch: verified, and whole wherever they are seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lenet.errors import InputError

MIRROR_TIMEOUT = 10.0  # seconds of silence after which a mirror is given up


class Unreachable(InputError):
    """A file is not there, and no mirror gives it."""


def fetch(mirrors: Sequence[str], files: Mapping[str, str], folder: Path) -> None:
    """Downloads files from the first of their mirrors that gives them unaltered.

    Args:
        mirrors: addresses, to which a file's name is appended. One that is silent for
            ``MIRROR_TIMEOUT`` or gives another file is given up.
        files: names, and the sha256 of each.
        folder: where each is put when it is whole.

    Raises:
        Unreachable: no mirror gives them.
        OSError: the folder cannot be written to.
    """
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    download = pooch.HTTPDownloader(timeout=MIRROR_TIMEOUT, chunk_size=2**16)
    for mirror in mirrors:
        try:
            for name, sha256 in files.items():  # what an earlier mirror gave is kept
                pooch.retrieve(mirror + name, sha256, name, folder, downloader=download)
        except (RequestException, ValueError):  # ValueError: another sha256
            continue
        return
    raise Unreachable(f"no mirror gives {', '.join(files)}")
