"""A vector of lanes as a numba value: one float32 for each of K nets that train side by side.

One pattern per update leaves nothing to vectorise over but the nets themselves. So the lane is
the innermost axis of every array, and where a plain kernel would hold one number, these hold
K in one SIMD register; accumulators are ordinary local variables. Every operation acts on
each lane alone and is one IEEE operation (the only fused one is ``fma``, which says so): a
lane's bits depend neither on its companions nor on K.

Inside numba code only. ``lanes`` is a ``LaneCount``, whose type tells the compiler K; ``array``
is a flat float32 array of groups of K, and ``index`` counts groups.

    total = broadcast(lanes, 0.0)
    total = fma(load(lanes, weights, i), load(lanes, x, j), total)
    store(lanes, y, k, total)
"""

import hashlib
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numpy.typing import NDArray

WIDTHS = (8, 16)
_SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()


@dataclass(frozen=True)
class LaneCount:
    """K, handed to every compiled function as its first argument."""

    width: int


class LaneCountType(numba.types.Opaque):
    """The numba type of a ``LaneCount``: one type for each K.

    numba's cache on disk knows a function by its argument types and the file it stands in, not
    by the files it calls; so the type also names the sources of this package, and code from
    older kernels is never served.
    """

    def __init__(self, width: int, sources: str = _SOURCES) -> None:
        self.width, self.sources = width, sources
        super().__init__(name=f"LaneCount({width}, {sources})")


register_model(LaneCountType)(models.OpaqueModel)


@typeof_impl.register(LaneCount)
def _typeof_lane_count(value: LaneCount, context: Any) -> LaneCountType:
    return LaneCountType(value.width)


@unbox(LaneCountType)
def _unbox_lane_count(typ: LaneCountType, value: Any, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


class LaneVector(numba.types.Type):
    """The numba type of ``width`` float32 lanes."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"LaneVector({width})")


@register_model(LaneVector)
class _LaneVectorModel(models.PrimitiveModel):
    """In memory and in registers: an LLVM vector."""

    def __init__(self, dmm: Any, fe_type: LaneVector) -> None:
        super().__init__(dmm, fe_type, llvm_vector(fe_type.width))


def llvm_vector(width: int) -> ir.VectorType:
    return ir.VectorType(ir.FloatType(), width)


def place(context: Any, builder: Any, typ: Any, array: Any, index: Any, width: int) -> Any:
    """A pointer to where a group of an array begins; with a width of 1, to a number."""
    data = context.make_array(typ)(context, builder, value=array).data
    first = builder.gep(data, [builder.mul(index, ir.Constant(index.type, width))])
    return first if width == 1 else builder.bitcast(first, llvm_vector(width).as_pointer())


def broadcasted(builder: Any, number: Any, width: int) -> Any:
    """A vector with ``number`` in every lane."""
    nothing = ir.Constant(llvm_vector(width), ir.Undefined)
    single = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(single, nothing, mask)


def fused(builder: Any, width: int, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    vector = llvm_vector(width)
    typ, name = ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, typ, name), [a, b, c])


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Where group ``args[2]`` of the array ``args[1]`` begins."""
    lanes, typ = signature.args[:2]
    return place(context, builder, typ, args[1], args[2], lanes.width)


@intrinsic
def load(typingctx: Any, lanes: Any, array: Any, index: Any) -> Any:
    """The vector of group ``index``; bounds are the caller's affair."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature, args), align=4)

    return LaneVector(lanes.width)(lanes, array, numba.int64), codegen


@intrinsic
def store(typingctx: Any, lanes: Any, array: Any, index: Any, vector: Any) -> Any:
    """Writes ``vector`` to group ``index``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[3], _address(context, builder, signature, args), align=4)
        return context.get_dummy_value()

    return numba.void(lanes, array, numba.int64, vector), codegen


@intrinsic
def broadcast(typingctx: Any, lanes: Any, number: Any) -> Any:
    """A vector with ``number`` in every lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return broadcasted(builder, args[1], lanes.width)

    return LaneVector(lanes.width)(lanes, numba.float32), codegen


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused(builder, a.width, *args)

    return a(a, a, a), codegen


@intrinsic
def clamp(typingctx: Any, a: Any, bound: Any) -> Any:
    """``a`` held between -bound and bound; not a number stays not a number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, high = args
        low = builder.fneg(high)
        value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
        return builder.select(builder.fcmp_ordered("<", value, low), low, value)

    return a(a, a), codegen


@intrinsic
def where_greater(typingctx: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Lane by lane ``yes`` where a > b or one of the two is not a number, else ``no``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_unordered(">", args[0], args[1]), *args[2:])

    return a(a, a, a, a), codegen


@intrinsic
def total(typingctx: Any, vector: Any) -> Any:
    """The sum over the lanes, half upon half."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        [rest], width = args, vector.width
        nothing = ir.Constant(rest.type, ir.Undefined)
        while width > 1:
            width //= 2
            mask = [n + width if n < width else 0 for n in range(vector.width)]
            upper = ir.Constant(ir.VectorType(ir.IntType(32), vector.width), mask)
            rest = builder.fadd(rest, builder.shuffle_vector(rest, nothing, upper))
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return numba.float32(vector), codegen


def _define(python_operator: Any, instruction: str) -> None:
    """Lets ``python_operator`` act on two lane vectors by one LLVM instruction."""

    @intrinsic
    def operate(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return a(a, a), codegen

    @overload(python_operator)
    def operate_on_lanes(a, b):  # type: ignore[no-untyped-def]  # numba compares signatures
        if isinstance(a, LaneVector) and a == b:
            return lambda a, b: operate(a, b)
        return None


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")
_define(operator.truediv, "fdiv")
_define(operator.iadd, "fadd")
_define(operator.imul, "fmul")


def buffer(numbers: int) -> NDArray[np.float32]:
    """Zeros that begin on a cache line, so that no vector straddles two."""
    line = 64 // np.dtype(np.float32).itemsize
    room = np.zeros(numbers + line, np.float32)
    first = -(room.ctypes.data // room.itemsize) % line
    return room[first : first + numbers]
