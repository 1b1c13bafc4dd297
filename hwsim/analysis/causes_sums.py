"""One layer on its machine, taken apart: what each stage adds to the exact sum and the scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import store_bias
from hwsim.array.engines import ENGINES
from hwsim.array.gemm import Datapath, Gemm, Ints, Register
from hwsim.array.ledger import Execution
from hwsim.array.requantizer_stages import narrowed
from hwsim.array.specification import Machine, NarrowSpec
from hwsim.array.stepwise import UNLIMITED
from hwsim.mapping.prepare import OutputSide, PreparedLayer, prepare
from hwsim.network.float_twin import real_parameters
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.layers import layer_gemms, layer_output, output_side

Reals = NDArray[np.float64]
TERMS = ("zero_point", "product_rounding", "overflow_persistent", "overflow_transient")


@dataclass(frozen=True, eq=False)
class LayerSums:
    """Stages of one layer and batch; arrays of shape (S, *shape) unless said otherwise.

    Attributes
    ----------
    weight, weight_codes : float64 ndarray, or None for batch_matmul
        Trained weights in units of their scale, and codes less their zero point; the same array
        where the model has no trained ones.
    bias, bias_stored : float64 ndarray of shape (channels,) or ()
        The trained bias in accumulator units, and the integer in its register. Where the scheme
        adds a real bias, which ``after`` holds: what the trained one has more than that, and 0.
    terms : dict of str to float64 ndarray
        What each of `TERMS` adds to the sum, in accumulator units.
    accumulator : int64 ndarray
        The register in the end.
    unit, effective : float64 ndarray of shape (channels,) or ()
        ``sx * sw / sy``, and what the scheme multiplies by.
    after : float64 ndarray of shape (channels,) or ()
        The real bias in output LSB, where the scheme adds one.
    codes : int64 ndarray
    clipped, events : bool ndarray
        Saturated by the format; an intermediate of the requantizer overflowed.
    clamp : tuple
        The activation's bounds in codes.
    """

    weight: Reals | None
    weight_codes: Reals | None
    bias: Reals
    bias_stored: Reals
    terms: dict[str, Reals]
    accumulator: Ints
    unit: Reals
    effective: Reals
    after: Reals
    codes: Ints
    clipped: NDArray[np.bool_]
    events: NDArray[np.bool_]
    clamp: tuple[int | None, int | None]


def layer_sums(graph: Graph, node: Node, machine: Machine, received: Sequence[Reals]) -> LayerSums:
    """Run one layer and take it apart.

    Parameters
    ----------
    graph, node
    machine : Machine
        Resolved for this layer.
    received : sequence of float64 ndarray of shape (S, *shape)
        Input codes less their zero points; of values that are no codes, the nearest ones.
    """
    side = output_side(graph, node)
    tensors = [graph.tensors[name] for name in node.inputs]
    codes = [_codes(t, x) for x, t in zip(received, tensors, strict=True)]
    parts = []
    for _, gemm in layer_gemms(graph, node, codes, machine):
        layer = prepare(gemm, side, machine, node.name)
        parts.append(_columns(gemm, layer))
    columns = {name: layer_output(graph, node, [part[name] for part in parts]) for name in parts[0]}
    weight, weight_codes = _weights(node, side)
    bias, stored, after = _biases(node, layer, side)
    requantizer = layer.requantizer
    one = node.op == "batch_matmul"  # groups are leading axes there, and have one scale
    return LayerSums(
        weight=weight,
        weight_codes=weight_codes,
        bias=bias,
        bias_stored=stored,
        terms={name: columns[name].astype(np.float64) for name in TERMS},
        accumulator=columns["accumulator"],
        unit=requantizer.real_scale[0] if one else requantizer.real_scale,
        effective=requantizer.effective_scale[0] if one else requantizer.effective_scale,
        after=after,
        codes=columns["codes"],
        clipped=columns["clipped"].astype(bool),
        events=columns["events"].astype(bool),
        clamp=requantizer.clamp,
    )


def _codes(tensor: Tensor, steps: Reals) -> Ints:
    """Codes of a tensor, rounded and held in its format."""
    form = tensor.format
    assert form is not None
    held: Reals = np.clip(np.rint(steps) + tensor.zero_point, form.lo, form.hi)
    return held.astype(np.int64)


def _weights(node: Node, side: OutputSide) -> tuple[Reals | None, Reals | None]:
    """Trained weights and weight codes, both in units of the weight's scale."""
    layer = node.layer
    assert layer is not None
    if layer.weight is None:
        return None, None
    axes = (-1,) + (1,) * (layer.weight.ndim - 1)
    steps = layer.weight.astype(np.int64) - layer.weight_zero_point.reshape(axes)
    codes = steps.astype(np.float64)
    if layer.float_weight is None:
        return codes, codes
    return layer.float_weight / side.weight_scale.reshape(axes), codes


