"""A tile of lane vectors as a numba value: rows x columns sums that stay in registers.

A matrix product or a convolution gets fast where a small tile of its results lies in registers
while all terms of their sums go by: each number that is read then serves a whole row or column
of the tile. Every function here adds to a tile or moves one, and is unrolled when it is compiled.

Inside numba code only, beside vector.py: ``index`` counts groups of K where an array holds vectors,
and single numbers where it holds weights, of which each is the same for all lanes. ``pitch`` is the
distance from one row's to the next row's.

    tile = zeros(lanes, shape)
    for i in range(inputs):
        tile = add_outer(tile, weights, i, inputs, x, i)
    put(tile, y, 0, 1)
"""

from dataclasses import dataclass
from typing import Any

import numba
from llvmlite import ir
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, models, overload_attribute, register_model, typeof_impl

from lenet.learning.lanes.vector import broadcasted, fused, llvm_vector, place


@dataclass(frozen=True)
class Shape:
    """Of a tile, known when the code that names it is compiled."""

    rows: int
    columns: int


class ShapeType(numba.types.Opaque):
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        super().__init__(name=str(shape))


register_model(ShapeType)(models.OpaqueModel)


@typeof_impl.register(Shape)
def _typeof_shape(value: Shape, context: Any) -> ShapeType:
    return ShapeType(value)


@lower_constant(ShapeType)
def _lower_shape(context: Any, builder: Any, typ: ShapeType, value: Shape) -> Any:
    return context.get_dummy_value()


@overload_attribute(ShapeType, "rows")
def _rows(shape):  # type: ignore[no-untyped-def]
    rows = shape.shape.rows
    return lambda shape: rows


@overload_attribute(ShapeType, "columns")
def _columns(shape):  # type: ignore[no-untyped-def]
    columns = shape.shape.columns
    return lambda shape: columns


class Tile(numba.types.Type):
    """The numba type of rows x columns lane vectors, row by row."""

    def __init__(self, shape: Shape, width: int) -> None:
        self.rows, self.columns, self.width = shape.rows, shape.columns, width
        super().__init__(name=f"Tile({shape}, {width})")


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Tile) -> None:
        parts = fe_type.rows * fe_type.columns
        super().__init__(dmm, fe_type, ir.ArrayType(llvm_vector(fe_type.width), parts))


class _Code:
    """What the functions below write their LLVM code with, for one type of tile."""

    def __init__(self, context: Any, builder: Any, tile: Tile) -> None:
        self.context, self.builder, self.tile = context, builder, tile

    def parts(self, value: Any) -> list[list[Any]]:
        """The vectors of a tile, as rows."""
        rows, columns = range(self.tile.rows), range(self.tile.columns)
        extract = self.builder.extract_value
        return [[extract(value, a * len(columns) + b) for b in columns] for a in rows]

    def whole(self, parts: list[list[Any]]) -> Any:
        """The tile of such vectors."""
        value = ir.Constant(self.context.get_value_type(self.tile), ir.Undefined)
        for n, part in enumerate(part for row in parts for part in row):
            value = self.builder.insert_value(value, part, n)
        return value

    def row(self, index: Any, number: int, pitch: Any) -> Any:
        """The index of a row's first group or weight."""
        step = self.builder.mul(pitch, ir.Constant(pitch.type, number))
        return self.builder.add(index, step)

    def places(self, typ: Any, array: Any, index: Any, count: int) -> list[Any]:
        """Of so many groups, one after the other."""
        first = place(self.context, self.builder, typ, array, index, self.tile.width)
        return [self.builder.gep(first, [ir.Constant(ir.IntType(64), n)]) for n in range(count)]

    def vectors(self, typ: Any, array: Any, index: Any, count: int) -> list[Any]:
        """So many groups, one after the other."""
        places = self.places(typ, array, index, count)
        return [self.builder.load(there, align=4) for there in places]

    def weight(self, typ: Any, array: Any, index: Any, number: int = 0) -> Any:
        """The weight ``number`` places after ``index``, in every lane."""
        first = place(self.context, self.builder, typ, array, index, 1)
        there = self.builder.gep(first, [ir.Constant(ir.IntType(64), number)])
        return broadcasted(self.builder, self.builder.load(there), self.tile.width)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return fused(self.builder, self.tile.width, a, b, c)


