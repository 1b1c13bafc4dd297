"""The parts of one layer's entry: weights, bias, requantizer, as plain numbers.

The three questions that every reader of a quantized network has are answered here: where the bias
lives and at which scale (`bias_entry`), whether requantization could be a shift (`shift_entry`),
and what the accumulator must hold (`accumulator_entry`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import signed_bits
from hwsim.arith.requantize import Scheme
from hwsim.arith.scale import Reals, power_of_two_shift
from hwsim.array.bounds import Bounds
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_integers import REAL_SCHEMES
from hwsim.array.specification import REAL_BIAS_SCHEMES
from hwsim.mapping.layer import Clamp, MacLayer
from hwsim.mapping.prepare import PreparedLayer

Entry = dict[str, Any]
EXACT = 2.0**-40  # relative: what float64 rounds when a factor is formed of three scales
BIAS_SCALE = "input_scale * weight_scale"


def span(values: NDArray[Any]) -> list[Any]:
    """Least and largest value, as plain numbers."""
    return [values.min().item(), values.max().item()] if values.size else []


def weight_entry(layer: MacLayer) -> Entry:
    """The weights; a float layer has a range of real values, a batched product no weights."""
    codes, real = layer.weight, layer.float_weight
    if codes is None and real is not None:
        empty: list[Any] = []
        return {
            "shape": list(real.shape),
            "format": "float",
            "scale": empty,
            "zero_point": empty,
            "per": None,
            "range": span(real),
        }
    return {
        "shape": None if codes is None else list(codes.shape),
        "format": str(layer.weight_format),
        "scale": span(layer.weight_scale),
        "zero_point": span(layer.weight_zero_point),
        "per": "channel" if layer.weight_scale.size > 1 else "tensor",
        "range": [] if codes is None else span(codes),
    }


def bias_entry(layer: MacLayer, prepared: PreparedLayer, input_scale: float) -> Entry | None:
    """The bias as this machine adds it: codes in the accumulator, or reals in the requantizer.

    Returns
    -------
    dict, or None where the layer has none
        ``place``: ``accumulator`` or ``requantizer``; ``origin``: ``codes`` or ``real``, what the
        model has; ``rule``: how the machine makes the one of the other, None where it keeps it;
        ``step``: real value of one code, least and largest over channels; ``range``: codes or
        reals, by ``format``; ``real``: real values; ``bits``: what the codes need; ``folded``:
        what the accumulator adds where zero points are folded into the bias.
    """
    codes, step = prepared.gemm.bias, input_scale * layer.weight_scale
    origin = "codes" if layer.real_bias is None else "real"
    if codes is not None:
        stored = prepared.bias.stored
        folded = stored is not None and (stored.ravel() != codes.ravel()).any()
        return {
            "format": f"int{prepared.machine.bias.bits}",
            "scale": BIAS_SCALE,
            "when": prepared.machine.bias.when,
            "range": span(codes),
            "place": "accumulator",
            "origin": origin,
            "rule": None
            if origin == "codes"
            else f"bias.from_real = {prepared.machine.bias.from_real}",
            "step": span(step),
            "real": span(codes.ravel() * step if layer.real_bias is None else layer.real_bias),
            "bits": signed_bits(int(codes.min()), int(codes.max())),
            "folded": span(stored) if folded and stored is not None else None,
        }
    real = layer.real_bias
    if real is None and layer.bias is not None:
        real = layer.bias * step
    if real is None:
        return None
    scheme = prepared.requantizer.scheme.name.lower()
    return {
        "format": "real",
        "scale": None,
        "when": "requantize",
        "range": span(real),
        "place": "requantizer",
        "origin": origin,
        "rule": f"{BIAS_SCALE} * code"
        if origin == "codes" and scheme in REAL_BIAS_SCHEMES
        else None,
        "step": span(step) if origin == "codes" else [],
        "real": span(real),
        "bits": None,
        "folded": None,
    }


def model_bias_entry(layer: MacLayer, input_scale: float) -> Entry | None:
    """The bias as the model has it, where no machine adds it."""
    if layer.bias is None:
        return float_bias_entry(layer.real_bias)
    step = input_scale * layer.weight_scale
    return {
        "format": "int" if layer.bias_bits is None else f"int{layer.bias_bits}",
        "scale": BIAS_SCALE,
        "when": None,
        "range": span(layer.bias),
        "place": None,
        "origin": "codes",
        "rule": None,
        "step": span(step),
        "real": span(layer.bias * step),
        "bits": signed_bits(int(layer.bias.min()), int(layer.bias.max())),
        "folded": None,
    }


def float_bias_entry(bias: Reals | None) -> Entry | None:
    """A real bias that no machine adds."""
    if bias is None:
        return None
    return {
        "format": "real",
        "scale": None,
        "when": None,
        "range": span(bias),
        "place": None,
        "origin": "real",
        "rule": None,
        "step": [],
        "real": span(bias),
        "bits": None,
        "folded": None,
    }


def requantizer_form(requantizer: Requantizer) -> str:
    """What the sum meets: a ``real`` factor, a ``table``, a ``shift`` or a ``multiplier``."""
    if requantizer.scheme in REAL_SCHEMES:
        return "real"
    if requantizer.table.shape[1]:
        return "table"
    return "shift" if requantizer.scheme == Scheme.SHIFT_ONLY else "multiplier"


def shift_entry(real_scale: Reals) -> Entry | None:
    """What a shift alone would make of these factors: relative gain error of the nearest 2**-n.

    None where no channel has a factor. ``exact``: every factor is a power of two, as
    far as float64 can tell.

    >>> shift_entry(np.array([0.25, 0.75]))["gain"]
    [0.0, 0.33333333333333326]
    """
    alive = real_scale[(real_scale > 0) & np.isfinite(real_scale)]
    if alive.size == 0:
        return None
    shifts = np.array([power_of_two_shift(real) for real in alive.tolist()])
    gain = np.ldexp(1.0, -shifts) / alive - 1
    return {
        "exact": bool((np.abs(gain) < EXACT).all()),
        "gain": span(gain),
        "rms": float(np.sqrt(np.mean(gain * gain))),
        "shift": span(shifts),
    }


def activation_entry(layer: MacLayer, clamp: Clamp) -> Entry | None:
    """The fused activation: its name, where the model has one, and its bounds in output codes."""
    if layer.activation == "none" and clamp == (None, None):
        return None
    return {"name": layer.activation, "clamp": list(clamp)}


def accumulator_entry(bounds: Bounds) -> Entry:
    """Least and largest value of each register: with these weights, with any, for any input."""
    chain = bounds.chain_weight
    return {
        "weight": list(bounds.accumulator_weight.reach),
        "type": list(bounds.accumulator_type.reach),
        "chain": None if chain is None else list(chain.reach),
    }