def _biases(node: Node, layer: PreparedLayer, side: OutputSide) -> tuple[Reals, Reals, Reals]:
    """`LayerSums.bias`, ``bias_stored`` and ``after``: three of shape (channels,), or ()."""
    none, step = np.zeros(()), side.input_scale * side.weight_scale
    given = node.layer
    assert given is not None
    if given.weight is None:
        return none, none, none
    trained = real_parameters(given, side.input_scale)[1]
    if layer.gemm.bias is not None:
        stored = store_bias(layer.gemm.bias, layer.machine).stored
        assert stored is not None
        if given.float_bias is None and given.real_bias is None and given.bias is not None:
            return given.bias.astype(np.float64), stored.ravel().astype(np.float64), none
        return trained / step, stored.ravel().astype(np.float64), none
    real = given.real_bias
    if real is None:
        real = np.zeros(len(step)) if given.bias is None else given.bias * step
    more = np.where(trained == real, 0.0, (trained - real) / step)
    return more, np.zeros(len(step)), real / side.output_scale


def _columns(gemm: Gemm, layer: PreparedLayer) -> dict[str, NDArray[np.int64]]:
    """Every stage of one product, (S, G, M, N)."""
    run = ENGINES["fast"](layer.datapath, layer.schedule)
    done = layer.requantizer.apply(run.accumulator)
    shape = run.exact.shape
    folded = _lost(layer) - _plain_lost(layer)
    whole = np.broadcast_to(-folded[None, :, None, :], shape)
    lasting = _final_values(run, layer)
    return {
        "zero_point": whole,
        "product_rounding": _product_loss(gemm, layer, run),
        "overflow_persistent": lasting - run.exact,
        "overflow_transient": run.accumulator - lasting,
        "accumulator": run.accumulator,
        "codes": done.codes,
        "clipped": done.clipped.astype(np.int64),
        "events": done.events.astype(np.int64),
    }


def _lost(layer: PreparedLayer) -> Ints:
    """What the bias register took from the operand it was given (the folded one), (G, N)."""
    lost = layer.bias.lost
    return np.zeros(layer.datapath.w_zero_point.shape, np.int64) if lost is None else lost


def _plain_lost(layer: PreparedLayer) -> Ints:
    """What it would take from the bias alone, (G, N)."""
    lost = store_bias(layer.gemm.bias, layer.machine).lost
    return np.zeros(layer.datapath.w_zero_point.shape, np.int64) if lost is None else lost


def _product_loss(gemm: Gemm, layer: PreparedLayer, run: Execution) -> Ints:
    """Exact sums of rounded products less those of whole ones."""
    if layer.datapath.drop_bits == 0:
        return np.zeros_like(run.exact)
    whole = replace(layer.datapath, drop_bits=0)
    return run.exact - ENGINES["fast"](whole, layer.schedule).exact


def _final_values(run: Execution, layer: PreparedLayer) -> Ints:
    """Registers that are exact until their last store, then fit once: no order does better."""
    datapath, machine = layer.datapath, layer.machine
    sums = run.exact
    chain, spec = datapath.chain, machine.chain
    if run.chain is not None and spec is not None and run.chain.persistent.any():
        register = chain[-1]
        for start in range(0, layer.schedule.k, layer.schedule.k_tile):
            fold = _fold_sums(datapath, layer, start)
            sums = sums + (_fit(fold, register, spec.overflow) - fold)
    return _fit(sums, datapath.accumulator, machine.accumulator.overflow)


def _fold_sums(datapath: Datapath, layer: PreparedLayer, start: int) -> Ints:
    """Exact sums of one fold's products, (S, G, M, N)."""
    taps = slice(start, start + layer.schedule.k_tile)
    part = replace(
        datapath,
        a=np.ascontiguousarray(datapath.a[..., taps]),
        w=np.ascontiguousarray(datapath.w[:, taps]),
        preload=None,
        row_sum=None,
        last=None,
        chain=(),
        accumulator=UNLIMITED,
    )
    return ENGINES["fast"](part, Schedule.of(layer.machine, part.shape)).exact


def _fit(values: Ints, register: Register, overflow: str) -> Ints:
    """Every value in a register, once."""
    spec = NarrowSpec.model_validate(
        {
            "shift": 0,
            "rounding": "floor",
            "bits": register.bits,
            "overflow": overflow,
            "wrap_bits": register.wrap_bits,
        }
    )
    return narrowed(values, spec)[0]
