"""A layer made ready once for registers of all widths: they are all that changes."""

from __future__ import annotations

from copy import copy

from hwsim.array.fast_layout import lane_layout
from hwsim.array.requantizer_counts import CountingRequantizer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.ready import ReadyLayer


def with_registers(ready: ReadyLayer, prepared: PreparedLayer) -> ReadyLayer | None:
    """The same layer with other registers, or None where these do not run in lanes. Both work in
    the same memory, one after the other.

    ``prepared`` : differs from ``ready.prepared`` in registers and requantizer alone.
    """
    layout = lane_layout(prepared.datapath, prepared.schedule, ready.at_once)
    if layout is None:
        return None
    other, run = copy(ready), ready.lane_run(limited=False).between(layout)
    other.prepared, other.runs, other.others = prepared, {**ready.runs, True: run}, []
    if prepared.requantizer is not ready.prepared.requantizer:
        other.requantizer = CountingRequantizer(prepared.requantizer, ready.columns, ready.room)
    return other
