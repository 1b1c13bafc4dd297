"""One-operator .tflite files with random quantization: what LiteRT's kernels are asked.

A `Case` holds the file, its inputs, and what hwsim needs to know of it in plain numbers, so that
the script that freezes LiteRT's outputs needs no hwsim. Imports nothing from hwsim.
"""

from dataclasses import dataclass, field

import numpy as np
from oracles.tflite_files import TfliteFile

KINDS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_1": 2, "relu6": 3}


@dataclass
class Quantized:
    """A tensor: shape with its batch axis, type, scale (a float32 value), zero point."""

    shape: tuple
    kind: str
    scale: float
    zero_point: int


@dataclass(eq=False)
class Case:
    """One file: hwsim's operator and attributes, tensors, input codes, layer of the array."""

    op: str
    inputs: list[Quantized]
    output: Quantized
    codes: list[np.ndarray]
    model: bytes
    attributes: dict = field(default_factory=dict)
    layer: dict | None = None


def scale(rng, low=-5.0, high=-2.0) -> float:
    """A float32 scale, in two of five cases a power of two (ties)."""
    if rng.random() < 0.4:
        return 2.0 ** int(rng.integers(round(low * 1.44), round(high * 1.44)))
    return float(np.float32(np.exp(rng.uniform(low, high))))


def zero_point(rng, kind) -> int:
    """Any code; 0 of int16."""
    lo, hi = KINDS[kind]
    return 0 if kind == "int16" else int(rng.integers(lo, hi + 1))


def codes(rng, kind, shape) -> np.ndarray:
    """Codes of the whole type; about every third array of few values, so that sums tie."""
    lo, hi = KINDS[kind]
    drawn = rng.integers(lo, hi + 1, shape)
    return (drawn if rng.random() < 0.7 else drawn // 16 * 16).astype(kind)


def every_code(kind, rng=None, count=1500) -> np.ndarray:
    """All codes of 8 bits; of 16 bits all, or ``count`` random ones and the ends."""
    lo, hi = KINDS[kind]
    drawn = np.arange(lo, hi + 1)
    if rng is not None and kind == "int16":
        drawn = np.concatenate([rng.choice(drawn, count, replace=False), [lo, 0, hi]])
    return drawn.astype(kind)[None]


def one_operator(name, options, version, inputs, output, constants=(), **words):
    """A file of one operator: inputs, then constants ``(kind, array)``, one output."""
    file = TfliteFile()
    activations = [tensor_of(file, f"x{i}", q) for i, q in enumerate(inputs)]
    extra = [
        file.tensor(f"c{i}", np.shape(data), kind, data=data)
        for i, (kind, data) in enumerate(constants)
    ]
    y = tensor_of(file, "y", output)
    file.operator(name, activations + extra, [y], options, version=version, **words)
    return file.build(activations, [y])


def tensor_of(file, name, q: Quantized) -> int:
    """Add an activation tensor."""
    return file.tensor(name, q.shape, q.kind, q.scale, q.zero_point)


def same_as(q: Quantized, shape) -> Quantized:
    """Another shape of the same quantization."""
    return Quantized(shape, q.kind, q.scale, q.zero_point)


# Functions of one code.

FIXED_OUTPUTS = {"logistic": {8: 2.0**-8, 16: 2.0**-15}, "tanh": {8: 2.0**-7, 16: 2.0**-15}}


def function(rng, op, kind, small=False) -> Case:
    """logistic, tanh, hard_swish: all codes of the type (of int16 some, where ``small``)."""
    x = every_code(kind, rng if small else None)
    wide = kind == "int16"
    sx = scale(rng, -12.0, -3.0) if wide else scale(rng, -6.0, -1.0)
    if wide and rng.random() < 0.3:
        sx = 2.0 ** -int(rng.integers(10, 14))
    if op == "hard_swish":
        sy, zy = scale(rng, -6.0, -2.0), zero_point(rng, kind)
    else:
        sy = FIXED_OUTPUTS[op][16 if wide else 8]
        zy = KINDS[kind][0] if op == "logistic" and not wide else 0 if kind != "uint8" else 128
    source = Quantized(x.shape, kind, sx, zero_point(rng, kind))
    output = Quantized(x.shape, kind, sy, zy)
    model = one_operator(op.upper(), None, 1, [source], output)
    return Case(op, [source], output, [x], model)


def activation(rng, op, kind, small=False) -> Case:
    """relu, relu6, relu_n1_1 as operators, the output's scale equal, near or far."""
    x = every_code(kind, rng)
    source = Quantized(x.shape, kind, scale(rng), zero_point(rng, kind))
    if kind == "int16":
        source.scale /= 256
    output = same_as(source, x.shape)
    if rng.random() < 0.7:
        ratio = 2.0 ** int(rng.integers(-2, 3)) if rng.random() < 0.5 else rng.uniform(0.2, 5)
        output.scale = float(np.float32(source.scale * ratio))
        output.zero_point = zero_point(rng, kind)
    name = {"relu": "RELU", "relu6": "RELU6", "relu_n1_1": "RELU_N1_TO_1"}[op]
    model = one_operator(name, None, 1 if kind != "int8" else 2, [source], output)
    return Case(op, [source], output, [x], model)


# Several elements to one, and tensors moved.


def mean(rng, op, kind, small=False) -> Case:
    """Over height and width, or over other axes; axes kept or not."""
    shape = (1, *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 40)))
    sets = [(1, 2)] * 3 + [(1,), (2,), (3,), (2, 3), (1, 2, 3)]
    axes = sets[int(rng.integers(len(sets)))]
    keep = bool(rng.integers(2))
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    output = same_as(source, kept)
    if rng.random() < 0.7:
        output.scale = (
            scale(rng) if rng.random() < 0.5 else source.scale * 2.0 ** rng.integers(-2, 3)
        )
        output.zero_point = zero_point(rng, kind)
    words = {"keepDims": keep}
    constants = [("int32", np.array(axes, np.int32))]
    model = one_operator("MEAN", "ReducerOptions", 2, [source], output, constants, **words)
    attributes = {"axes": [axis - 1 for axis in axes], "keep_dims": keep}
    return Case(op, [source], output, [codes(rng, kind, shape)], model, attributes)


