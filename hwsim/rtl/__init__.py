"""The reference RTL: SystemVerilog of the array that the cycle engine clocks.

Reading order of the hardware: `hwsim_pkg.sv` (rounding and overflow), `pe.sv`,
`systolic_array.sv`, `dot_product_unit.sv`, `accumulator_memory.sv`, the two halves `sums_stay.sv`
and `sums_move.sv`, `final_stores.sv`, `requantize.sv`, then `mac_array_top.sv` with its control
(`layer_control.sv`, `fold_control.sv`) and its streams.
Reading order of the Python beside it: `machine` (a machine as parameters), `streams` (a layer as
words of the streams), `expected` (every register, every clock, as the RTL must hold them).
"""

from __future__ import annotations

from pathlib import Path

RTL = Path(__file__).parent
"""The folder of the source files."""

TOP = "mac_array_top"

SOURCES = (
    "hwsim_pkg.sv",
    "delay.sv",
    "pe.sv",
    "systolic_array.sv",
    "dot_product_unit.sv",
    "operand_memory.sv",
    "operand_feed.sv",
    "row_sums.sv",
    "deskew.sv",
    "fold_control.sv",
    "layer_control.sv",
    "channel_records.sv",
    "accumulator_memory.sv",
    "sums_stay.sv",
    "sums_move.sv",
    "final_stores.sv",
    "requantize.sv",
    "output_lane.sv",
    "mac_array_top.sv",
)


def sources() -> list[Path]:
    """The source files, in the order in which a compiler takes them.

    >>> [path.name for path in sources()][:2]
    ['hwsim_pkg.sv', 'delay.sv']
    """
    return [RTL / name for name in SOURCES]
