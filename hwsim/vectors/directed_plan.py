"""The order of additions as stores: which taps and addends are in the sum of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hwsim.array.gemm import Datapath
from hwsim.array.stepwise import HI, LAST, LEFT, LO, REGISTER, RIGHT, K, Plan


class Slot(NamedTuple):
    """What is in one value of a plan: taps ``start..stop-1``, and which addends."""

    start: int
    stop: int
    preload: bool = False
    row_sum: bool = False
    last: bool = False

    def joined(self, other: Slot) -> Slot:
        """What is in the sum of two: taps of a plan are neighbours."""
        taps = [slot for slot in (self, other) if slot.stop > slot.start]
        return Slot(
            min((slot.start for slot in taps), default=0),
            max((slot.stop for slot in taps), default=0),
            self.preload or other.preload,
            self.row_sum or other.row_sum,
            self.last or other.last,
        )


class Store(NamedTuple):
    """One store of an output.

    Attributes
    ----------
    row : int
        Of the plan.
    k, level : int
        ``level``: 0 the accumulator, from 1 the chain.
    lo, hi : int
        What its register keeps unchanged.
    start, stop : int
        The taps whose products are in the sum.
    preload, row_sum, last : bool
        Whether these are in the sum too.
    final : bool
        The register's last store (chain: of a fold).
    """

    row: int
    k: int
    level: int
    lo: int
    hi: int
    start: int
    stop: int
    preload: bool
    row_sum: bool
    last: bool
    final: bool


def stores_of(datapath: Datapath, plan: Plan) -> Iterator[Store]:
    """Every store into a register with a limit, in the plan's order."""
    slots = slots_of(datapath)
    for index, row in enumerate(plan.rows.tolist()):
        slots.append(slots[row[LEFT]].joined(slots[row[RIGHT]]))
        number = row[REGISTER]
        if number == 0 and datapath.check_final:
            continue
        in_chain = 1 <= number <= len(datapath.chain)
        register = plan.registers[number]
        yield Store(
            row=index,
            k=row[K],
            level=number if in_chain else 0,
            lo=int(register[LO]),
            hi=int(register[HI]),
            **slots[-1]._asdict(),
            final=bool(row[LAST]) if in_chain else index == len(plan.rows) - 1,
        )


def slots_of(datapath: Datapath) -> list[Slot]:
    """The slots that precede a plan's rows: 0, the products, the addends."""
    slots = [Slot(0, 0), *(Slot(k, k + 1) for k in range(datapath.shape[3]))]
    if datapath.preload is not None:
        slots.append(Slot(0, 0, preload=True))
    if datapath.row_sum is not None:
        slots.append(Slot(0, 0, row_sum=True))
    if datapath.last is not None:
        slots.append(Slot(0, 0, last=True))
    return slots
