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

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import EventList
from hwsim.array.trace import RegisterTrace, TraceWindow, check_size, trace_parts, widths
from hwsim.report.files import npz_bytes, write_file, write_npz
from hwsim.report.waveform import write_waveform


def write_trace(path: Path, trace: RegisterTrace) -> None:
    """Write a register trace whole or not at all (layout: this module's docstring)."""
    columns = {
        "schema": np.array("hwsim.trace.1"),
        "dataflow": np.array(trace.dataflow),
        "sample": np.array(trace.window.sample, np.int64),
        "clock": trace.clock,
    }
    columns |= {f"bits_{name}": np.array(b, np.int64) for name, b in trace.bits.items()}
    write_npz(path, columns | trace.registers)


def write_full_trace(
    npz: Path, vcd: Path, datapath: Datapath, schedule: Schedule, window: TraceWindow, sample: int
) -> None:
    """A whole window as ``.npz`` and ``.vcd``, part by part: memory does not grow with its clocks.

    Registers lie in files of their own until all clocks are known. ``window``: of the datapath's
    samples; ``sample``: what the files call it.

    Raises
    ------
    ConfigError
        The registers alone would take half of what is free there.
    """
    check_size(schedule, window, shutil.disk_usage(npz.parent).free // 2)
    with tempfile.TemporaryDirectory(prefix=".trace.", dir=npz.parent) as scratch:
        kept: dict[str, KeptRegister] = {}
        for part in trace_parts(datapath, schedule, window):
            for name, content in part.items():
                if name not in kept:
                    kept[name] = KeptRegister(Path(scratch) / name)
                kept[name].add(content)
        registers = {name: register.content() for name, register in kept.items()}
        ranges = {name: (register.lo, register.hi) for name, register in kept.items()}
        trace = RegisterTrace(
            schedule.array.dataflow,
            replace(window, sample=sample),
            np.arange(window.start, window.stop, dtype=np.int64),
            registers,
            widths(datapath, ranges),
        )
        write_trace(npz, trace)
        write_waveform(vcd, trace)


class KeptRegister:
    """One register's contents in a file, clock after clock."""

    def __init__(self, path: Path) -> None:
        self.path, self.clocks, self.shape = path, 0, (0, 0)
        self.lo, self.hi = 0, 0

    def add(self, content: Ints) -> None:
        """Some clocks, int64 of shape (clocks, rows, cols)."""
        lo, hi = int(content.min()), int(content.max())
        self.lo, self.hi = (min(self.lo, lo), max(self.hi, hi)) if self.clocks else (lo, hi)
        self.clocks, self.shape = self.clocks + len(content), content.shape[1:]
        with self.path.open("ab") as stream:
            np.ascontiguousarray(content).tofile(stream)

    def content(self) -> Ints:
        """All clocks, read where they lie."""
        return np.memmap(self.path, np.int64, "r", shape=(self.clocks, *self.shape))


def write_events(path: Path, events: EventList) -> None:
    """Write an event list whole or not at all (layout: this module's docstring)."""
    write_file(path, npz_bytes({"schema": np.array("hwsim.events.1"), **events.columns}))
