"""One layer on one machine: lower, execute, requantize, and say what every register lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array import datapath as datapaths
from hwsim.array.bounds import Bounds, layer_bounds, requantizer_range
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import Bias
from hwsim.array.engines import ENGINES
from hwsim.array.gemm import Datapath, Gemm, Ints
from hwsim.array.ledger import EventList, Execution, Place, RegisterLedger
from hwsim.array.requantizer import Requantized, Requantizer, build
from hwsim.array.specification import Machine
from hwsim.errors import TrapError
from hwsim.mapping.layer import MacLayer


@dataclass(frozen=True, eq=False)
class LayerLedger:
    """Everything one layer lost, on all samples run so far.

    Attributes
    ----------
    chain : RegisterLedger or None
    accumulator : RegisterLedger
    bias_events : int64 ndarray of shape (G, N)
        A bias that does not fit its own format: one event a channel and sample, always persistent.
    requant_events, requant_persistent : int64 ndarray of shape (G, N)
        Outputs with an intermediate of the requantizer that wrapped or saturated; persistent where
        the exact accumulator makes it do so too.
    clipped : int64 ndarray of shape (G, N)
        Outputs that the output format saturated; not events.
    codes_changed, max_code_change : int
        Against the exact run of the same layer on the same inputs.
    first : Place or None
    """

    chain: RegisterLedger | None
    accumulator: RegisterLedger
    bias_events: Ints
    requant_events: Ints
    requant_persistent: Ints
    clipped: Ints
    codes_changed: int
    max_code_change: int
    first: Place | None

    def merge(self, other: LayerLedger) -> LayerLedger:
        """The ledger of both sets of samples together."""
        chain = self.chain
        if chain is not None and other.chain is not None:
            chain = chain.merge(other.chain)
        firsts = [place for place in (self.first, other.first) if place is not None]
        return LayerLedger(
            chain,
            self.accumulator.merge(other.accumulator),
            self.bias_events + other.bias_events,
            self.requant_events + other.requant_events,
            self.requant_persistent + other.requant_persistent,
            self.clipped + other.clipped,
            self.codes_changed + other.codes_changed,
            max(self.max_code_change, other.max_code_change),
            min(firsts, default=None),
        )


@dataclass(frozen=True, eq=False)
class LayerRun:
    """Outputs of one layer on a batch, columns of shape (S, G, M, N).

    ``codes``: what the machine gives; ``exact_codes``: the same inputs with unlimited registers.
    """

    codes: Ints
    exact_codes: Ints
    accumulator: Ints
    ledger: LayerLedger
    schedule: Schedule
    datapath: Datapath
    bounds: Bounds
    events: EventList | None


@dataclass(frozen=True, eq=False)
class OutputSide:
    """What a layer's output needs: scales, zero point, format, activation clamp."""

    op: str
    input_scale: float
    weight_scale: NDArray[np.float64]  # (G * N,)
    output_scale: float
    zero_point: int
    output: IntFormat
    clamp: tuple[int | None, int | None]
    activation_bits: int


def requantizer_of(
    side: OutputSide, machine: Machine, reach: tuple[int, int], where: str
) -> Requantizer:
    """The machine's policy for this operator, with the layer's numbers."""
    return build(
        machine.policy(side.op, side.activation_bits),
        input_scale=side.input_scale,
        weight_scale=side.weight_scale,
        output_scale=side.output_scale,
        zero_point=side.zero_point,
        output=side.output,
        clamp=side.clamp,
        accumulator=reach,
        columns=machine.array.cols,
        where=where,
    )


