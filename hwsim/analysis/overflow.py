"""The ledger in words that scripts read: the ``overflow`` entry of summary.json."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.ledger import Place
from hwsim.mapping.run import LayerLedger


def overflow_entry(ledger: LayerLedger) -> dict[str, Any]:
    """Events, outputs affected, by stage, first place (DATAPATH.md section 6).

    ``events`` counts chain, accumulator, bias and requant; ``by_stage.output`` (saturated by the
    output format) stands outside. ``outputs_affected = persistent + transient``.
    """
    registers = [r for r in (ledger.chain, ledger.accumulator) if r is not None]
    bias, requant = int(ledger.bias_events.sum()), int(ledger.requant_events.sum())
    persistent = sum(int(r.persistent.sum()) for r in registers) + bias
    persistent += int(ledger.requant_persistent.sum())
    transient = sum(int(r.transient.sum()) for r in registers)
    transient += requant - int(ledger.requant_persistent.sum())
    return {
        "events": sum(r.events for r in registers) + bias + requant,
        "outputs_affected": persistent + transient,
        "persistent": persistent,
        "transient": transient,
        "by_stage": {
            "chain": 0 if ledger.chain is None else ledger.chain.events,
            "accumulator": ledger.accumulator.events,
            "bias": bias,
            "requant": requant,
            "output": int(ledger.clipped.sum()),
        },
        "excess_bits": max(r.excess_bits for r in registers),
        "first": None if ledger.first is None else place_entry(ledger.first),
        "codes_changed": ledger.codes_changed,
        "max_code_change": ledger.max_code_change,
    }


def place_entry(place: Place) -> dict[str, Any]:
    """A place as JSON."""
    names = ("sample", "group", "m", "n", "k", "row", "col", "cycle", "stage")
    return {name: getattr(place, name) for name in names}


def ledger_arrays(ledger: LayerLedger) -> dict[str, Ints]:
    """The counters that plots and details.npz hold, channels flattened to ``g * N + n``."""
    none = np.zeros_like(ledger.accumulator.events_by_channel)
    steps = np.zeros_like(ledger.accumulator.events_by_step)
    chain = ledger.chain
    return {
        "events_by_channel": np.stack(
            [
                (none if chain is None else chain.events_by_channel).ravel(),
                ledger.accumulator.events_by_channel.ravel(),
                ledger.bias_events.ravel(),
            ]
        ),
        "events_by_step": np.stack(
            [steps if chain is None else chain.events_by_step, ledger.accumulator.events_by_step]
        ),
        "partial_lo": ledger.accumulator.partial_lo.ravel(),
        "partial_hi": ledger.accumulator.partial_hi.ravel(),
        "final_lo": ledger.accumulator.final_lo.ravel(),
        "final_hi": ledger.accumulator.final_hi.ravel(),
    }
