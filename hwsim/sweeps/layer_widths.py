"""A width for each layer, and for each group of channels: guaranteed and observed, side by side.

The guarantee is the weight bound (DATAPATH.md section 7), which splits weights by sign; beside it
stands the bound by their L1 norm, which accumulator-aware training uses (A2Q)::

    sign-split   hull of b + sum max(0, x * w), b + sum min(0, x * w) over the input's range
    L1           +- (|b| + max |x| * sum |w|)

A group is ``cols`` neighbouring channels: those that one tile of the array takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.arith.formats import signed_bits
from hwsim.array.datapath import operand_ranges
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Graph
from hwsim.network.layers import prepare_without_input
from hwsim.network.run import LayerResult

GROUP_OF_A_RUNTIME = 16  # channels, where there are no columns


@dataclass(frozen=True)
class LayerWidths:
    """Accumulator bits of one layer.

    Attributes
    ----------
    name : str
    type_bits, l1_bits, weight_bits : int
        Guaranteed: by formats, by the L1 norm of the weights, by their signs.
    observed_bits : int
        That no partial sum left, on the data.
    outputs : int
        Of one image.
    stores : int
        Of one image: one a fold and output.
    groups : list of dict
        ``first`` and ``last`` channel, ``weight_bits``, ``observed_bits``.
    """

    name: str
    type_bits: int
    l1_bits: int
    weight_bits: int
    observed_bits: int
    outputs: int
    stores: int
    groups: list[dict[str, int]]

    @property
    def headroom(self) -> int:
        """Guaranteed bits that no data needed."""
        return self.weight_bits - self.observed_bits


def layer_widths(graph: Graph, machine: Machine, result: LayerResult) -> LayerWidths:
    """Of a layer that ran with registers as wide as any."""
    prepared = prepare_without_input(graph, result.node, machine)
    hull, ledger = result.bounds.accumulator_weight, result.ledger.accumulator
    symmetric = ledger.symmetric
    size = machine.array.cols or GROUP_OF_A_RUNTIME
    schedule = result.schedule
    folds = -(-schedule.k // schedule.k_tile) if schedule.k else 0
    outputs = schedule.groups * schedule.m * schedule.n
    return LayerWidths(
        name=result.node.name,
        type_bits=result.bounds.accumulator_type.bits(symmetric=symmetric),
        l1_bits=_l1_bits(prepared, symmetric=symmetric),
        weight_bits=hull.bits(symmetric=symmetric),
        observed_bits=ledger.observed_partial_bits,
        outputs=outputs,
        stores=outputs * max(folds, 1),
        groups=_groups(
            size, (hull.lo, hull.hi), (ledger.partial_lo, ledger.partial_hi), symmetric=symmetric
        ),
    )


def _l1_bits(prepared: PreparedLayer, *, symmetric: bool) -> int:
    """Width by the L1 norm of the weights."""
    datapath = prepared.datapath
    reach = max(map(abs, operand_ranges(prepared.gemm, prepared.machine)[0]))
    norm = np.abs(datapath.w.astype(np.int64)).sum(axis=1)
    bias = datapath.preload if datapath.preload is not None else datapath.last
    farthest = norm * reach + (0 if bias is None else np.abs(bias))
    most = int(farthest.max(initial=0))
    return signed_bits(-most, most, symmetric=symmetric)


def _groups(
    size: int, guaranteed: tuple[Ints, Ints], observed: tuple[Ints, Ints], *, symmetric: bool
) -> list[dict[str, int]]:
    """Widths of ``size`` neighbouring channels each."""
    ends = [np.asarray(end).ravel() for end in (*guaranteed, *observed)]
    found: list[dict[str, int]] = []
    for first in range(0, ends[0].size, size):
        lo, hi, seen_lo, seen_hi = (end[first : first + size] for end in ends)
        found.append(
            {
                "first": first,
                "last": first + len(lo) - 1,
                "weight_bits": signed_bits(int(lo.min()), int(hi.max()), symmetric=symmetric),
                "observed_bits": signed_bits(
                    int(seen_lo.min()), int(seen_hi.max()), symmetric=symmetric
                ),
            }
        )
    return found


def stored_bits(widths: list[LayerWidths], bits: list[int]) -> int:
    """Accumulator bits written for one image, by layer widths."""
    return sum(layer.stores * b for layer, b in zip(widths, bits, strict=True))


def as_json(layer: LayerWidths, recommended: int | None) -> dict[str, Any]:
    """One layer of sweep.json's recommendation."""
    return {
        "name": layer.name,
        "type_bits": layer.type_bits,
        "l1_bits": layer.l1_bits,
        "weight_bits": layer.weight_bits,
        "observed_bits": layer.observed_bits,
        "headroom": layer.headroom,
        "recommended_bits": recommended,
        "groups": layer.groups,
    }
