"""Full traces as VCD, for any waveform viewer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from vcd import VCDWriter

from hwsim.array.gemm import Ints
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
    with VCDWriter(text, timescale="1 ns", init_timestamp=int(trace.clock[0])) as writer:
        cycle = writer.register_var("array", "cycle", "integer", 64, int(trace.clock[0]))
        changes = []
        for name, content in trace.registers.items():
            signal = "value" if name.startswith("tree_") else name
            for row, col in np.ndindex(content.shape[1:]):
                values, at = content[:, row, col], scope(name, row, col)
                variable = writer.register_var(at, signal, "wire", trace.bits[name], int(values[0]))
                changes += [(i, variable, int(values[i])) for i in changed(values)]
        changes += [(i, cycle, int(trace.clock[i])) for i in range(1, len(trace.clock))]
        for i, variable, value in sorted(changes, key=lambda change: change[0]):
            writer.change(variable, int(trace.clock[i]), value)
        writer.close(int(trace.clock[-1]) + 1)
    write_file(path, text.getvalue().encode("ascii"))


def changed(values: Ints) -> list[int]:
    """Indices at which a value differs from the one before.

    >>> changed(np.array([0, 0, 3, 3, 0]))
    [2, 4]
    """
    return [int(i) + 1 for i in np.flatnonzero(np.diff(values))]