def concatenation(rng, op, kind, small=False) -> Case:
    """Two or three tensors; int8 kernels want equal scales."""
    axis = int(rng.integers(1, 4))
    shapes = [[1, 2, 3, 5] for _ in range(int(rng.integers(2, 4)))]
    for shape in shapes:
        shape[axis] = int(rng.integers(1, 6))
    joined = [1, 2, 3, 5]
    joined[axis] = sum(shape[axis] for shape in shapes)
    output = Quantized(tuple(joined), kind, scale(rng), zero_point(rng, kind))
    inputs = [same_as(output, tuple(shape)) for shape in shapes]
    for source in inputs:
        if kind != "int8" and rng.random() < 0.7:
            source.scale, source.zero_point = scale(rng), zero_point(rng, kind)
    words = {"axis": axis if rng.random() < 0.5 else axis - 4}
    model = one_operator("CONCATENATION", "ConcatenationOptions", 2, inputs, output, **words)
    drawn = [codes(rng, kind, source.shape) for source in inputs]
    return Case(op, inputs, output, drawn, model, {"axis": axis - 1})


def sub(rng, op, kind, small=False) -> Case:
    """Same shapes or a row broadcast; fused activations of 8 bits."""
    shape = (1, *(int(n) for n in rng.integers(1, 5, 2)), int(rng.integers(1, 40)))
    second = shape if rng.random() < 0.6 else (1, 1, 1, shape[3])
    inputs = [Quantized(s, kind, scale(rng), zero_point(rng, kind)) for s in (shape, second)]
    output = Quantized(shape, kind, 2 * scale(rng), zero_point(rng, kind))
    name = list(ACTIVATIONS)[int(rng.integers(4))]
    words = {"fusedActivationFunction": ACTIVATIONS[name], "potScaleInt16": False}
    version = 5 if kind == "int16" else 2
    model = one_operator("SUB", "SubOptions", version, inputs, output, **words)
    drawn = [codes(rng, kind, source.shape) for source in inputs]
    return Case(op, inputs, output, drawn, model, {"activation": name})


def softmax(rng, op, kind, small=False) -> Case:
    """int16 alone: rows of up to 30 codes."""
    shape = (1, 7, int(rng.integers(1, 30)))
    x = rng.integers(-32768, 32768, shape) >> int(rng.integers(8))
    beta = 1.0 if rng.random() < 0.6 else float(np.float32(rng.uniform(0.1, 3)))
    source = Quantized(shape, kind, scale(rng, -12.0, -5.0), 0)
    output = Quantized(shape, kind, 2.0**-15, 0)
    model = one_operator("SOFTMAX", "SoftmaxOptions", 1, [source], output, beta=beta)
    return Case(op, [source], output, [x.astype(kind)], model, {"beta": beta})
