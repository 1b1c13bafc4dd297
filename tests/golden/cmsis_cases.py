"""CMSIS-NN's unit-test cases as hwsim networks of one node.

The file holds, per case, flat arrays and the ``#define`` numbers of the C test. A case states its
multiplier and shift; they become scales that give exactly these integers back: input and output
scale 1, weight scale ``multiplier * 2**(shift - 31)``.
"""

import json
from dataclasses import dataclass, field

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

INT4, INT8, INT16 = IntFormat(4), IntFormat(8), IntFormat(16)
OTHER_NAMES = {
    "bias": ("biases", "input_bias"),
    "output": ("output_ref",),
    "weights": ("input_weights",),
    "output_multiplier": ("output_mult",),
}


@dataclass
class Case:
    """One case: its name, arrays by name, and ``#define`` numbers (left out: absent)."""

    name: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    defines: dict[str, object] = field(default_factory=dict)

    def __getitem__(self, key):
        return self.defines[key]

    def array(self, name):
        """An array under any of its names; None where the case has none."""
        for key in (name, *OTHER_NAMES.get(name, ())):
            if key in self.arrays:
                return self.arrays[key].astype(np.int64)
        return None

    @property
    def activation(self) -> IntFormat:
        """Codes of 16 or 8 bits, by the type of the input."""
        source = next(a for key, a in self.arrays.items() if key.startswith(("input", "lhs")))
        if "int16" in self.name or "s16" in self.name:
            return INT16
        assert np.abs(source.astype(np.int64)).max() <= 128
        return INT8

    @property
    def bias_bits(self) -> int:
        """Width of the bias, which chooses the kernel: 64 with 16-bit activations, but for some."""
        return 64 if self.activation == INT16 and "xint32" not in self.name else 32

    @property
    def clamp(self):
        names = ("OUT_ACTIVATION", "ACTIVATION")
        name = next(n for n in names if f"{n}_MIN" in self.defines)
        return self[f"{name}_MIN"], self[f"{name}_MAX"]


def read(path) -> dict[str, Case]:
    """Every case of the file."""
    with np.load(path) as file:
        defines = json.loads(file["__defines_json__"].tobytes())
        cases = {name: Case(name, {}, numbers(words)) for name, words in defines.items()}
        for key in file.files:
            if "/" in key:
                name, array = key.split("/")
                cases[name].arrays[array] = file[key]
    return cases


def numbers(words):
    """Integers where a word is one."""
    return {k: int(v) if str(v).lstrip("-").isdigit() else v for k, v in words.items()}


def exact_scale(multiplier, shift):
    """``multiplier * 2**(shift - 31)``, exact in float64."""
    return np.ldexp(np.asarray(multiplier, np.float64), np.asarray(shift, np.int64) - 31)


def nibbles(packed, count):
    """Signed 4-bit codes, two a byte, the low half first."""
    packed = packed.astype(np.int64)
    pairs = np.stack([packed << 60 >> 60, packed << 56 >> 60], axis=1)
    return pairs.ravel()[:count]


def margins(size, out, taps, stride, dilation, before):
    """Padding before and after an axis, from the output's size."""
    reach = (taps - 1) * dilation + 1
    after = max((out - 1) * stride + reach - size - before, 0)
    assert (size + before + after - reach) // stride + 1 == out
    return before, after


def weights(case, count) -> tuple[np.ndarray, IntFormat]:
    """Codes and format; int4 where the file packs two codes a byte."""
    codes = case.array("weights")
    if len(codes) == count and "int4" not in case.name:
        return codes, INT8
    assert len(codes) == -(-count // 2)
    return nibbles(codes, count), INT4


def one_node(case, node, sources, output, arrays):
    """Graph, inputs and expected codes of one operator."""
    tensors = {tensor.name: tensor for tensor in (*sources, output)}
    graph = Graph(case.name, tensors, (node,), tuple(s.name for s in sources), (output.name,))
    inputs = {
        source.name: values.reshape(-1, *source.shape)
        for source, values in zip(sources, arrays, strict=True)
    }
    return graph, inputs, case.array("output").reshape(-1, *output.shape)


def mac(case, op, source_shape, output_shape, weight_shape, **geometry):
    """A convolution or linear layer."""
    codes, kept = weights(case, int(np.prod(weight_shape)))
    codes = codes.reshape(weight_shape)
    if op == "depthwise_conv_2d":  # (1, ky, kx, oc)
        codes = np.ascontiguousarray(codes.transpose(3, 1, 2, 0))
    multiplier, shift = (case.array(f"output_{word}") for word in ("multiplier", "shift"))
    if multiplier is None:
        multiplier, shift = [case["OUTPUT_MULTIPLIER"]], [case["OUTPUT_SHIFT"]]
    layer = MacLayer(
        op,
        codes,
        kept,
        exact_scale(multiplier, shift),
        np.zeros(1, np.int64),
        case.array("bias"),
        clamp=case.clamp,
        bias_bits=case.bias_bits,
        **geometry,
    )
    form = case.activation
    source = Tensor("x", source_shape, form, 1.0, -case["INPUT_OFFSET"])
    output = Tensor("y", output_shape, form, 1.0, case["OUTPUT_OFFSET"])
    node = Node(case.name, op, ("x",), "y", layer)
    return one_node(case, node, [source], output, [case.array("input")])


def convolution(case):
    """conv_2d or depthwise_conv_2d, as the case's ``CH_MULT`` says."""
    c = case.defines
    height, width, channels = c["INPUT_H"], c["INPUT_W"], c["IN_CH"]
    taps, stride = (c["FILTER_Y"], c["FILTER_X"]), (c["STRIDE_Y"], c["STRIDE_X"])
    dilation = (c["DILATION_Y"], c["DILATION_X"])
    out = (c["OUTPUT_H"], c["OUTPUT_W"])
    before = (c["PAD_Y"], c["PAD_X"])
    sides = zip((height, width), out, taps, stride, dilation, before, strict=True)
    geometry = {
        "stride": stride,
        "dilation": dilation,
        "padding": tuple(margins(*side) for side in sides),
    }
    if "CH_MULT" in c:
        op, groups, shape = "depthwise_conv_2d", channels, (1, *taps, c["OUT_CH"])
        assert c["OUT_CH"] == channels * c["CH_MULT"]
    else:
        depth = c.get("FILTER_CH", channels)
        op, groups, shape = "conv_2d", channels // depth, (c["OUT_CH"], *taps, depth)
    outputs = (*out, c["OUT_CH"])
    return mac(case, op, (height, width, channels), outputs, shape, groups=groups, **geometry)


def linear(case):
    """fully_connected; its input is flat."""
    depth, channels = case["ACCUMULATION_DEPTH"], case["OUT_CH"]
    return mac(case, "fully_connected", (depth,), (channels,), (channels, depth))


def transposed(case):
    """transpose_conv_2d; the padding after an axis makes up the output's size."""
    c = case.defines
    size, out = (c["INPUT_H"], c["INPUT_W"]), (c["OUTPUT_H"], c["OUTPUT_W"])
    taps, stride = (c["FILTER_Y"], c["FILTER_X"]), (c["STRIDE_Y"], c["STRIDE_X"])
    sides = zip(size, out, taps, stride, (c["PAD_Y"], c["PAD_X"]), strict=True)
    padding = tuple((p, (n - 1) * s + k - p - o) for n, o, k, s, p in sides)
    shapes = (*size, c["IN_CH"]), (*out, c["OUT_CH"]), (c["OUT_CH"], *taps, c["IN_CH"])
    return mac(case, "transpose_conv_2d", *shapes, stride=stride, padding=padding)
