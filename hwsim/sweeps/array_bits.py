"""What a width costs: bits of adders and of registers in the array.

::

    output_stationary   R * C adders and 2 * R * C registers (the sum and its shadow) of A bits
    weight-, input-     R * C adders and registers of the chain's bits,
    stationary          C adders of A bits, C * T accumulators of A bits
    dot_product         adders and registers of every node of C trees, then as above

R, C: rows and columns; A: the accumulator's width; T: the longest stream of any layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.array.dataflow import DATAFLOWS, Schedule
from hwsim.array.specification import Machine


@dataclass(frozen=True)
class ArrayBits:
    """Bits of all adders, and of all registers that hold sums."""

    adders: int
    registers: int


def array_bits(machine: Machine, schedules: Iterable[Schedule]) -> ArrayBits | None:
    """Of one machine that runs these layers; None for a runtime.

    >>> from hwsim.importers.hardware import load
    >>> array_bits(load("edge_os_16x16", ["accumulator.bits=20"]), [])
    ArrayBits(adders=5120, registers=10240)
    """
    array, width = machine.array, machine.accumulator.bits
    if not array.is_array or array.rows is None or array.cols is None:
        return None
    rows, cols = array.rows, array.cols
    flow = DATAFLOWS[array.dataflow]
    if flow.reduction == "pe":
        return ArrayBits(rows * cols * width, 2 * rows * cols * width)
    assert machine.chain is not None
    bits = machine.chain.bits
    if flow.reduction == "tree":
        levels = (rows - 1).bit_length()
        widths = bits if isinstance(bits, list) else [bits] * levels
        chain = cols * sum(-(-rows >> (i + 1)) * w for i, w in enumerate(widths))
    else:
        assert isinstance(bits, int)
        chain = rows * cols * bits
    longest = max((s.extent(s.dataflow.stream) for s in schedules), default=0)
    return ArrayBits(chain + cols * width, chain + cols * longest * width)