def run_layer(
    gemm: Gemm,
    side: OutputSide,
    machine: Machine,
    where: str,
    *,
    engine: str = "fast",
    first_sample: int = 0,
    list_events: bool = False,
    trap: bool = True,
) -> LayerRun:
    """Execute one layer.

    Parameters
    ----------
    gemm : Gemm
    side : OutputSide
    machine : Machine
        Resolved for this layer (its overrides applied).
    where : str
        The layer's name, for messages.
    engine : {"fast", "cycle"}
    first_sample : int
        Number of the batch's first sample, for places.
    list_events : bool
        Keep every chain and accumulator event.
    trap : bool
        Whether ``overflow: trap`` stops here; counterfactual runs look away.

    Raises
    ------
    ConfigError
        The layer does not go with the machine.
    TrapError
        A register with ``overflow: trap`` overflowed.
    """
    _, groups, m, k, n = gemm.shape
    datapath, bias = datapaths.build(gemm, machine, where)
    schedule = Schedule(machine.array, groups, m, k, n)
    run = ENGINES[engine](datapath, schedule, first_sample=first_sample, list_events=list_events)
    bounds = layer_bounds(gemm, machine, datapath, schedule)
    reach = requantizer_range(bounds, datapath)
    unlimited = run.exact
    if bias.lost is not None and bias.lost.any():
        unlimited = run.exact + bias.lost[None, :, None, :]
        reach = (reach[0] + int(bias.lost.min()), reach[1] + int(bias.lost.max()))
    requantizer = requantizer_of(side, machine, reach, where)
    hardware = requantizer.apply(run.accumulator)
    same = bool(np.array_equal(run.accumulator, unlimited))
    exact = hardware if same else requantizer.apply(unlimited)
    ledger = _ledger(run, bias, hardware, exact, schedule, datapath, first_sample)
    if trap:
        _trap(ledger, machine, where)
    return LayerRun(
        hardware.codes,
        exact.codes,
        run.accumulator,
        ledger,
        schedule,
        datapath,
        bounds,
        run.events,
    )


def _ledger(
    run: Execution,
    bias: Bias,
    hardware: Requantized,
    exact: Requantized,
    schedule: Schedule,
    datapath: Datapath,
    first_sample: int,
) -> LayerLedger:
    """All stages of one layer and batch."""
    samples, groups, _, k, n = datapath.shape
    lost = np.zeros((groups, n), bool) if bias.lost is None else bias.lost != 0
    change = np.abs(hardware.codes - exact.codes)
    firsts = [
        register.first for register in (run.chain, run.accumulator_ledger) if register is not None
    ]
    if lost.any() and samples:
        group, channel = (int(i) for i in np.argwhere(lost)[0])
        when = -1 if datapath.preload is not None else k
        firsts.append(schedule.place("bias", first_sample, group, 0, channel, when))
    if hardware.events.any():
        s, g, row, col = (int(i) for i in np.argwhere(hardware.events)[0])
        firsts.append(schedule.place("requant", first_sample + s, g, row, col, k))
    return LayerLedger(
        chain=run.chain,
        accumulator=run.accumulator_ledger,
        bias_events=lost.astype(np.int64) * samples,
        requant_events=hardware.events.sum(axis=(0, 2), dtype=np.int64),
        requant_persistent=(hardware.events & exact.events).sum(axis=(0, 2), dtype=np.int64),
        clipped=hardware.clipped.sum(axis=(0, 2), dtype=np.int64),
        codes_changed=int(np.count_nonzero(change)),
        max_code_change=int(change.max(initial=0)),
        first=min((place for place in firsts if place is not None), default=None),
    )


def _trap(ledger: LayerLedger, machine: Machine, where: str) -> None:
    """Stop with the first place where a register with ``overflow: trap`` overflowed."""
    trapping = {
        "bias": machine.bias.overflow == "trap" and bool(ledger.bias_events.any()),
        "chain": machine.chain is not None and machine.chain.overflow == "trap",
        "accumulator": machine.accumulator.overflow == "trap",
    }
    firsts = [ledger.first if trapping["bias"] else None, ledger.accumulator.first]
    if not trapping["accumulator"]:
        firsts[1] = None
    if trapping["chain"] and ledger.chain is not None:
        firsts.append(ledger.chain.first)
    places = [place for place in firsts if place is not None]
    if places:
        place = min(places)
        raise TrapError.at(
            where, f"{place.stage}.overflow", "trap", f"must not overflow; first at {place}"
        )



