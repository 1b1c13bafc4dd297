"""Full traces and event lists as columnar ``.npz``.

Layout of a register trace (``numpy.load``, no pickle). Every row is one clock; rows and cols are
those of the PE array (of a tree level: its nodes and the units)::

    schema             text     "hwsim.trace.1"
    dataflow           text     as in the machine's YAML
    sample             int64    sample of the batch
    clock              int64    (clocks,)              compute clock since the layer's start
    bits_<register>    int64    width of the register
    <register>         int64    (clocks, rows, cols)   content after that clock

Registers: ``a``, ``w`` and ``psum`` (weight- and input-stationary) or ``acc`` (output-stationary);
dot product: ``a``, ``w``, ``tree_0`` (products) to ``tree_<levels>`` (root).

Layout of an event list: one int64 array of shape (events,) for each name of
`hwsim.array.ledger.EventList.NAMES`, and ``schema`` = "hwsim.events.1".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwsim.array.ledger import EventList
from hwsim.array.trace import RegisterTrace
from hwsim.report.files import npz_bytes, write_file


def write_trace(path: Path, trace: RegisterTrace) -> None:
    """Write a register trace whole or not at all (layout: this module's docstring)."""
    columns = {
        "schema": np.array("hwsim.trace.1"),
        "dataflow": np.array(trace.dataflow),
        "sample": np.array(trace.window.sample, np.int64),
        "clock": trace.clock,
    }
    columns |= {f"bits_{name}": np.array(b, np.int64) for name, b in trace.bits.items()}
    write_file(path, npz_bytes(columns | trace.registers))


def write_events(path: Path, events: EventList) -> None:
    """Write an event list whole or not at all (layout: this module's docstring)."""
    write_file(path, npz_bytes({"schema": np.array("hwsim.events.1"), **events.columns}))
