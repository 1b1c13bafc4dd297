"""Exact sums of byte codes in matrix registers: 16 outputs times 16 channels, 64 products each.

Where the processor has AMX, one instruction, ``tdpbusd``, adds to a register of 16 x 16 32-bit sums
the products of a register of codes (16 outputs, 64 bytes of the taps of each) and one of weights
(16 steps of four bytes, 16 channels): unsigned times signed, and nothing saturates.
`hwsim.array.matrix_sums` lays out what they read; `hwsim.array.exact_sums.add_exact` is the
definition.
"""

from __future__ import annotations

from typing import Any

from hwsim._jit import ir, matrix_registers
from hwsim.array.vector.emission import INDEX, Array, Emitter, Value
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.instructions import CHOSEN

HAS_MATRICES = CHOSEN is not None and matrix_registers()
SIDE = 16  # rows of a register, and its 32-bit columns
LINE = 64  # bytes of a row
SHORT = 32  # bytes of a run of taps: fewer of them lie in two cache lines, which costs twice
DEPTH = 16  # steps of four bytes that one register of weights holds
GRIDS = {1: 4, 2: 2}  # registers of sums, side by side (channels): below each other (outputs)
SUMS, CODES, WEIGHTS = 0, 4, 6  # registers from there on: four, two and two
BYTE = ir.IntType(8)
BYTES = ir.VectorType(BYTE, LINE)


def _on_registers(e: Emitter, name: str, *values: Value) -> None:
    """An instruction; the numbers of registers are constants in it."""
    given = [BYTE(value) if isinstance(value, int) else value for value in values]
    e.call(f"llvm.x86.{name}", ir.VoidType(), *given)


def _packing(width: int) -> Any:
    """The kernel that packs so many bytes at a time."""
    kind = ir.VectorType(BYTE, width)

    def packed(
        e: Emitter, x: Array, places: Array, jump: Any, runs: Any, length: Any, rows: Array
    ) -> None:
        """``rows[p, r * length + i] = x[places[p] + r * jump + i]``, ``width`` bytes at a time: so
        many are read of ``x``, and written, even where fewer are left."""
        b = e.builder
        parts = b.udiv(b.add(length, INDEX(width - 1)), INDEX(width))
        with e.loop(0, places.shape[0]) as p:
            place = places.load(p, kind=INDEX)
            with e.loop(0, runs, unroll=False) as run, e.loop(0, parts) as part:
                at = b.mul(part, INDEX(width))
                codes = x.load(b.add(place, b.add(b.mul(run, jump), at)), kind=kind)
                rows.store(codes, p, b.add(b.mul(run, length), at))

    packed.__name__ = f"packed_{width}"
    return vector_kernel(packed)


def cut(e: Emitter, rows: Array, source: Any, again: Any, target: Any) -> None:
    """``rows[:, target : target + 64] = rows[:, source : source + 64]``, the first ``again`` as 0.

    A loop of its own: right behind their writing, bytes would have to be waited for.
    """
    b = e.builder
    flags = ir.VectorType(ir.IntType(1), LINE)
    kept, nothing = b.bitcast(b.shl(INDEX(-1), again), flags), ir.Constant(BYTES, [0] * LINE)
    with e.loop(0, rows.shape[0]) as p:
        rows.store(b.select(kept, rows.load(p, source, kind=BYTES), nothing), p, target)


def _kernel(columns: int, lines: int) -> Any:
    """The kernel of one grid of registers of sums."""

    def matrices(
        e: Emitter,
        form: Array,
        lie: Array,
        w: Array,
        start: Array,
        out: Array,
        depth: Any,
        runs: Any,
        each: Any,
        lasts: Any,
        column: Any,
    ) -> None:
        """Sums of whole grids; arrays as `hwsim.array.matrix_sums.add_in_matrices` has them.

        ``lie``: of every 16 outputs, address of the codes, bytes from row to row, and from run to
        run; ``runs`` of so many registers ``each``, of ``depth`` steps, and ``lasts`` (0 or 1)
        more, of the last steps, whose codes lie from ``column`` on.
        """
        b = e.builder
        steps, (blocks, lanes) = w.shape[1], start.shape
        width = b.mul(lanes, INDEX(4))  # bytes of a step's weights, and of a block's sums
        between = b.mul(blocks, width)

        def add(first: Value, block: Value, step: Value, run: Value, at: Value) -> None:
            """One register of steps, from ``step`` on, for outputs from ``first`` on, by 16."""
            for j in range(columns):
                there = w.pointer(block, step, INDEX(j * LINE), kind=BYTE)
                _on_registers(e, "tileloadd64", WEIGHTS + j, there, width)
            for i in range(lines):
                output = b.add(first, INDEX(i))
                address, pitch, jump = (lie.load(output, INDEX(n), kind=INDEX) for n in range(3))
                there = b.add(b.add(address, b.mul(run, jump)), at)
                codes = b.inttoptr(there, BYTE.as_pointer())
                _on_registers(e, "tileloadd64", CODES + i % 2, codes, pitch)
                for j in range(columns):
                    total = SUMS + i * columns + j
                    _on_registers(e, "tdpbusd", total, CODES + i % 2, WEIGHTS + j)

        _on_registers(e, "ldtilecfg", form.pointer(0, kind=BYTE))
        grids = b.udiv(lie.shape[0], INDEX(lines))
        with e.loop(0, blocks) as block, e.loop(0, grids) as grid:
            first = b.mul(grid, INDEX(lines))
            places = [
                (SUMS + i * columns + j, b.add(first, INDEX(i)), INDEX(j * SIDE))
                for i in range(lines)
                for j in range(columns)
            ]
            for total, _, lane in places:  # the same row of `start` for all outputs
                lanes_of = start.pointer(block, lane, kind=BYTE)
                _on_registers(e, "tileloadd64", total, lanes_of, INDEX(0))
            with e.loop(0, runs, unroll=False) as run, e.loop(0, each, unroll=False) as turn:
                step = b.mul(b.add(b.mul(run, each), turn), depth)
                add(first, block, step, run, b.mul(b.mul(turn, depth), INDEX(4)))
            with e.loop(0, lasts, unroll=False):
                add(first, block, b.sub(steps, depth), INDEX(0), column)
            for total, output, lane in places:
                pixel = b.mul(output, INDEX(SIDE))
                there = out.pointer(pixel, block, lane, kind=BYTE)
                _on_registers(e, "tilestored64", total, there, between)
        _on_registers(e, "tilerelease")

    matrices.__name__ = f"matrices_{columns}x{lines}"
    return vector_kernel(matrices)


one_column, two_columns = (_kernel(columns, lines) for columns, lines in GRIDS.items())
pack, pack_short = _packing(LINE), _packing(SHORT)
cut_last = vector_kernel(cut)
