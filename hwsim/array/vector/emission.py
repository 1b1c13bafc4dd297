"""Writing LLVM code: arrays, loops and the few operations of the kernels.

A kernel is written as a Python function that appends instructions to a builder
(`hwsim.array.vector.functions`). Values that change in a loop live in slots, which LLVM keeps in
registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hwsim import _jit
from hwsim._jit import ir
from hwsim.array.vector.instructions import CHOSEN, KNOWN

CHOICE = CHOSEN or KNOWN[0]  # where nothing is chosen, no kernel is called
WORDS, LANES, CHANNELS = CHOICE.words, CHOICE.lanes, CHOICE.channels

RUN = LANES // 4  # lanes that are read side by side

INDEX, WORD, HALF = ir.IntType(64), ir.IntType(32), ir.IntType(16)
VECTOR = ir.VectorType(WORD, WORDS)  # one vector of 32-bit lanes
PAIRS = ir.VectorType(HALF, LANES)  # the same bits as pairs of 16-bit lanes
MASK = ir.IntType(LANES)  # a bit for each of two vectors' lanes
BIT = ir.IntType(1)
FLAGS = ir.VectorType(BIT, LANES)
TILE = [(r, lane) for r in range(CHANNELS) for lane in (0, WORDS)]  # where its vectors begin

cgutils: Any = _jit.cgutils  # numba's own writers, without types
Value = Any  # an llvmlite value: the library has no types


@dataclass(frozen=True)
class Slot:
    """A value that changes: read it by calling, write it with `set`."""

    builder: Value
    place: Value

    def __call__(self) -> Value:
        """Read."""
        return self.builder.load(self.place)

    def set(self, value: Value) -> None:
        """Write."""
        self.builder.store(value, self.place)


@dataclass(frozen=True)
class Array:
    """A C-contiguous array inside an emitted function."""

    builder: Value
    data: Value
    shape: tuple[Value, ...]

    def pointer(self, *index: Value, kind: Value) -> Value:
        """To an element, as ``kind``; the last indices may be left out."""
        offset = INDEX(0)
        for axis, extent in enumerate(self.shape):
            offset = self.builder.mul(offset, extent)
            if axis < len(index):
                offset = self.builder.add(offset, number(index[axis]))
        return self.builder.bitcast(self.builder.gep(self.data, [offset]), kind.as_pointer())

    def load(self, *index: Value, kind: Value) -> Value:
        """What lies from an element on, as ``kind``."""
        return self.builder.load(self.pointer(*index, kind=kind), align=2)

    def store(self, value: Value, *index: Value) -> None:
        """Write ``value`` from an element on."""
        self.builder.store(value, self.pointer(*index, kind=value.type), align=2)


def fixed(array: Array, *extents: int) -> Array:
    """An array whose last extents are known, so that LLVM knows where its elements are."""
    known = tuple(INDEX(extent) for extent in extents)
    return Array(array.builder, array.data, (*array.shape[: -len(known)], *known))


def number(value: Value) -> Value:
    """A Python integer as an index."""
    return INDEX(value) if isinstance(value, int) else value


def turn_by_turn(branch: Value) -> None:
    """Says to LLVM that the loop of this backward branch is not unrolled."""
    module = branch.module
    loop = ir.values.MDValue(module, [], name=str(len(module.metadata)))
    loop.operands = (loop, module.add_metadata(["llvm.loop.unroll.disable"]))
    branch.set_metadata("llvm.loop", loop)


class Emitter:
    """Operations on vectors, appended to one function."""

    def __init__(self, builder: Value) -> None:
        self.builder = builder

    def slot(self, value: Value) -> Slot:
        """A value that changes, at first ``value``."""
        slot = Slot(self.builder, cgutils.alloca_once(self.builder, value.type))
        slot.set(value)
        return slot

    @contextmanager
    def loop(self, start: Value, stop: Value, unroll: bool = True) -> Iterator[Value]:
        """``for index in range(start, stop)``; two turns at once only where LLVM may ``unroll``."""
        with cgutils.for_range(self.builder, number(stop), number(start)) as loop:
            yield loop.index
        if not unroll:
            _, back = loop.index.incomings[1]
            turn_by_turn(back.terminator)

    def call(self, name: str, kind: Value, *values: Value) -> Value:
        """An LLVM intrinsic of values of one type, and result ``kind``."""
        signature = ir.FunctionType(kind, [value.type for value in values])
        function = cgutils.get_or_insert_function(self.builder.module, signature, name)
        return self.builder.call(function, values)

    def splat(self, value: Value, kind: Value) -> Value:
        """The same number in all lanes."""
        empty = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(empty, value, WORD(0))
        order = ir.Constant(ir.VectorType(WORD, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(first, empty, order)

    def least(self, a: Value, b: Value) -> Value:
        """The lesser of signed lanes."""
        return self.call(f"llvm.smin.{suffix(a.type)}", a.type, a, b)

    def largest(self, a: Value, b: Value) -> Value:
        """The larger of signed lanes."""
        return self.call(f"llvm.smax.{suffix(a.type)}", a.type, a, b)

    def product(self, pixels: Value, weight: Value) -> Value:
        """32-bit products of one half of each pair: the weight's other half is 0."""
        pair = self.builder.bitcast(weight, PAIRS)
        return self.call(CHOICE.multiply_pairs, VECTOR, pixels, pair)

    def low(self, pairs: Value) -> Value:
        """The low half of each pair, as 32 bits."""
        sixteen = ir.Constant(VECTOR, [16] * WORDS)
        words = self.builder.shl(self.builder.bitcast(pairs, VECTOR), sixteen)
        return self.builder.ashr(words, sixteen)

    def high(self, pairs: Value) -> Value:
        """The high half of each pair, as 32 bits."""
        words = self.builder.bitcast(pairs, VECTOR)
        return self.builder.ashr(words, ir.Constant(VECTOR, [16] * WORDS))

    def paired(self, low: Value, high: Value) -> Value:
        """Two vectors whose values fit 16 bits, as the halves of pairs."""
        kept = self.builder.and_(low, ir.Constant(VECTOR, [0xFFFF] * WORDS))
        above = self.builder.shl(high, ir.Constant(VECTOR, [16] * WORDS))
        return self.builder.bitcast(self.builder.or_(kept, above), PAIRS)

    def shuffle(self, first: Value, second: Value, order: Iterable[int]) -> Value:
        """Lanes of two vectors, counted through both."""
        lanes = list(order)
        return self.builder.shuffle_vector(
            first, second, ir.Constant(ir.VectorType(WORD, len(lanes)), lanes)
        )

    def both(self, first: Value, second: Value) -> Value:
        """Two vectors one after the other."""
        return self.shuffle(first, second, range(LANES))

    def widened(self, words: Value) -> Value:
        """Lanes as 64-bit integers."""
        return self.builder.sext(words, ir.VectorType(INDEX, words.type.count))

    def bounded_sum(self, a: Value, b: Value) -> Value:
        """The sum of 16-bit lanes, saturated at 16 bits."""
        return self.call(f"llvm.sadd.sat.{suffix(a.type)}", a.type, a, b)

    def flags(self, mask: Value) -> Value:
        """One flag for each bit."""
        return self.builder.bitcast(mask, FLAGS)

    def count(self, mask: Value) -> Value:
        """The number of bits set."""
        ones = self.call(f"llvm.ctpop.i{LANES}", MASK, mask)
        return self.builder.zext(ones, INDEX)


def load_tile(e: Emitter, array: Array, *index: Value) -> list[Slot]:
    """The vectors of a tile ``array[index]``, in the order of `TILE`."""
    return [e.slot(array.load(*index, *at, kind=VECTOR)) for at in TILE]


def store_tile(slots: list[Slot], array: Array, *index: Value) -> None:
    """Write the vectors of a tile."""
    for slot, at in zip(slots, TILE, strict=True):
        array.store(slot(), *index, *at)


def suffix(kind: Value) -> str:
    """``v16i32``: how LLVM names the overload of an intrinsic."""
    return f"v{kind.count}i{kind.element.width}"
