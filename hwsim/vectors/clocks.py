"""``clocks.hex``: one word a clock, everything that `tb_clocks.sv` looks at, lowest bits first.

::

    registers     every register of the array, as `mac_array_top.registers` holds them
    stored_valid  1        stored      COLS x adding bits: accumulators stored in this clock
    end_valid     1        final_sum   COLS x 64: after the stores after all products
    code_valid    1        code_keep   COLS
    code_data     COLS x OUT_BITS      code_lost, code_clipped   COLS each
    code_chain_overflow, code_accumulator_overflow               COLS each
    code_group, code_row, code_col     32 each

Lanes that hold nothing are 0, and so is a place without a code. A word is what stands after that
clock's edge; after the last compute clock the registers keep what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.trace import RegisterTrace
from hwsim.errors import DataError
from hwsim.rtl.expected import ACCUMULATOR_OVERFLOW, CHAIN_OVERFLOW, Expected
from hwsim.vectors.beats import BeatTable
from hwsim.vectors.words import WIDEST_LANE, Bits, bits_of


def adding_bits(values: Mapping[str, int]) -> int:
    """Bits of the accumulator while it adds, from `mac_array_top`'s parameters."""
    return WIDEST_LANE if values["CHECK_FINAL"] else values["ACC_BITS"]


def clocks_of(result: Expected) -> int:
    """Words of one run."""
    return result.cycles + result.latency


def clock_bits(
    result: Expected,
    table: BeatTable,
    values: Mapping[str, int],
    first: int = 0,
    stop: int | None = None,
) -> Bits:
    """Words of the clocks ``first .. stop - 1`` of one run.

    Parameters
    ----------
    result : Expected
        Traced as far as ``stop``.
    table : BeatTable
        Its beats.
    values : mapping of int
        Parameters of `mac_array_top`.
    first, stop : int
        ``stop`` None: all.

    Returns
    -------
    uint8 ndarray of shape (stop - first, bits of a word)
    """
    clock = np.arange(first, clocks_of(result) if stop is None else stop)
    trace = result.trace
    if trace is None or min(int(clock[-1]), result.cycles - 1) >= len(trace.clock):
        raise DataError.at("clocks", "stop", stop, "must lie inside the trace")
    stored, coded = table.at(clock, table.clock), table.at(clock, table.code_clock, last=True)
    ends = np.where(table.last[stored], stored, -1)
    place = np.stack([table.group, table.m, table.n], axis=1)
    parts = [
        *registers(trace, np.minimum(clock, result.cycles - 1), values),
        flags(stored),
        bits_of(table.stored[stored], adding_bits(values)),
        flags(ends),
        bits_of(table.lanes_of(result.stores.final)[ends], WIDEST_LANE),
        flags(coded),
        bits_of(table.keep[coded], 1),
        bits_of(table.lanes_of(result.codes)[coded], values["OUT_BITS"]),
        bits_of(table.lanes_of(result.lost)[coded], 1),
        bits_of(table.lanes_of(result.clipped)[coded], 1),
        bits_of(table.lanes_of(result.stores.overflow & CHAIN_OVERFLOW > 0)[coded], 1),
        bits_of(table.lanes_of(result.stores.overflow & ACCUMULATOR_OVERFLOW > 0)[coded], 1),
        bits_of(place[coded], 32),
    ]
    return np.concatenate(parts, axis=1)


def registers(trace: RegisterTrace, clock: Ints, values: Mapping[str, int]) -> list[Bits]:
    """The array's registers after these clocks, lowest first as the RTL holds them."""
    held = {name: x[clock].astype(np.int64) for name, x in trace.registers.items()}
    input_stays = trace.dataflow == "input_stationary"
    left, top = ("W_BITS", "A_BITS") if input_stays else ("A_BITS", "W_BITS")
    if trace.dataflow == "dot_product":
        levels = [held[name] for name in held if name.startswith("tree_")]
        nodes = np.concatenate(levels, axis=1)
        return [by_unit(held["w"], values[top]), by_unit(nodes, WIDEST_LANE)]
    sums = "acc" if "acc" in held else "psum"
    width = adding_bits(values) if sums == "acc" else values["CHAIN_BITS"] & 255
    widths = {"a": values[left], "w": values[top], sums: width}
    return [bits_of(held[name].reshape(len(clock), -1), bits) for name, bits in widths.items()]


def flags(beat: Ints) -> Bits:
    """One bit a clock: whether there is a beat."""
    return (beat >= 0).astype(np.uint8)[:, None]


def by_unit(nodes: Ints, bits: int) -> Bits:
    """Registers of shape (clocks, nodes, units), one dot-product unit after the other."""
    return bits_of(nodes.transpose(0, 2, 1).reshape(len(nodes), -1), bits)
