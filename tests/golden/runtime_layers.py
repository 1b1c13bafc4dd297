"""One layer of a runtime's golden vectors as a network of one node, run as users run it."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers import hardware
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import output_shape
from hwsim.network import run as network
from hwsim.network.graph import Graph, Node, Tensor

FORMATS = {
    "uint8": IntFormat(8, signed=False), "int8": IntFormat(8), "int16": IntFormat(16),
}  # fmt: skip


@cache
def machine(name, *words):
    """A shipped machine, read once."""
    return hardware.load(name, list(words))


@dataclass
class Case:
    """A layer as its file has it: images NCHW, weights OIHW, matrices (rows, columns)."""

    x: np.ndarray
    w: np.ndarray
    y: np.ndarray
    sx: float
    zx: int
    sw: np.ndarray
    sy: float
    zy: int
    zw: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    bias: np.ndarray | None = None
    real_bias: np.ndarray | None = None
    relu: bool = False
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    padding: tuple = ((0, 0), (0, 0))
    groups: int = 1
    input_format: IntFormat | None = None
    output_format: IntFormat | None = None

    @property
    def is_image(self) -> bool:
        return self.x.ndim == 4

    @property
    def op(self) -> str:
        if not self.is_image:
            return "fully_connected"
        depthwise = self.groups == self.x.shape[1] and self.groups > 1
        return "depthwise_conv_2d" if depthwise else "conv_2d"

    @property
    def codes(self) -> np.ndarray:
        """Input, samples first, channels last."""
        x = self.x.astype(np.int64)
        return x.transpose(0, 2, 3, 1) if self.is_image else x

    def layer(self) -> MacLayer:
        weight = self.w.astype(np.int32)
        return MacLayer(
            op=self.op,
            weight=np.ascontiguousarray(weight.transpose(0, 2, 3, 1)) if self.is_image else weight,
            weight_format=FORMATS[self.w.dtype.name],
            weight_scale=np.atleast_1d(self.sw).astype(np.float64),
            weight_zero_point=np.atleast_1d(self.zw).astype(np.int64),
            bias=None if self.bias is None else self.bias.astype(np.int64),
            real_bias=None if self.real_bias is None else self.real_bias.astype(np.float64),
            stride=tuple(int(s) for s in self.stride),
            dilation=tuple(int(d) for d in self.dilation),
            padding=tuple(tuple(int(p) for p in axis) for axis in self.padding),
            groups=int(self.groups),
            clamp=(int(self.zy), None) if self.relu else (None, None),
        )  # fmt: skip

    def graph(self) -> Graph:
        layer, codes = self.layer(), self.codes
        shape = output_shape(layer, codes.shape[1:])
        given = self.input_format or FORMATS[self.x.dtype.name]
        made = self.output_format or FORMATS[self.y.dtype.name]
        tensors = {
            "x": Tensor("x", codes.shape[1:], given, float(self.sx), int(self.zx)),
            "y": Tensor("y", shape, made, float(self.sy), int(self.zy)),
        }
        node = Node("layer", layer.op, ("x",), "y", layer)
        return Graph("golden", tensors, (node,), ("x",), ("y",))

    def run(self, name, *words):
        """Codes in the file's layout, and what the layer did, on a shipped machine."""
        result = network.run(self.graph(), machine(name, *words), {"x": self.codes})
        codes = result.codes["y"]
        return codes.transpose(0, 3, 1, 2) if self.is_image else codes, result.layers["layer"]

    def differences(self, name, *words) -> int:
        """Outputs that differ from the file's."""
        return int(np.count_nonzero(self.run(name, *words)[0] != self.y))


def grouped(path, fields) -> dict:
    """Arrays of a file by case: keys are ``<case>_<field>``; a missing field is left out."""
    with np.load(path) as file:
        cases = {}
        for key in file.files:
            case, _, name = key.rpartition("_")
            if name in fields:
                cases.setdefault(case, {})[name] = file[key]
    return cases


def compared(cases, name, *words) -> tuple[dict, int]:
    """Cases that differ with the number of outputs that do, and how many were compared."""
    found = {key: case.differences(name, *words) for key, case in cases.items()}
    return {key: n for key, n in found.items() if n}, sum(case.y.size for case in cases.values())
