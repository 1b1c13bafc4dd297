"""Waveforms of the cycle engine under the RTL's own names, to load beside the RTL's.

A simulator that dumps a testbench of a bundle (``+vcd=FILE``) writes the same scopes, names and
widths, so a viewer shows both with one list of signals. Times are the testbench's, 10 units a
clock, rising edges at 5, 15, ...; ``cycles``, ``clock``, ``group``, ``row_start`` and ``col_start``
say where a clock belongs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from vcd import VCDWriter

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.array.trace import RegisterTrace, TraceWindow, check_window, record
from hwsim.errors import ConfigError
from hwsim.rtl.machine import parameters
from hwsim.vectors.case import LayerCase, Run

UNDATED = "left out: equal runs write equal bytes"
TOP = "tb_streams"
TIMES_AT_ONCE = 256
PERIOD, EDGE = 10, 5  # of the testbenches' clock
CONTROL = {"cycles": 64, "clock": 32, "group": 32, "row_start": 32, "col_start": 32}
SUMS = {"psum": "sum", "acc": "sum"}


@dataclass(frozen=True)
class WaveWindow:
    """Which clocks: of folds ``first_fold`` to ``last_fold``, both included (None: all), or
    ``clocks``, first included and last not."""

    first_fold: int = 0
    last_fold: int | None = None
    clocks: tuple[int, int] | None = None

    def of(self, schedule: Schedule) -> TraceWindow:
        """The clocks of one run."""
        if self.clocks is not None:
            return TraceWindow(0, *self.clocks)
        last = schedule.folds - 1 if self.last_fold is None else self.last_fold
        return TraceWindow.of_folds(schedule, 0, self.first_fold, last)


@dataclass(frozen=True)
class Signal:
    """One signal of the RTL: ``scope``, ``name``, ``bits``, and ``content`` after each clock."""

    scope: str
    name: str
    bits: int
    content: Ints | list[int]
    kind: str = "wire"


def check_waves(case: LayerCase, run: Run, window: WaveWindow) -> None:
    """Refuse a window that `write_waves` cannot write.

    Raises
    ------
    ConfigError
        It leaves the run, or its trace would take more than 256 MiB.
    """
    folds = run.schedule.folds
    if window.last_fold is not None and window.last_fold >= folds:
        chosen = f"{window.first_fold}:{window.last_fold}"
        must = f"must lie in 0:{folds - 1}, the folds of {case.layer}"
        raise ConfigError.at("--waves", "folds", chosen, must)
    check_window(run.datapath, run.schedule, window.of(run.schedule))


def write_waves(
    case: LayerCase, run: Run, window: WaveWindow, path: Path, *, top: str = TOP, start: int = 0
) -> None:
    """Write `wave_text` of one run.

    Parameters
    ----------
    case : LayerCase
    run : Run
        One of the case's.
    window : WaveWindow
    path : Path
    top : str
        The testbench whose scopes are taken.
    start : int
        Rising edge of the testbench, counted from 0, that is compute clock 0.

    Raises
    ------
    ConfigError
        The window leaves the run, or its trace would take more than 256 MiB.
    """
    trace = record(run.datapath, run.schedule, window.of(run.schedule))
    path.write_text(wave_text(trace, run.schedule, case.machine, top, start), encoding="ascii")


def wave_text(
    trace: RegisterTrace, schedule: Schedule, machine: Machine, top: str = TOP, start: int = 0
) -> str:
    """A trace as VCD; a register's content stands from the edge of its clock on."""
    dut = f"{top}.dut"
    found = [*control_signals(trace, schedule, dut), *register_signals(trace, machine, dut)]
    edges = [(start + int(clock)) * PERIOD + EDGE for clock in trace.clock]
    return vcd_text(found, edges, edges[-1] + PERIOD, clk=f"{dut}.clk")


def vcd_text(signals: Sequence[Signal], times: Sequence[int], end: int, *, clk: str = "") -> str:
    """Signals that take their contents at these times, as VCD.

    ``clk``: a clock that rises at each of them and falls between; signals are unknown before the
    first.
    """
    text = io.StringIO()
    write_vcd(text, signals, times, end, clk=clk)
    return text.getvalue()


