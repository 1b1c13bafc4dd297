"""One layer on one machine: lower, execute, requantize, and say what every register lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.array.bounds import Bounds
from hwsim.array.dataflow import Schedule
from hwsim.array.engines import ENGINES
from hwsim.array.gemm import Datapath, Gemm, Ints
from hwsim.array.ledger import EventList, Execution, Place, RegisterLedger
from hwsim.array.requantizer_stages import Requantized
from hwsim.array.specification import Machine
from hwsim.errors import TrapError
from hwsim.mapping.prepare import OutputSide, PreparedLayer, prepare


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
    layer: PreparedLayer
    events: EventList | None

    @property
    def schedule(self) -> Schedule:
        """The layer's clocks."""
        return self.layer.schedule

    @property
    def datapath(self) -> Datapath:
        """The layer's operands and registers."""
        return self.layer.datapath

    @property
    def bounds(self) -> Bounds:
        """The layer's guaranteed widths."""
        return self.layer.bounds


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
    layer = prepare(gemm, side, machine, where)
    run = ENGINES[engine](
        layer.datapath, layer.schedule, first_sample=first_sample, list_events=list_events
    )
    return finish(layer, run, where, first_sample=first_sample, trap=trap)


def finish(
    layer: PreparedLayer, run: Execution, where: str, *, first_sample: int = 0, trap: bool = True
) -> LayerRun:
    """What an engine gave, requantized beside the exact sums, and every stage's ledger."""
    unlimited = run.exact
    if layer.bias.lost is not None and layer.bias.lost.any():
        unlimited = run.exact + layer.bias.lost[None, :, None, :]
    hardware = layer.requantizer.apply(run.accumulator)
    same = bool(np.array_equal(run.accumulator, unlimited))
    exact = hardware if same else layer.requantizer.apply(unlimited)
    ledger = _ledger(layer, run, hardware, exact, first_sample)
    if trap:
        trap_at_first(layer, ledger, first_sample, where)
    return LayerRun(
        hardware.codes,
        exact.codes,
        run.accumulator,
        ledger,
        layer,
        run.events,
    )


def _ledger(
    layer: PreparedLayer,
    run: Execution,
    hardware: Requantized,
    exact: Requantized,
    first_sample: int,
) -> LayerLedger:
    """All stages of one layer and batch."""
    samples, groups, _, k, n = layer.datapath.shape
    lost = np.zeros((groups, n), bool) if layer.bias.lost is None else layer.bias.lost != 0
    change = np.zeros(0, np.int64)
    if hardware is not exact:
        change = np.abs(hardware.codes - exact.codes)
    firsts = [_first_bias(layer, first_sample), run.accumulator_ledger.first]
    if run.chain is not None:
        firsts.append(run.chain.first)
    if hardware.events.any():
        s, g, row, col = (int(i) for i in np.argwhere(hardware.events)[0])
        firsts.append(layer.schedule.place("requant", first_sample + s, g, row, col, k))
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


def _first_bias(layer: PreparedLayer, first_sample: int) -> Place | None:
    """The first bias that does not fit its own format, where its first output adds it."""
    samples, _, _, k, _ = layer.datapath.shape
    if layer.bias.lost is None or not samples or not layer.bias.lost.any():
        return None
    group, channel = (int(i) for i in np.argwhere(layer.bias.lost)[0])
    when = -1 if layer.datapath.preload is not None else k
    return layer.schedule.place("bias", first_sample, group, 0, channel, when)


def trap_at_first(layer: PreparedLayer, ledger: LayerLedger, first_sample: int, where: str) -> None:
    """Stop with the first place where a register with ``overflow: trap`` overflowed."""
    machine, chain = layer.machine, ledger.chain
    firsts: list[Place | None] = []
    if machine.bias.overflow == "trap":
        firsts.append(_first_bias(layer, first_sample))
    if chain is not None and machine.chain is not None and machine.chain.overflow == "trap":
        firsts.append(chain.first)
    if machine.accumulator.overflow == "trap":
        firsts.append(ledger.accumulator.first)
    places = [place for place in firsts if place is not None]
    if places:
        place = min(places)
        raise TrapError.at(
            where, f"{place.stage}.overflow", "trap", f"must not overflow; first at {place}"
        )
