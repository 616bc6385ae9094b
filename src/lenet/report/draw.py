"""The pad of the page: the nets that read what is drawn on it, and digits to click.

The net and the pad themselves are templates/draw.js.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lenet import paper
from lenet.evaluation import REJECTION_TARGET, threshold
from lenet.files import damaged
from lenet.report import groups
from lenet.results import MODEL, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLAIN = {"C1": (6, 1, 5, 5), "C5": (120, 16, 5, 5), "F6": (84, 120)}
_POOLED = {"S2": 6, "S4": 16}


@dataclass(frozen=True)
class Net:
    """A LeNet-5 that a pad is drawn for.

    Attributes:
        name: of its experiment or run.
        title: tells a person which it is.
        pooling, activation: as `lenet.nets.LeNet5` names them.
        weights: of its file; whether C3 goes by Table I, and whether the output units are RBFs or a
            softmax, shows in them.
        threshold: margins below it are rejected (III.D).

    Raises:
        ValueError: weights that are no such net's.
    """

    name: str
    title: str
    pooling: str
    activation: str
    weights: Mapping[str, NDArray]
    threshold: float

    def __post_init__(self) -> None:
        for name, shape in self._shapes().items():
            if name not in self.weights:
                raise ValueError(f"it has no {name}")
            if self.weights[name].shape != shape or self.weights[name].dtype != "float32":
                raise ValueError(f"{name} is not float32 of {shape}")

    @property
    def by_table_1(self) -> bool:
        """Whether C3 sees S2 by Table I."""
        weight = self.weights.get("C3.weight")
        return weight is not None and weight.ndim == 3

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        kernels = sum(map(len, paper.TABLE_I))
        layers = _PLAIN | {"C3": (kernels, 5, 5) if self.by_table_1 else (16, 6, 5, 5)}
        shapes: dict[str, tuple[int, ...]] = {}
        if "output.centres" in self.weights:
            shapes["output.centres"] = (10, 84)
        else:
            layers["output"] = (10, 84)
        for name, shape in layers.items():
            maps = 16 if name == "C3" else shape[0]
            shapes |= {f"{name}.weight": shape, f"{name}.bias": (maps,)}
        if self.pooling == "subsampling":
            for name, maps in _POOLED.items():
                shapes |= {f"{name}.0.weight": (maps,), f"{name}.0.bias": (maps,)}
        return shapes

    def packed(self) -> dict[str, Any]:
        """As draw.js takes it."""
        return {
            "name": self.name,
            "title": self.title,
            "pooling": self.pooling,
            "activation": self.activation,
            "threshold": min(self.threshold, sys.float_info.max),  # JSON knows no infinity
            "table": paper.TABLE_I if self.by_table_1 else None,
            "weights": {name: _base64(self.weights[name]) for name in self._shapes()},
        }


def committed(results: Path, found: Mapping[str, Result]) -> list[Net]:
    """The nets of `groups.DRAWN` whose weights `results/` has.

    Raises:
        InputError: damaged weights.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    nets, again = [], "dvc repro -s train@"
    for name, (title, pooling, activation) in groups.DRAWN.items():
        path = results / name / MODEL
        if name not in found or not path.is_file():
            continue
        seed = found[name].margin[0], found[name].wrong[0]  # the one that is kept
        try:
            sure = threshold(*seed, REJECTION_TARGET)
            nets.append(Net(name, title, pooling, activation, load_file(path), sure))
        except (ValueError, SafetensorError) as e:
            raise damaged(path, str(e), f"rm -r {path.parent} and {again}{name}") from e
    return nets


def facts(
    nets: list[Net],
    found: Mapping[str, Result],
    arrays: Mapping[str, NDArray],
    about: Mapping[str, Any],
) -> dict[str, Any] | None:
    """All that the pad needs, as JSON; None without a net.

    Args:
        nets: the first of them is shown at first.
        found: results by experiment.
        arrays, about: of `drawn.load_pictures`.
    """
    if not nets:
        return None
    curves = about.get("classifiers", {})
    return {
        "nets": [net.packed() for net in nets],
        "examples": [
            {"title": title, "digits": [{"what": w, "pixels": _base64(p)} for w, p in digits]}
            for title, digits in _examples(found, arrays)
            if digits
        ],
        "curves": {n: curves[n]["curves"] for n in ("lenet5", "lenet5_dist") if n in curves},
    }


def _examples(
    found: Mapping[str, Result], arrays: Mapping[str, NDArray]
) -> Iterator[tuple[str, list[tuple[str, NDArray]]]]:
    """Groups of digits, each with what it is."""
    if "figure8_tiles" in arrays and "lenet5_dist" in found:
        result = found["lenet5_dist"]
        every: Any = result.wrong.all(0)
        yield (
            f"Missed by every seed of {groups.label('lenet5_dist')}",
            [
                (f"a {result.label[i]}, test digit {i:,}", tile)
                for i, tile in zip(arrays["figure8_index"], arrays["figure8_tiles"], strict=True)
                if every[i]
            ],
        )
    for part in dict.fromkeys(arrays.get("gallery_part", ())):
        of_part = zip(
            *(arrays[f"gallery_{what}"] for what in ("part", "label", "what", "tiles")), strict=True
        )
        yield (
            f"Figure 13, {part}",
            [(f"a {label}, {what}", tile) for p, label, what, tile in of_part if p == part],
        )
    if "printed_tiles" in arrays:
        fonts, tiles = arrays["printed_fonts"], arrays["printed_tiles"]
        names = arrays["printed_names"].tolist()
        yield (
            f"Machine-printed, {fonts[0]}",
            [(f"a {i}, {fonts[0]}", tile) for i, tile in enumerate(tiles[0])],
        )
        if "lenet5" in names:
            answers = arrays["printed_answers"][names.index("lenet5")]
            wrong = [(f, i) for f in range(len(fonts)) for i in range(10) if answers[f, i] != i]
            yield (
                "Machine-printed, misread by LeNet-5",
                [(f"a {i}, {fonts[f]}", tiles[f, i]) for f, i in wrong],
            )


def _base64(array: NDArray) -> str:
    """The bytes of an array, little-endian."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
