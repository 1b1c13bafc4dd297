"""Full traces as VCD, for any waveform viewer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from hwsim.array.trace import RegisterTrace
from hwsim.report.files import fill_file
from hwsim.vectors.waves import Signal, write_vcd


def scope(register: str, row: int, col: int) -> str:
    """The scope of one register: its PE, or its node of the adder tree.

    >>> scope("psum", 2, 0), scope("tree_1", 3, 5)
    ('array.row_2.col_0', 'array.unit_5.tree_1.node_3')
    """
    if register.startswith("tree_"):
        return f"array.unit_{col}.{register}.node_{row}"
    return f"array.row_{row}.col_{col}"


def write_waveform(path: Path, trace: RegisterTrace) -> None:
    """Write a register trace as VCD, whole or not at all.

    One time unit is one clock; a value stands from the clock after which the register holds it.
    Signals ``a``, ``w``, ``psum`` or ``acc`` stand in ``array.row_<r>.col_<c>``, nodes of a tree
    as ``value`` in ``array.unit_<c>.tree_<level>.node_<i>``; two's complement, at the registers'
    widths. ``array.cycle`` is the compute clock since the layer's start.
    """
    clocks = [int(clock) for clock in trace.clock]
    signals = [Signal("array", "cycle", 64, clocks, "integer"), *register_signals(trace)]

    def fill(stream: IO[bytes]) -> None:
        with io.TextIOWrapper(stream, "ascii", newline="\n") as text:
            write_vcd(text, signals, clocks, clocks[-1] + 1)

    fill_file(path, fill)


def register_signals(trace: RegisterTrace) -> Iterator[Signal]:
    """Every register, by its PE or node."""
    for name, content in trace.registers.items():
        signal = "value" if name.startswith("tree_") else name
        for row, col in np.ndindex(content.shape[1:]):
            yield Signal(scope(name, row, col), signal, trace.bits[name], content[:, row, col])
