"""Small ONNX models for tests: QDQ networks of a few operators, written with ``onnx.helper``."""

from dataclasses import dataclass, field

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto

TYPES = {"u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16}


@dataclass
class Small:
    """A model under construction; every method gives back the name of its result."""

    seed: int = 0
    activation: str = "u8"
    weight: str = "s8"
    opset: int = 21
    nodes: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)

    def name(self, stem):
        return f"{stem}{len(self.nodes) + len(self.constants)}"

    def constant(self, array, stem="k", kind=None):
        name = self.name(stem)
        tensor = numpy_helper.from_array(np.asarray(array), name)
        if kind is not None:
            tensor = helper.make_tensor(name, kind, np.shape(array), np.ravel(array).tolist())
        self.constants.append(tensor)
        return name

    def op(self, kind, inputs, domain="", **attributes):
        name = self.name(kind.lower())
        node = helper.make_node(kind, inputs, [name], name=f"{name}_node", domain=domain,
                                **attributes)  # fmt: skip
        self.nodes.append(node)
        return name

    def input(self, shape, name="x", kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["n", *shape]))
        return name

    def scale_zero(self, scale, zero, kind=None):
        kind = TYPES[kind or self.activation]
        return [self.constant(np.float32(scale), "s"), self.constant(kind(zero), "z")]

    def quantize(self, x, scale, zero, kind=None):
        """QuantizeLinear and DequantizeLinear: the name of the real values."""
        words = self.scale_zero(scale, zero, kind)
        codes = self.op("QuantizeLinear", [x, *words])
        return self.op("DequantizeLinear", [codes, *words])

    def weights(self, shape, axis=0, per_channel=True, zero=0):
        """Random codes behind DequantizeLinear, and their scales."""
        info = np.iinfo(TYPES[self.weight])
        codes = self.rng.integers(info.min, info.max, shape, dtype=TYPES[self.weight],
                                  endpoint=True)  # fmt: skip
        count = shape[axis] if per_channel else ()
        scale = self.rng.uniform(0.002, 0.02, count).astype(np.float32)
        zeros = np.full(count, zero, TYPES[self.weight])
        words = [self.constant(codes, "w"), self.constant(scale, "ws"), self.constant(zeros, "wz")]
        attributes = {"axis": axis} if per_channel else {}
        return self.op("DequantizeLinear", words, **attributes), scale

    def bias(self, channels, scale):
        """int32 codes at the given scale, per channel."""
        codes = self.rng.integers(-4000, 4000, channels, dtype=np.int32)
        scale = np.broadcast_to(np.float32(scale), (channels,))
        words = [self.constant(codes, "b"), self.constant(scale, "bs"),
                 self.constant(np.zeros(channels, np.int32), "bz")]  # fmt: skip
        return self.op("DequantizeLinear", words, axis=0)

    def model(self, *outputs):
        """The finished model."""
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "small", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def convolution(small, shape, out, kernel, groups=1, per_channel=True, zero=0, **attributes):
    """x -> DQ-Conv-Q -> y, with an int32 bias; the model."""
    x = small.quantize(small.input(shape), 0.02, 131 if small.activation == "u8" else 3)
    weight, scale = small.weights((out, shape[0] // groups, *kernel), 0, per_channel, zero)
    bias = small.bias(out, np.float32(0.02) * scale)
    y = small.op("Conv", [x, weight, bias], kernel_shape=list(kernel), group=groups, **attributes)
    return small.model(small.quantize(y, 0.11, 120 if small.activation == "u8" else -7))


def write(model, folder, name="small.onnx"):
    """The model as a file."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path
