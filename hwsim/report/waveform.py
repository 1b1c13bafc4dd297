"""Full traces as VCD, for any waveform viewer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from vcd import VCDWriter
from vcd.writer import Variable

from hwsim.array.trace import RegisterTrace
from hwsim.report.files import write_file


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
    text = io.StringIO()
    clocks = [int(clock) for clock in trace.clock]
    undated = "left out: equal runs write equal bytes"
    with VCDWriter(text, timescale="1 ns", date=undated, init_timestamp=clocks[0]) as writer:
        cycle = writer.register_var("array", "cycle", "integer", 64, clocks[0])
        variables = {
            (name, row, col): register_signal(writer, trace, name, row, col)
            for name, content in trace.registers.items()
            for row, col in np.ndindex(content.shape[1:])
        }
        for i, clock in enumerate(clocks[1:], 1):
            writer.change(cycle, clock, clock)
            for name, content in trace.registers.items():
                for row, col in np.argwhere(content[i] != content[i - 1]).tolist():
                    value = int(content[i, row, col])
                    writer.change(variables[name, row, col], clock, value)
        writer.close(clocks[-1] + 1)
    write_file(path, text.getvalue().encode("ascii"))


def register_signal(
    writer: VCDWriter, trace: RegisterTrace, name: str, row: int, col: int
) -> Variable[Any]:
    """Declare one register, with its content after the window's first clock."""
    signal = "value" if name.startswith("tree_") else name
    first = int(trace.registers[name][0, row, col])
    return writer.register_var(scope(name, row, col), signal, "wire", trace.bits[name], first)
