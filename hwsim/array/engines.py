"""Engines behind one interface: the same outputs, ledger and cycles, bit for bit.

::

    execute(datapath, schedule, first_sample=0, list_events=False) -> Execution

``first_sample`` is the number of the batch's first sample, for places. ``list_events`` also keeps
every event (``--trace overflow``). Engines trust a `Datapath`: it was checked where it was built.
A register with ``overflow: trap`` stores as ``saturate`` does; mapping/run.py raises.
"""

from __future__ import annotations

from typing import Protocol

from hwsim.array.dataflow import Schedule
from hwsim.array.fast import execute as execute_fast
from hwsim.array.gemm import Datapath
from hwsim.array.ledger import Execution


class Engine(Protocol):
    """What every engine is."""

    def __call__(
        self,
        datapath: Datapath,
        schedule: Schedule,
        *,
        first_sample: int = 0,
        list_events: bool = False,
    ) -> Execution:
        """Execute every sample and group of one layer."""
        ...


def execute_by_clock(
    datapath: Datapath, schedule: Schedule, *, first_sample: int = 0, list_events: bool = False
) -> Execution:
    """The cycle engine, loaded when it is first asked for."""
    from hwsim.array.cycle import execute

    return execute(datapath, schedule, first_sample=first_sample, list_events=list_events)


ENGINES: dict[str, Engine] = {"fast": execute_fast, "cycle": execute_by_clock}
