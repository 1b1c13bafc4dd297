"""One layer meets one machine: everything that is known before the first input.

Operands and registers (``array/datapath.py``), clocks, guaranteed widths and the requantizer's
integers, made once for each layer and used by every run, bound and inspection alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.activation import code_bounds
from hwsim.arith.formats import IntFormat
from hwsim.array import datapath as datapaths
from hwsim.array import requantizer as requantizers
from hwsim.array.bounds import Bounds, layer_bounds, requantizer_range
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import Bias
from hwsim.array.gemm import Datapath, Gemm
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import Machine, RequantizeSpec
from hwsim.mapping.bias import place_bias
from hwsim.mapping.layer import Clamp


@dataclass(frozen=True, eq=False)
class OutputSide:
    """What a layer's output needs: scales, zero point, format, activation clamp."""

    op: str
    input_scale: float
    weight_scale: NDArray[np.float64]  # (G * N,)
    output_scale: float
    zero_point: int
    output: IntFormat
    clamp: Clamp
    activation_bits: int
    real_bias: NDArray[np.float64] | None = None  # (G * N,), where the model has no integers for it
    activation: str = "none"  # by name: the machine makes its bounds


@dataclass(frozen=True, eq=False)
class PreparedLayer:
    """One layer on one machine; ``machine`` is resolved for this layer (overrides applied).

    ``gemm.bias`` is what the accumulator adds: None where the scheme adds a real bias.
    """

    gemm: Gemm
    machine: Machine
    datapath: Datapath
    bias: Bias
    schedule: Schedule
    bounds: Bounds
    requantizer: Requantizer


def prepare(
    gemm: Gemm, side: OutputSide, machine: Machine, where: str, bounds: Bounds | None = None
) -> PreparedLayer:
    """Build everything that does not depend on the inputs.

    ``bounds`` : what it found for the same layer on the same machine before.

    Raises
    ------
    ConfigError
        The layer does not go with the machine.
    """
    policy = SUMS if gives_sums(side) else machine.policy(side.op, side.activation_bits)
    scales = (side.input_scale, side.weight_scale)
    gemm, real_bias = place_bias(gemm, side.real_bias, scales, policy, machine, where)
    datapath, bias = datapaths.build(gemm, machine, where)
    schedule = Schedule.of(machine, gemm.shape, gemm.packed)
    if bounds is None and side.op == "batch_matmul":
        bounds = matmul_bounds(gemm, machine, schedule, where)
    elif bounds is None:
        bounds = layer_bounds(gemm, machine, datapath, schedule)
    requantizer = requantizers.build(
        policy,
        input_scale=side.input_scale,
        weight_scale=side.weight_scale,
        output_scale=side.output_scale,
        zero_point=side.zero_point,
        output=side.output,
        clamp=narrower(side.clamp, bounds_of(side, policy, machine)),
        accumulator=final_range(bounds, datapath, bias),
        real_bias=real_bias,
        columns=machine.array.cols,
        where=where,
    )
    return PreparedLayer(gemm, machine, datapath, bias, schedule, bounds, requantizer)


def gives_sums(side: OutputSide) -> bool:
    """Whether the output's codes are the sums themselves: int32 at ``sx * sw``, zero point 0.

    Such a layer has no requantization, so no rule of the machine applies to it.
    """
    same = (side.weight_scale * side.input_scale == side.output_scale).all()
    return bool(same) and side.zero_point == 0 and side.output == IntFormat(32)


SUMS = RequantizeSpec(scheme="multiplier_shift", multiplier_bits=31, rounding="floor")
"""Times 1, exactly."""


def bounds_of(side: OutputSide, policy: RequantizeSpec, machine: Machine) -> Clamp:
    """The fused activation in output codes, by the policy's rule, else the machine's."""
    rule = policy.activation_bounds or machine.output.activation_bounds
    return code_bounds(rule, side.activation, side.output_scale, side.zero_point, side.output)


def narrower(a: Clamp, b: Clamp) -> Clamp:
    """The clamp that holds both, None where neither has a bound.

    >>> narrower((None, 5), (0, 9))
    (0, 5)
    """
    los, his = ([x for x in ends if x is not None] for ends in zip(a, b, strict=True))
    return max(los, default=None), min(his, default=None)


def matmul_bounds(gemm: Gemm, machine: Machine, schedule: Schedule, where: str) -> Bounds:
    """Bounds of a batched product, whose weights are an input: its weight bound is its type bound.

    A folded zero point makes a bias out of the weights: the largest is taken, that of weights all
    at the end of their format that lies farthest from their zero point.
    """
    (lo, hi), zero = gemm.w_range, gemm.w_zero_point[:, None, :]
    farthest = np.broadcast_to(np.where(zero - lo > hi - zero, lo, hi), gemm.w.shape)
    worst = replace(gemm, w=np.ascontiguousarray(farthest, gemm.w.dtype))
    datapath, bias = datapaths.build(worst, machine, where)
    if bias.lost is not None and bias.lost.any():  # other weights may be stored farther out
        least = np.full_like(bias.lost, datapaths.register(machine.bias).lo)
        preload = None if datapath.preload is None else least
        datapath = replace(datapath, preload=preload, last=least if preload is None else None)
    bounds = layer_bounds(worst, machine, datapath, schedule)
    return replace(
        bounds, accumulator_weight=bounds.accumulator_type, chain_weight=bounds.chain_type
    )


def final_range(bounds: Bounds, datapath: Datapath, bias: Bias) -> tuple[int, int]:
    """Least and largest sum that the requantizer can meet, in hardware and in the exact run.

    The exact run has the whole bias, also where its format took some away.
    """
    lo, hi = requantizer_range(bounds, datapath)
    if bias.lost is None:
        return lo, hi
    return lo + int(bias.lost.min(initial=0)), hi + int(bias.lost.max(initial=0))