def write_vcd(
    text: TextIO, signals: Sequence[Signal], times: Sequence[int], end: int, *, clk: str = ""
) -> None:
    """`vcd_text` to a file; contents are read some times at once."""
    first = times[0] - (EDGE if clk else 0)
    with VCDWriter(text, timescale="1 ns", date=UNDATED, init_timestamp=first) as writer:
        scope, _, name = clk.rpartition(".")
        clock = writer.register_var(scope, name, "wire", 1, 0) if clk else None
        variables = [
            writer.register_var(
                one.scope, one.name, one.kind, one.bits, "x" if clk else int(one.content[0])
            )
            for one in signals
        ]
        for time, changed in zip(times, _changes(signals), strict=True):
            if clock is not None:
                writer.change(clock, time, 1)
            for number, content in changed:
                writer.change(variables[number], time, content)
            if clock is not None:
                writer.change(clock, time + EDGE, 0)
        writer.close(end)


def _changes(signals: Sequence[Signal]) -> Iterator[list[tuple[int, int]]]:
    """For each time the signals that take another content, and it; the first time: all."""
    times = len(signals[0].content)
    for start in range(0, times, TIMES_AT_ONCE):
        stop = min(start + TIMES_AT_ONCE, times)
        found: list[list[tuple[int, int]]] = [[] for _ in range(start, stop)]
        for number, one in enumerate(signals):
            content = np.asarray(one.content[max(start - 1, 0) : stop])
            skipped = int(start == 0)
            if skipped:
                found[0].append((number, int(content[0])))
            for i in np.flatnonzero(content[1:] != content[:-1]).tolist():
                found[i + skipped].append((number, int(content[i + 1])))
        yield from found


def control_signals(trace: RegisterTrace, schedule: Schedule, dut: str) -> Iterator[Signal]:
    """Where each clock stands: the control's registers after the edge, so those of the next one."""
    after = trace.clock + 1
    folds = list(schedule.fold_list())
    fold = np.minimum(after // schedule.fold_cycles, len(folds) - 1)
    ended = after >= schedule.cycles
    place = {
        "cycles": after,
        "clock": np.where(ended, 0, after % schedule.fold_cycles),
        "group": np.array([folds[i].group for i in fold]),
        "row_start": np.array([folds[i].row_start for i in fold]),
        "col_start": np.array([folds[i].col_start for i in fold]),
    }
    for name, bits in CONTROL.items():
        yield Signal(dut, name, bits, place[name])


def register_signals(trace: RegisterTrace, machine: Machine, dut: str) -> Iterator[Signal]:
    """Every register of the array."""
    values = parameters(machine)
    if trace.dataflow == "dot_product":
        yield from tree_signals(trace, values, f"{dut}.sums_move.half.tree")
        return
    input_stays = trace.dataflow == "input_stationary"
    left, top = ("W_BITS", "A_BITS") if input_stays else ("A_BITS", "W_BITS")
    bits = {"a": values[left], "w": values[top]}
    half = "sums_stay.half" if "acc" in trace.registers else "sums_move.half.column"
    for name, content in trace.registers.items():
        for row, col in np.ndindex(content.shape[1:]):
            scope = f"{dut}.{half}.array.row[{row}].col[{col}].cell_pe"
            width = bits.get(name, trace.bits[name])
            yield Signal(scope, SUMS.get(name, name), width, content[:, row, col])


def tree_signals(trace: RegisterTrace, values: dict[str, int], tree: str) -> Iterator[Signal]:
    """Weights, packed as `dot_product_unit.w`, products and nodes of every unit."""
    a_bits, w_bits, drop = values["A_BITS"], values["W_BITS"], values["DROP_BITS"]
    product_bits = min(max(a_bits + w_bits, drop + 2), 64)
    weights = trace.registers["w"]
    lanes, units = weights.shape[1:]
    mask = (1 << w_bits) - 1
    for unit in range(units):
        scope = f"{tree}.col[{unit}].unit"
        packed = [
            sum((int(word) & mask) << (w_bits * lane) for lane, word in enumerate(words))
            for words in weights[:, :, unit]
        ]
        yield Signal(scope, "w", lanes * w_bits, packed)
        for name, content in trace.registers.items():
            level = int(name.removeprefix("tree_")) if name.startswith("tree_") else -1
            for node in range(content.shape[1] if level >= 0 else 0):
                place = f"level[{level}].node[{node}]" if level else f"lane[{node}]"
                bits = trace.bits[name] if level else product_bits
                signal = "sum" if level else "product"
                yield Signal(f"{scope}.{place}", signal, bits, content[:, node, unit])
