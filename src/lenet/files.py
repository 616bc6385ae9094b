"""The project's own files, read back with each value's type and range checked: what is damaged is
told in a line that names the file and the way out, and is never taken for something else. Files may
come from anyone: nothing in them runs, and none takes more memory than it is allowed."""

import math
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from lenet.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

LARGEST_TEXT = 16 * 2**20  # bytes; hundreds of times what this project writes, as the next
LARGEST_ARRAYS = 256 * 2**20  # bytes of all arrays of a file, unpacked


def _printable(text: str) -> str:
    if not text.isprintable():  # it may come to a terminal
        raise ValueError("it is not printable")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
Count = Annotated[int, Field(ge=1, le=2**53, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]


def damaged(path: Path, reason: str, otherwise: str) -> InputError:
    """The error that says that a file is damaged, and what to do: what git has, or ``otherwise``,
    a way to make the file again."""
    return InputError(f"{path} is damaged ({reason}): git restore {path}, or {otherwise}")


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """The text of a file of at most so many bytes.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is larger, no UTF-8, or a device, which may never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no file")
    if status.st_size > largest:
        raise ValueError(f"it has {status.st_size} bytes, more than {largest}")
    return path.read_text("utf-8")


def read_json(path: Path, kind: TypeAdapter[T], otherwise: str) -> T:
    """What a JSON file holds, of just that kind.

    Args:
        path: of the file.
        kind: the type of the whole.
        otherwise: how to make it again, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is damaged.
    """
    try:
        return kind.validate_json(read_text(path))
    except FileNotFoundError:
        raise
    except ValidationError as e:
        raise damaged(path, reason(e), otherwise) from e
    except (OSError, ValueError) as e:
        raise damaged(path, _first_line(e), otherwise) from e


def read_arrays(path: Path, otherwise: str) -> "dict[str, NDArray]":
    """The arrays of an .npz file, whose checksums fit; arguments and errors as `read_json`."""
    import numpy as np

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is no file")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
            if odd := archive.testzip():
                raise ValueError(f"the checksum of {odd} does not fit")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise
    except Exception as e:  # of many kinds: no zip, a header that makes no sense, pickles
        raise damaged(path, _first_line(e), otherwise) from e
    for name, array in found.items():
        if not hasattr(array, "dtype"):
            raise damaged(path, f"{name} is no array", otherwise)
    return found


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Looks at what a file says of its arrays, and unpacks none; raises ValueError."""
    from numpy.lib import format as npy

    if sum(member.file_size for member in archive.infolist()) > LARGEST_ARRAYS:
        raise ValueError(f"it unpacks to more than {LARGEST_ARRAYS} bytes")
    for member in archive.infolist():
        with archive.open(member) as file:
            if npy.read_magic(file) != (1, 0):  # what numpy writes for plain arrays
                raise ValueError(f"{member.filename} is no plain array")
            shape, _, dtype = npy.read_array_header_1_0(file)
            if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
                raise ValueError(f"the shape of {member.filename} does not fit its size")


def check_array(
    name: str, array: "NDArray", dtype: str, shape: Iterable[int], most: float | None = None
) -> None:
    """Sees to one array's type, shape and values.

    Args:
        name: for the error.
        array: of that name.
        dtype: its type, "U" for text of any length.
        shape: its lengths.
        most: the largest value allowed; then the least is 0, and NaN is none.

    Raises:
        ValueError: something does not fit.
    """
    own = array.dtype.kind if dtype == "U" else array.dtype.name
    if own != dtype:
        raise ValueError(f"{name} is of the type {array.dtype}, not {dtype}")
    if array.shape != tuple(shape):
        raise ValueError(f"{name} has the shape {array.shape}, not {tuple(shape)}")
    if most is not None and not ((array >= 0) & (array <= most)).all():
        raise ValueError(f"{name} has values that are not 0 to {most:g}")
    if array.dtype.kind == "f" and most is None and (array != array).any():
        raise ValueError(f"{name} has values that are no numbers")


def reason(e: ValidationError) -> str:
    """The first of what does not fit, and where it stands."""
    first = e.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return shown(f"{where}: {first['msg']}" if where else first["msg"])


def unique(values: object) -> object:
    """A validator: a list has nothing twice."""
    if isinstance(values, list) and len(set(map(repr, values))) < len(values):
        raise ValueError("something is there twice")
    return values


Seeds = Annotated[list[Seed], BeforeValidator(unique), Field(min_length=1)]


def _first_line(e: Exception) -> str:
    return shown(next(iter(str(e).splitlines()), "") or type(e).__name__)


def shown(text: str) -> str:
    """A text that may be foreign, such that it cannot steer a terminal, and not too long."""
    text = text if len(text) <= 300 else f"{text[:300]}..."
    return text if text.isprintable() else ascii(text)[1:-1]
