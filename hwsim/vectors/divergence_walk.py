"""One output, k step by k step: where a register first lost something, where two machines part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hwsim.array.fast import execute
from hwsim.array.gemm import Datapath
from hwsim.array.ledger import STAGES
from hwsim.vectors.divergence_stage import Product, tile


@dataclass(frozen=True)
class Event:
    """The first store of one output that changed its value; ``cycle`` -1: not of one clock."""

    stage: str
    k: int
    cycle: int
    presented: int
    stored: int


@dataclass(frozen=True)
class Parting:
    """The first register that two machines hold differently, after step ``k``."""

    stage: str
    k: int
    ours: int
    other: int


def one_output(one: Product, group: int, m: int, n: int) -> Product:
    """The product of one pixel and one channel, on the same registers."""
    data = one.datapath
    at = slice(group, group + 1), slice(n, n + 1)
    rows = slice(m, m + 1)
    return Product(
        one.name,
        replace(
            data,
            a=data.a[:, at[0], rows],
            w=data.w[at[0], :, at[1]],
            preload=None if data.preload is None else data.preload[at],
            last=None if data.last is None else data.last[at],
            w_zero_point=data.w_zero_point[at],
            row_sum=None if data.row_sum is None else data.row_sum[:, at[0], rows],
        ),
        replace(one.schedule, groups=1, m=1, n=1),
    )


def first_event(one: Product, group: int, m: int, n: int) -> Event | None:
    """The first event of an output, or None."""
    part = one_output(one, group, m, n)
    events = execute(part.datapath, part.schedule, list_events=True).events
    assert events is not None
    if not len(events.columns["k"]):
        return None
    first = {name: int(column[0]) for name, column in events.columns.items()}
    stage, k = STAGES[first["stage"]], first["k"]
    of_tree = stage == "chain" and one.schedule.dataflow.reduction == "tree"
    cycle = -1 if of_tree else one.schedule.place(stage, 0, group, m, n, k).cycle
    return Event(stage, k, cycle, first["presented"], first["stored"])


def parting(
    one: Product, change: Callable[[Datapath], Datapath], group: int, m: int, n: int
) -> Parting | None:
    """Where an output's registers first differ on another machine; None: after all products."""
    ours = one_output(one, group, m, n)
    data = change(one.datapath)
    other = one_output(replace(one, datapath=data), group, m, n)
    for mine, theirs in zip(_walk(ours), _walk(other), strict=True):
        if mine != theirs:
            stage, k, value = mine
            return Parting(stage, k, value, theirs[2])
    return None


def _walk(one: Product) -> Iterator[tuple[str, int, int]]:
    """(stage, k, content) of the chain after each step (a tree: each k tile), then of the
    accumulator after each k tile, or each step where there is no chain."""
    schedule = one.schedule
    chained = schedule.dataflow.reduction != "pe"
    for start in range(0, schedule.k, schedule.k_tile):
        stop = min(start + schedule.k_tile, schedule.k)
        each = range(start + 1, stop + 1)
        if schedule.dataflow.reduction == "tree":
            each = range(stop, stop + 1)
        stage = "chain" if chained else "partial"
        for end in each:
            yield "chain" if chained else "accumulator", end - 1, _after(stage, one, start, end)
        if chained:
            yield "accumulator", stop - 1, _after("partial", one, start, stop)


def _after(stage: str, one: Product, start: int, stop: int) -> int:
    """One register of an output after step ``stop - 1``."""
    data = one.datapath
    data = replace(data, a=data.a[..., :stop], w=data.w[:, :stop])
    return int(tile(stage, data, replace(one.schedule, k=stop), start)[0, 0, 0])
