"""What bites in one layer on one machine, before any input: sentences and the counts behind them.

A finding is a dict: ``kind``, ``text`` (the sentence for this layer), ``what`` (the same without
its numbers: equal for layers that have the same trouble), ``count`` and ``of`` (channels; None
where it is no count), ``worst`` (of a gain).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hwsim.arith.activation import REAL_BOUNDS
from hwsim.arith.requantize import Scheme
from hwsim.array.bounds import Hull
from hwsim.array.gemm import Gemm, Ints, Register
from hwsim.array.ledger import is_symmetric
from hwsim.mapping.prepare import PreparedLayer

Finding = dict[str, Any]
GAIN_WARNING = 2.0**-10  # relative gain error that moves a code in a full-scale 8-bit output
BOUND_WARNING = 2.0**-10  # distance of an activation's bound from its code, in codes
REFIT = "hwsim quantize --power-of-two weights makes them fit"


def finding(
    kind: str, what: str, text: str, counted: tuple[int, int] | None = None, worst: float = 0.0
) -> Finding:
    """One record."""
    count, of = counted or (None, None)
    return {"kind": kind, "what": what, "text": text, "count": count, "of": of, "worst": worst}


def counted(kind: str, count: int, of: int, one: str, many: str) -> list[Finding]:
    """A finding about some channels, where there are any.

    >>> [f["text"] for f in counted("dead", 1, 4, "channel is dead", "channels are dead")]
    ['1 channel is dead']
    """
    text = f"{count} {one if count == 1 else many}"
    return [finding(kind, many, text, (count, of))] if count else []


def findings(
    prepared: PreparedLayer, activation: str = "none", output_scale: float = 1.0
) -> list[Finding]:
    """Lossy scales, dead multipliers and channels, biases and sums beyond a register, bounds."""
    return [
        *scale_findings(prepared),
        *dead_findings(prepared),
        *bias_findings(prepared),
        *sum_findings(prepared),
        *bound_findings(prepared, activation, output_scale),
    ]


def scale_findings(prepared: PreparedLayer) -> list[Finding]:
    """Multipliers that are zero, or far from the scale that they stand for."""
    requantizer = prepared.requantizer
    real = requantizer.real_scale
    alive = (requantizer.effective_scale != 0) & (real != 0)
    dead = int(np.count_nonzero(~alive & (real != 0)))
    found = counted(
        "multiplier_zero",
        dead,
        real.size,
        "multiplier flushed to zero: its channel gives a constant",
        "multipliers flushed to zero: their channels give a constant",
    )
    gain = np.abs(requantizer.effective_scale[alive] / real[alive] - 1)
    worst = float(gain.max(initial=0.0))
    if worst > GAIN_WARNING:
        hint = f"; {REFIT}" if requantizer.scheme == Scheme.SHIFT_ONLY else ""
        what = f"scales do not fit the scheme{hint}"
        text = f"requantization gain off by up to {worst:.1%}: {what}"
        found.append(finding("gain", what, text, worst=worst))
    return found


def swing(gemm: Gemm) -> Ints:
    """How far inputs can move each channel's sum: int64 ndarray of shape (G, N).

    ::

        sum_k |w - Zw| * (a_hi - a_lo)
    """
    lo, hi = gemm.a_range
    steps = gemm.w.astype(np.int64) - gemm.w_zero_point[:, None]
    sums: Ints = np.abs(steps).sum(axis=1) * (hi - lo)
    return sums


def dead_findings(prepared: PreparedLayer) -> list[Finding]:
    """Channels whose output no input moves by a whole code, whatever the bias."""
    if prepared.gemm.shape[0]:  # a batched product: its weights are an input
        return []
    codes = swing(prepared.gemm).ravel() * prepared.requantizer.real_scale
    dead = int(np.count_nonzero(codes < 1))
    rest = "dead: no input moves {} output by a whole code"
    one, many = f"channel is {rest.format('its')}", f"channels are {rest.format('their')}"
    return counted("dead", dead, codes.size, one, many)


def bias_findings(prepared: PreparedLayer) -> list[Finding]:
    """Biases beyond their own format, or beyond the accumulator."""
    found: list[Finding] = []
    lost, stored = prepared.bias.lost, prepared.bias.stored
    register = prepared.datapath.accumulator
    if lost is not None:
        bits = f"own {prepared.machine.bias.bits} bits"
        one, many = f"bias does not fit its {bits}", f"biases do not fit their {bits}"
        found += counted("bias_format", int(np.count_nonzero(lost)), lost.size, one, many)
    if stored is not None:
        beyond = int(np.count_nonzero((stored < least(register)) | (stored > register.hi)))
        place = f"not fit the {register.bits}-bit accumulator"
        one, many = f"bias does {place}", f"biases do {place}"
        found += counted("bias_register", beyond, stored.size, one, many)
    return found


def sum_findings(prepared: PreparedLayer) -> list[Finding]:
    """Registers that some input could overflow."""
    bounds, datapath = prepared.bounds, prepared.datapath
    checked = [("chain", bounds.chain_weight, register) for register in datapath.chain[-1:]]
    checked.append(("accumulator", bounds.accumulator_weight, datapath.accumulator))
    texts = [
        f"sums may leave the {register.bits}-bit {name}: run with data to see"
        for name, hull, register in checked
        if hull is not None and not holds(register, hull)
    ]
    return [finding("sums", text, text) for text in texts]


def bound_findings(prepared: PreparedLayer, activation: str, scale: float) -> list[Finding]:
    """Real bounds of the activation that have no code: the clamp lies beside them."""
    requantizer = prepared.requantizer
    found: list[Finding] = []
    bounds = zip(REAL_BOUNDS[activation], requantizer.clamp, strict=True)
    for real, code in bounds:
        if not real or code is None:  # 0 is the zero point, exactly
            continue
        exact = real / scale + requantizer.zero_point
        inside = requantizer.output.lo < exact < requantizer.output.hi
        if inside and abs(code - exact) > BOUND_WARNING:
            given = (code - requantizer.zero_point) * scale
            what = f"bounds of {activation} have no code"
            text = f"{activation} ends at {given:.6g}, not {real:g}: code {code} of {exact:.2f}"
            found.append(finding("activation_bound", what, text, worst=abs(code - exact)))
    return found


def runtime_findings(reason: str | None) -> list[Finding]:
    """What the model's own runtime would do."""
    if not reason:
        return []
    text = f"ONNX Runtime would run it in float: {reason}"
    return [finding("runtime_float", text.replace(" it ", " {layers} "), text)]


def refusal(machine: str, message: str) -> Finding:
    """A layer that the machine does not take; ``message`` as ``run`` would say it."""
    reason = message.split(": ", 1)[-1].replace("\n", "; ")
    text = f"{machine} does not run it: {reason}"
    return finding("refused", text.replace(" it:", " {layers}:"), text)


def holds(register: Register, hull: Hull) -> bool:
    """Whether no sum of this hull leaves the register."""
    lo, hi = hull.reach
    return least(register) <= lo and hi <= register.hi


def least(register: Register) -> int:
    """The least value that the register keeps as it is."""
    return -register.hi if is_symmetric(register) else register.lo
