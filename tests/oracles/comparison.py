"""Engine results as plain lists, so that two engines and the oracle are compared with ``==``."""

from dataclasses import fields

COUNTERS = (
    "events_by_channel", "events_by_step", "persistent", "transient",
    "partial_lo", "partial_hi", "final_lo", "final_hi",
)  # fmt: skip


def plain_place(place):
    """A place as (sample, group, m, n, k, stage, row, col, cycle)."""
    if place is None:
        return None
    return (
        place.sample, place.group, place.m, place.n, place.k,
        place.stage_order, place.row, place.col, place.cycle,
    )  # fmt: skip


def plain_ledger(ledger):
    """A register's counters in lists; every field is taken, none is forgotten."""
    if ledger is None:
        return None
    plain = {name: getattr(ledger, name).tolist() for name in COUNTERS}
    plain["bits"], plain["symmetric"] = ledger.bits, ledger.symmetric
    plain["excess_bits"], plain["first"] = ledger.excess_bits, plain_place(ledger.first)
    assert set(plain) == {f.name for f in fields(ledger)}
    return plain


def plain_events(events):
    """Rows of the event list, in its own order; None where it was not asked for."""
    if events is None:
        return None
    columns = [events.columns[name].tolist() for name in events.NAMES]
    return list(zip(*columns, strict=True))


def plain(execution, cycles: int) -> dict:
    """What an engine gave back, laid out as the oracle's ``Truth.plain()``."""
    return {
        "accumulator": execution.accumulator.tolist(),
        "exact": execution.exact.tolist(),
        "chain": plain_ledger(execution.chain),
        "accumulator_ledger": plain_ledger(execution.accumulator_ledger),
        "events": plain_events(execution.events),
        "cycles": cycles,
    }