@intrinsic
def zeros(typingctx: Any, lanes: Any, shape: Any) -> Any:
    tile = Tile(shape.shape, lanes.width)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(tile), None)

    return tile(lanes, shape), codegen


@intrinsic
def rows_of(typingctx: Any, lanes: Any, shape: Any, weights: Any, index: Any) -> Any:
    """Every column is the weights from ``index`` on, one a row."""
    tile = Tile(shape.shape, lanes.width)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = _Code(context, builder, tile)
        biases = [code.weight(weights, args[2], args[3], a) for a in range(tile.rows)]
        return code.whole([[bias] * tile.columns for bias in biases])

    return tile(lanes, shape, weights, numba.int64), codegen


@intrinsic
def get(typingctx: Any, lanes: Any, shape: Any, array: Any, index: Any, pitch: Any) -> Any:
    """A tile out of an array."""
    tile = Tile(shape.shape, lanes.width)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = _Code(context, builder, tile)
        firsts = [code.row(args[3], a, args[4]) for a in range(tile.rows)]
        return code.whole([code.vectors(array, args[2], i, tile.columns) for i in firsts])

    return tile(lanes, shape, array, numba.int64, numba.int64), codegen


@intrinsic
def put(typingctx: Any, tile: Any, array: Any, index: Any, pitch: Any) -> Any:
    """Writes a tile into an array."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = _Code(context, builder, tile)
        for a, parts in enumerate(code.parts(args[0])):
            places = code.places(array, args[1], code.row(args[2], a, args[3]), tile.columns)
            for part, there in zip(parts, places, strict=True):
                builder.store(part, there, align=4)
        return context.get_dummy_value()

    return numba.void(tile, array, numba.int64, numba.int64), codegen


@intrinsic
def add_outer(
    typingctx: Any, tile: Any, weights: Any, w: Any, pitch: Any, array: Any, index: Any
) -> Any:
    """tile[a, b] += weights[w + a pitch] array[index + b]"""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, sums = _Code(context, builder, tile), []
        x = code.vectors(array, args[4], args[5], tile.columns)
        for a, row in enumerate(code.parts(args[0])):
            weight = code.weight(weights, args[1], code.row(args[2], a, args[3]))
            sums.append([code.fma(weight, x[b], part) for b, part in enumerate(row)])
        return code.whole(sums)

    return tile(tile, weights, numba.int64, numba.int64, array, numba.int64), codegen


@intrinsic
def add_spread(
    typingctx: Any, tile: Any, weights: Any, w: Any, pitch: Any, array: Any, index: Any, taps: Any
) -> Any:
    """tile[a, c + k] += weights[w + a pitch + k] array[index + c] for the k below ``taps.columns``:
    what a row of deltas gives back through a row of a kernel."""
    count = taps.shape.columns

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, sums = _Code(context, builder, tile), []
        deltas = code.vectors(array, args[4], args[5], tile.columns - count + 1)
        for a, row in enumerate(code.parts(args[0])):
            first = code.row(args[2], a, args[3])
            for k in range(count):
                weight = code.weight(weights, args[1], first, k)
                for c, delta in enumerate(deltas):
                    row[c + k] = code.fma(weight, delta, row[c + k])
            sums.append(row)
        return code.whole(sums)

    return tile(tile, weights, numba.int64, numba.int64, array, numba.int64, taps), codegen


@intrinsic
def add_correlation(
    typingctx: Any, tile: Any, deltas: Any, d: Any, steps: Any, array: Any, index: Any, pitch: Any
) -> Any:
    """tile[a, b] += sum_c deltas[d + c] array[index + a pitch + b + c] over the c below
    ``steps.columns``: a kernel's gradient by a part of a row of deltas."""
    count = steps.shape.columns

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code, sums = _Code(context, builder, tile), []
        by_output, seen = code.vectors(deltas, args[1], args[2], count), tile.columns + count - 1
        for a, row in enumerate(code.parts(args[0])):
            x = code.vectors(array, args[4], code.row(args[5], a, args[6]), seen)
            for c, delta in enumerate(by_output):
                row = [code.fma(delta, x[b + c], part) for b, part in enumerate(row)]
            sums.append(row)
        return code.whole(sums)

    return tile(tile, deltas, numba.int64, steps, array, numba.int64, numba.int64), codegen
