"""Files of pictures, to grey levels. Whatever a file holds, the rest of the program goes on."""

import io
import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lenet.errors import InputError

STDIN = "-"
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # none that starts a program
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
"""Of the files that are read in a folder."""

LARGEST_FILE = 64 * 2**20  # bytes
LARGEST = 50_000_000  # pixels of a picture; a few bytes can unpack to any number of them
HUE = 24  # of 255, that the channels of a grey may differ by, as a JPEG's do
DETAIL = 1024  # pixels that the longer side is shrunk to; no digit needs more


def files(name: str) -> list[str]:
    """A file itself; of a folder, its pictures in the order of their names."""
    folder = Path(name)
    try:
        found = folder.iterdir() if folder.is_dir() else ()
        pictures = sorted(str(path) for path in found if path.suffix.lower() in SUFFIXES)
    except OSError:
        pictures = []
    return pictures or [name]


def read(name: str, grey_only: bool = False) -> NDArray[np.float32]:
    """The grey levels of the picture in a file, or on standard input.

    Args:
        name: of the file, or ``-``.
        grey_only: whether a picture in colour is refused.

    Returns:
        H x W, 0 is black and 1 white; transparency lies on white.

    Raises:
        InputError: a file that cannot be opened or is too large; no picture, a damaged one, or
            one of too many pixels, or in colour. The message goes on after the file's name.
    """
    try:
        data = _bytes(name)
    except (OSError, ValueError) as e:  # a name with a zero in it is a ValueError
        if isinstance(e, InputError):
            raise
        raise InputError(f"cannot be opened ({getattr(e, 'strerror', None) or e})") from e
    if len(data) > LARGEST_FILE:
        raise InputError(f"is larger than {LARGEST_FILE // 2**20} MiB")
    return grey(data, grey_only)


def _bytes(name: str) -> bytes:
    if name == STDIN and sys.stdin is None:
        raise InputError("is standard input, which is closed")
    if name == STDIN:
        return sys.stdin.buffer.read(LARGEST_FILE + 1)
    path = Path(name)
    if path.is_dir():
        raise InputError(f"is a folder that holds no pictures ({' '.join(sorted(SUFFIXES))})")
    if path.exists() and not path.is_file():
        raise InputError("is no file: a device or a pipe may never end")
    with path.open("rb") as f:
        return f.read(LARGEST_FILE + 1)


def grey(data: bytes, grey_only: bool = False) -> NDArray[np.float32]:
    """The grey levels of a picture, 0 is black and 1 white, H x W; transparency lies on white.

    Raises:
        InputError: no picture, a damaged one, one of too many pixels; one in colour, if only grey
            is wanted.
    """
    if not data:
        raise InputError("is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damage and odd metadata, which is no harm here
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                return _grey(picture, grey_only)
    except Image.UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise InputError(f"is not a picture of a format that is read here ({kinds})") from None
    except Image.DecompressionBombError:
        raise InputError(_TOO_LARGE) from None
    except InputError:
        raise
    except Exception as e:  # decoders raise anything on damaged data
        raise InputError(f"is damaged ({' '.join(str(e).split()) or type(e).__name__})") from e


_TOO_LARGE = f"has more than {LARGEST:,} pixels: make it smaller"


def _grey(picture: Image.Image, grey_only: bool) -> NDArray[np.float32]:
    if picture.width * picture.height > LARGEST:  # known before any pixel is unpacked
        raise InputError(_TOO_LARGE)
    white = 255.0
    if picture.mode.startswith("I;16"):
        picture, white = picture.convert("F"), 65535.0
    elif picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if grey_only and picture.mode not in ("1", "L", "F", "I"):
        channels = np.asarray(picture.convert("RGB"), np.int16)
        if np.ptp(channels, axis=2).max() > HUE:
            raise InputError("is in colour: data.preprocess=true takes its greys")
    picture = picture.convert("F" if white > 255 else "L")
    picture.thumbnail((DETAIL, DETAIL), Image.Resampling.BOX)
    ImageOps.exif_transpose(picture, in_place=True)  # a camera that was held upright
    return np.asarray(picture, np.float32) / white
