"""The width ladder: how wide must each register be? (DATAPATH.md section 7)

``type_bits >= weight_bits >= observed_partial_bits >= observed_final_bits``, always.
"""

from __future__ import annotations

from typing import Any

from hwsim.arith.overflow import Overflow
from hwsim.array.bounds import Bounds
from hwsim.array.gemm import Register
from hwsim.array.ledger import RegisterLedger, is_symmetric
from hwsim.network.run import LayerResult


def register_ladder(
    register: Register, type_bits: int, weight_bits: int, observed: RegisterLedger | None
) -> dict[str, Any]:
    """One register's rungs; observed ones are None where no data was run."""
    return {
        "overflow": Overflow(register.overflow).name.lower(),
        "type_bits": type_bits,
        "weight_bits": weight_bits,
        "observed_partial_bits": None if observed is None else observed.observed_partial_bits,
        "observed_final_bits": None if observed is None else observed.observed_final_bits,
    }


def width_ladder(
    bounds: Bounds,
    accumulator: Register,
    chain: tuple[Register, ...],
    observed: tuple[RegisterLedger, RegisterLedger | None] | None,
) -> dict[str, Any]:
    """The ``width`` entry of summary.json: the accumulator's ladder, and ``chain``'s or None.

    ``observed``: ledgers of accumulator and chain, or None where no data was run.
    """
    symmetric = is_symmetric(accumulator)
    ladder: dict[str, Any] = {
        "accumulator_bits": accumulator.bits,
        **register_ladder(
            accumulator,
            bounds.accumulator_type.bits(symmetric=symmetric),
            bounds.accumulator_weight.bits(symmetric=symmetric),
            None if observed is None else observed[0],
        ),
        "chain": None,
    }
    if chain and bounds.chain_type is not None and bounds.chain_weight is not None:
        widest = chain[-1]
        symmetric = is_symmetric(widest)
        levels = [register.bits for register in chain]
        ladder["chain"] = {
            "bits": levels[0] if len(set(levels)) == 1 else levels,
            **register_ladder(
                widest,
                bounds.chain_type.bits(symmetric=symmetric),
                bounds.chain_weight.bits(symmetric=symmetric),
                None if observed is None else observed[1],
            ),
        }
    return ladder


def layer_ladder(result: LayerResult) -> dict[str, Any]:
    """The ladder of a layer that ran."""
    return width_ladder(
        result.bounds,
        result.accumulator,
        result.chain,
        (result.ledger.accumulator, result.ledger.chain),
    )
