"""From a torch net of this project to the flat form that the compiled lanes work on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lenet.learning.lanes import kernels
from lenet.nets import EuclideanRBF, ScaledTanh, SparseConv, Subsampling

IN_PLACE = (kernels.SCALED_TANH, kernels.TANH, kernels.RELU)


@dataclass
class Architecture:
    """An architecture as the kernels read it, built layer by layer from an ``nn.Sequential``.

    Attributes:
        size: side of the square images, in pixels, without the margin.
        pad, background: width of the margin around them, and its value.
        layers: one record of ``kernels.LAYER`` per layer; places count groups of K numbers.
        table: which input maps the output maps see, see ``_connect``.
        centres: of an RBF output, classes x units.
        parameters: how many there are; they lie in the order of ``net.parameters()``.
        states: how many the input and all outputs are.

    Raises:
        ValueError: a layer that the lanes do not know, or that does not fit the one before.
    """

    size: int
    pad: int = 0
    background: float = 0.0
    layers: list[dict[str, int]] = field(default_factory=list)
    table: list[int] = field(default_factory=list)
    centres: list[list[float]] = field(default_factory=list)
    parameters: int = 0
    states: int = 0

    @classmethod
    def of(cls, net: nn.Module, size: int) -> "Architecture":
        architecture = cls(size)
        for name, layer in walk(net):
            try:
                architecture._append(layer)
            except ValueError as error:
                raise ValueError(f"the lanes cannot run layer {name!r}: {error}") from None
        if not architecture.layers:
            raise ValueError("the lanes cannot run a net without layers")
        return architecture

    def compiled_form(self) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.float32], int]:
        """What passes.py calls ``net``."""
        layers = np.array([tuple(layer.values()) for layer in self.layers], kernels.LAYER)
        centres = np.array(self.centres or [[]], np.float32)
        return layers, np.array(self.table, np.int64), centres, self.pad

    @property
    def margins(self) -> int:
        """The groups that ``conv_backward_inputs`` needs as room."""
        convolutions = [layer for layer in self.layers if layer["kind"] == kernels.CONV]
        rows = [(c["maps"] * c["height"], c["width"] + 2 * kernels.MARGIN) for c in convolutions]
        return max((count * length for count, length in rows), default=1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Maps, height and width of what the last layer puts out."""
        if self.layers:
            last = self.layers[-1]
            return last["maps"], last["height"], last["width"]
        return 1, self.size + 2 * self.pad, self.size + 2 * self.pad

    def _append(self, layer: nn.Module) -> None:
        maps, height, width = self.shape
        if isinstance(layer, nn.ConstantPad2d):
            if self.layers or len(set(layer.padding)) > 1:
                raise ValueError("a margin must be the same on all sides, around the image")
            self.pad, self.background = layer.padding[0], float(layer.value)
        elif isinstance(layer, nn.Flatten):
            pass  # maps lie one after the other anyhow, and a full layer takes all of them
        elif isinstance(layer, nn.Conv2d):
            settings = (layer.stride, layer.padding, layer.dilation, layer.groups)
            if settings != ((1, 1), (0, 0), (1, 1), 1) or layer.bias is None:
                raise ValueError(f"{layer}: only stride 1, no padding, no groups, with a bias")
            self._append_convolution(layer, (tuple(range(layer.in_channels)),) * layer.out_channels)
        elif isinstance(layer, SparseConv):
            self._append_convolution(layer, layer.table)
        elif isinstance(layer, nn.Linear):
            _expect(maps * height * width, layer.in_features, "inputs")
            self._append_full(layer.out_features)
        elif isinstance(layer, Subsampling):
            _expect(maps, layer.maps // layer.copies, "maps")
            if height % 2 or width % 2:
                raise ValueError(f"maps of {height}x{width} cannot be halved")
            self._add(kernels.SUBSAMPLING, (layer.maps, height // 2, width // 2))
        elif isinstance(layer, ScaledTanh):
            if not self.layers:
                raise ValueError("it would squash the image itself")
            self._add(kernels.SCALED_TANH, self.shape)
        elif isinstance(layer, EuclideanRBF):
            if layer.centres.requires_grad:
                raise ValueError("its RBF centres learn; train this net by another recipe")
            classes, units = layer.centres.shape
            _expect(maps * height * width, units, "inputs")
            self.centres = layer.centres.tolist()
            self._add(kernels.RBF, (classes, 1, 1), units)
        else:
            raise ValueError(
                f"{type(layer).__name__} is none of Pad, Conv2d, SparseConv, Subsampling, "
                "ScaledTanh, Flatten, Linear, EuclideanRBF; train this net by another recipe"
            )

    def _append_convolution(
        self, layer: nn.Conv2d | SparseConv, table: tuple[tuple[int, ...], ...]
    ) -> None:
        maps, height, width = self.shape
        side = layer.weight.shape[-1]
        _expect(maps, 1 + max(max(seen) for seen in table), "maps")
        if side == height == width:  # every unit sees whole maps
            if len(table[0]) == maps and len(set(table)) == 1:
                self._append_full(len(table))
            else:
                self._add(kernels.DOT, (len(table), 1, 1), side**2, table)
        elif side == kernels.KERNEL and min(height, width) >= 2 * side - 1:
            out = (len(table), height - side + 1, width - side + 1)
            self._add(kernels.CONV, out, side**2, table)
        else:
            raise ValueError(
                f"kernels of {side}x{side} on maps of {height}x{width}; they must be 5x5 "
                "on maps of at least 9x9, or as large as the map"
            )

    def _append_full(self, units: int) -> None:
        inputs = int(np.prod(self.shape))
        self._add(kernels.DOT, (units, 1, 1), inputs, ((0,),) * units)

    def _add(
        self,
        kind: int,
        out: tuple[int, int, int],
        area: int = 0,
        table: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Lays out one layer: its outputs after the states so far, its parameters likewise."""
        maps_in, height_in, width_in = self.shape
        weights = out[0] if kind == kernels.SUBSAMPLING else area * sum(len(seen) for seen in table)
        in_place = kind in IN_PLACE
        place = self.layers[-1]["y"] if self.layers else 0
        end = place + maps_in * height_in * width_in
        values = (
            *(kind, 1 + max(map(max, table)) if table else maps_in, height_in, width_in),
            *(*out, area, place, place if in_place else end),
            *(self.parameters, self.parameters + weights),
            *self._connect(table),
        )
        self.layers.append(dict(zip(kernels.LAYER.names or (), values, strict=True)))
        self.parameters += weights + (out[0] if weights else 0)
        self.states = end if in_place else end + int(np.prod(out))

    def _connect(self, seen: tuple[tuple[int, ...], ...]) -> tuple[int, int, int, int, int]:
        """Writes a layer's connections to the table, and returns where each part begins.

        Kernels are numbered output map by output map. The parts: each output map's first
        kernel (and the end), each kernel's input map, the same two by input map, where the
        second lists kernels, and each kernel's output map.
        """
        source = [i for maps in seen for i in maps]
        owner = [o for o, maps in enumerate(seen) for _ in maps]
        by_source = sorted(range(len(source)), key=lambda q: source[q])
        maps_in = 1 + max(source, default=-1)
        parts = (
            [sum(o < end for o in owner) for end in range(len(seen) + 1)],
            source,
            [sum(i < end for i in source) for end in range(maps_in + 1)],
            by_source,
            owner,
        )
        places = []
        for part in parts:
            places.append(len(self.table))
            self.table += part
        return tuple(places)  # type: ignore[return-value]


def walk(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers in order, with their names; one that is there twice comes twice."""
    for name, layer in net.named_modules(remove_duplicate=False):
        if not isinstance(layer, nn.Sequential):
            yield name, layer


def _expect(there: int, asked: int, what: str) -> None:
    if there != asked:
        raise ValueError(f"it asks for {asked} {what}, the layer before has {there}")
