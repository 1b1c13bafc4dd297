"""One-operator files of sums, products, rescalings and edges of a network (`operator_cases.Case`).

Imports nothing from hwsim.
"""

import numpy as np
from oracles.operator_cases import (
    ACTIVATIONS,
    KINDS,
    Case,
    Quantized,
    codes,
    one_operator,
    scale,
    zero_point,
)

OPTIONS = {"add": "AddOptions", "mul": "MulOptions"}
VERSIONS = {"add": {"int16": 3}, "mul": {"int16": 4}}


def elementwise(rng, op, kind) -> Case:
    """add, mul: the same shapes, every fused activation; scales that meet every code."""
    shape = (1, *(int(n) for n in rng.integers(1, 5, 2)), int(rng.integers(1, 40)))
    inputs = [Quantized(shape, kind, scale(rng), zero_point(rng, kind)) for _ in range(2)]
    reach = 2 if op == "add" else 64 if kind != "int16" else 16384
    output = Quantized(shape, kind, reach * scale(rng, -4.0, -3.0), zero_point(rng, kind))
    if op == "mul":
        output.scale = float(np.float32(reach * inputs[0].scale * inputs[1].scale))
    name = list(ACTIVATIONS)[int(rng.integers(4))]
    words = {"fusedActivationFunction": ACTIVATIONS[name]}
    if op == "add":
        words["potScaleInt16"] = bool(rng.integers(2))
    if op == "add" and words["potScaleInt16"] and kind == "int16":  # else LiteRT may refuse it
        inputs[1].scale = output.scale = 2.0**-5
        inputs[0].scale = 2.0 ** -int(rng.integers(5, 9))
    version = VERSIONS[op].get(kind, 2)
    model = one_operator(op.upper(), OPTIONS[op], version, inputs, output, **words)
    drawn = [codes(rng, kind, source.shape) for source in inputs]
    attributes = {"activation": name, "pot_scale_int16": words.get("potScaleInt16", False)}
    return Case(op, inputs, output, drawn, model, attributes)


def softmax(rng, op, kind) -> Case:
    """8 bits: rows of up to 30 codes."""
    shape = (1, 7, int(rng.integers(1, 30)))
    beta = 1.0 if rng.random() < 0.6 else float(np.float32(rng.uniform(0.1, 3)))
    source = Quantized(shape, kind, scale(rng, -6.0, 0.0), zero_point(rng, kind))
    output = Quantized(shape, kind, 2.0**-8, KINDS[kind][0])
    model = one_operator("SOFTMAX", "SoftmaxOptions", 1, [source], output, beta=beta)
    return Case(op, [source], output, [codes(rng, kind, shape)], model, {"beta": beta})


def requantize(rng, op, kinds) -> Case:
    """quantize from codes to codes: ``kinds`` is ``<from>_to_<to>``; any number of elements."""
    before, after = kinds.split("_to_")
    shape = (1, int(rng.integers(1, 100)))
    source = Quantized(shape, before, scale(rng), zero_point(rng, before))
    ratio = 2.0 ** int(rng.integers(-2, 3)) if rng.random() < 0.5 else rng.uniform(0.3, 3)
    steps = (KINDS[before][1] - KINDS[before][0]) / (KINDS[after][1] - KINDS[after][0])
    near = float(np.float32(source.scale * ratio * 2.0 ** round(np.log2(steps))))
    output = Quantized(shape, after, near, zero_point(rng, after))
    model = one_operator("QUANTIZE", "QuantizeOptions", 1, [source], output)
    return Case(op, [source], output, [codes(rng, before, shape)], model)


def real(shape) -> Quantized:
    """A float32 tensor."""
    return Quantized(shape, "float32", None, 0)


def quantize_real(rng, op, kind) -> Case:
    """quantize from float32, a good part of the values halfway between two codes."""
    shape = (1, int(rng.integers(1, 100)))
    output = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    lo, hi = KINDS[kind]
    steps = rng.integers(1.2 * (lo - hi), 1.2 * (hi - lo), shape) + rng.choice(
        [0, 0.5, 0.25], shape
    )
    values = (steps * output.scale).astype(np.float32)
    model = one_operator("QUANTIZE", "QuantizeOptions", 1, [real(shape)], output)
    return Case(op, [real(shape)], output, [values], model)


def dequantize(rng, op, kind) -> Case:
    """dequantize to float32."""
    shape = (1, int(rng.integers(1, 100)))
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    model = one_operator("DEQUANTIZE", "DequantizeOptions", 1, [source], real(shape))
    return Case(op, [source], real(shape), [codes(rng, kind, shape)], model)


def tie_of_six(rng, op, kind) -> Case:
    """RELU6 on outputs of scale 0.8, where 6 is halfway between two codes; inputs reach it."""
    lo = KINDS[kind][0]
    shape, zero = (1, 2, 2, 9), 0 if kind == "int16" else int(rng.integers(lo, lo + 100))
    x = Quantized(shape, kind, float(np.float32(0.8)), zero)
    words = {"fusedActivationFunction": ACTIVATIONS["relu6"]}
    attributes = {"activation": "relu6"}
    inputs = [x]
    if op in OPTIONS:
        inputs = [x, x]
        if op == "mul":  # results within int16: the optimized kernel of uint8 keeps 16 bits
            inputs = [Quantized(shape, kind, 2.0**-4, zero)] * 2
        version = VERSIONS[op].get(kind, 2)
        model = one_operator(op.upper(), OPTIONS[op], version, inputs, x, **words)
    else:
        words |= {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": 1}
        model = one_operator(op.upper(), "Pool2DOptions", 2, inputs, x, **words)
        attributes |= {"window": (1, 1), "stride": (1, 1)}
    drawn = [codes(rng, kind, shape) for _ in inputs]
    return Case(op, inputs, x, drawn, model, attributes)
