"""What the stage `pictures` leaves for the report: pictures.npz and robustness.json, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from lenet.errors import InputError
from lenet.files import Count, Number, Share, Text, check_array, damaged, read_arrays, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PICTURES, ROBUSTNESS = "pictures.npz", "robustness.json"
AGAIN = "dvc repro -s -f pictures"

EXACT = ConfigDict(strict=True, extra="forbid")
_Ink = Annotated[list[tuple[Number, Annotated[Number, Field(ge=0)]]], Field(min_length=1)]
_Curve = Annotated[list[tuple[Number, Share]], Field(min_length=1)]


@with_config(EXACT)
class _Reader(TypedDict):
    digits: Count
    view: Text
    curves: dict[Text, _Curve]


@with_config(EXACT)
class _About(TypedDict):
    data: Text
    ink: dict[Text, _Ink]
    classifiers: dict[Text, _Reader]


ABOUT = TypeAdapter(_About)

Part = dict[str, tuple[str, tuple[str | int, ...], float | None]]

# of each array its type, lengths (a letter stands for any, the same throughout), largest value
ALWAYS: Part = {
    "data": ("U", (), None),
    "figure7_tiles": ("uint8", (6, 10, 28, 28), 255),
    "printed_fonts": ("U", ("F",), None),
    "printed_names": ("U", ("C",), None),
    "printed_tiles": ("uint8", ("F", 10, 28, 28), 255),
    "printed_answers": ("uint8", ("C", "F", 10), 9),
}
WHERE_THERE: tuple[Part, ...] = (
    {
        "gallery_part": ("U", ("G",), None),
        "gallery_what": ("U", ("G",), None),
        "gallery_label": ("uint8", ("G",), 9),
        "gallery_tiles": ("uint8", ("G", 28, 28), 255),
        "gallery_penalties": ("float32", ("G", 10), None),
    },
    {
        "figure8_index": ("int32", ("M",), 1e9),
        "figure8_tiles": ("uint8", ("M", 28, 28), 255),
    },
    {
        "filters_C1": ("float32", (6, 5, 5), None),
        "filters_C3": ("float32", (16, 6, 5, 5), None),
        "maps_input": ("uint8", (1, 28, 28), 255),
        "maps_C1": ("float32", (6, 28, 28), None),
        "maps_S2": ("float32", (6, 14, 14), None),
        "maps_C3": ("float32", (16, 10, 10), None),
        "maps_S4": ("float32", (16, 5, 5), None),
        "maps_C5": ("float32", (120, 1, 1), None),
        "maps_F6": ("float32", (12, 7), None),
        "maps_code": ("float32", (12, 7), None),
        "maps_penalties": ("float32", (10,), None),
    },
)


def load_pictures(results: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """What pictures.npz and robustness.json hold, which are written together; nothing if one is
    missing.

    Raises:
        InputError: one of them is damaged.
    """
    try:
        about: Any = read_json(results / ROBUSTNESS, ABOUT, AGAIN)
        arrays = read_arrays(results / PICTURES, AGAIN)
    except FileNotFoundError:
        return {}, {}
    try:
        _check_curves(about)
    except ValueError as e:
        raise damaged(results / ROBUSTNESS, str(e), AGAIN) from e
    try:
        _check_arrays(arrays, list(about["classifiers"]))
    except ValueError as e:
        raise damaged(results / PICTURES, str(e), AGAIN) from e
    if str(arrays["data"]) != about["data"]:
        raise InputError(f"{results}: {PICTURES} and {ROBUSTNESS} tell of other digits: {AGAIN}")
    return arrays, about


def _check_curves(about: Mapping[str, Any]) -> None:
    """Each curve has just the values that are measured."""
    from lenet.data import TRANSFORMATIONS

    noise = {"noise"}  # takes no ink
    for name, curves, expected in [
        ("ink", about["ink"], TRANSFORMATIONS.keys() - noise),
        *((n, of["curves"], TRANSFORMATIONS.keys()) for n, of in about["classifiers"].items()),
    ]:
        if curves.keys() != expected:
            raise ValueError(f"{name} has other curves than are measured")
        for what, curve in curves.items():
            if [value for value, _ in curve] != list(TRANSFORMATIONS[what].values):
                raise ValueError(f"{name} has other values of {what} than are measured")


def _check_arrays(arrays: Mapping[str, NDArray], readers: Sequence[str]) -> None:
    parts = [ALWAYS, *(part for part in WHERE_THERE if part.keys() & arrays.keys())]
    kinds = {name: kind for part in parts for name, kind in part.items()}
    if arrays.keys() != kinds.keys():
        odd = ", ".join(sorted(arrays.keys() ^ kinds.keys()))
        raise ValueError(f"it lacks, or should not have, {odd}")
    lengths = {
        letter: arrays[name].shape[0]
        for name, letter in (
            *(("printed_fonts", "F"), ("printed_names", "C")),
            *(("gallery_part", "G"), ("figure8_index", "M")),
        )
        if name in arrays and arrays[name].ndim
    }
    for name, (dtype, shape, most) in kinds.items():
        own = [lengths.get(n, -1) if isinstance(n, str) else n for n in shape]
        check_array(name, arrays[name], dtype, own, most)
        if arrays[name].dtype.kind == "f" and (abs(arrays[name]) == float("inf")).any():
            raise ValueError(f"{name} has infinite values")
    if arrays["printed_names"].tolist() != list(readers):
        raise ValueError("printed_names are not the classifiers of the other file")
