"""One layer of a NEMO network as a graph of hwsim; see ``nemo_networks.py``."""

import math

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Node, Tensor

UINT8, INT8, INT32 = IntFormat(8, signed=False), IntFormat(8), IntFormat(32)
WIDE = IntFormat(12, signed=False)  # a sum of two codes, before it is scaled and clipped


def two(numbers, missing) -> tuple[int, int]:
    """Height and width; a network along time has height 1."""
    return (missing, *numbers) if len(numbers) == 1 else tuple(numbers)


def image(shape) -> tuple[int, int, int]:
    """(height, width, channels) from channels first; along time, height 1."""
    return (*two(shape[1:], 1), shape[0])


def exact(numerator, divisor) -> np.ndarray:
    return np.asarray(numerator, np.float64) / divisor


def convolution(value, shapes, clamp):
    """A conv_2d or depthwise_conv_2d with a real bias."""
    sign = np.sign(value.mul)
    assert sign.all()
    layer = dict(value.layer)
    weight = layer.pop("weight") * sign.reshape(-1, 1, 1, 1)
    depthwise = layer["groups"] == len(weight) == shapes[0][0] > 1
    op = "depthwise_conv_2d" if depthwise else "conv_2d"
    mac = MacLayer(
        op,
        weight,
        INT8,
        exact(np.abs(value.mul), value.div),
        np.zeros(1, np.int64),
        real_bias=exact(value.add, value.div),
        clamp=clamp,
        **layer,
    )
    source, output = Tensor("a", image(shapes[0]), UINT8), Tensor("y", image(value.shape), UINT8)
    return (Node("layer", op, ("a",), "y", mac),), (source, output)


def linear(value, shapes, clamp):
    """A fully_connected layer whose output is the accumulator."""
    layer = value.layer
    mac = MacLayer(
        "fully_connected", layer["weight"], INT8, np.ones(1), np.zeros(1, np.int64), layer["bias"]
    )
    source = Tensor("a", (math.prod(shapes[0]),), UINT8)
    output = Tensor("y", value.shape, INT32)
    return (Node("layer", "fully_connected", ("a",), "y", mac),), (source, output)


def addition(value, shapes, clamp):
    """``floor((a * ma + b * mb) / div)``, then, where there is one, the second scaling."""
    scales = [float(exact(mul, value.div)) for mul in value.mul]
    tensors = [
        Tensor(name, image(value.shape), UINT8, s) for name, s in zip("ab", scales, strict=True)
    ]
    mul, div = value.rescale or (1, 1)
    attributes = {"clamp": clamp or (None, None)}
    if value.rescale is None:
        nodes = (Node("sum", "add", ("a", "b"), "y", attributes=attributes),)
        return nodes, (*tensors, Tensor("y", image(value.shape), UINT8))
    tensors += [
        Tensor("sum", image(value.shape), WIDE, 1.0),
        Tensor("y", image(value.shape), UINT8, div / mul),
    ]
    nodes = (
        Node("sum", "add", ("a", "b"), "sum"),
        Node("scaled", "quantize", ("sum",), "y", attributes=attributes),
    )
    return nodes, tensors


def pool(value, shapes, clamp):
    """The sum of a window, scaled: an average whose output scale makes up for the division."""
    window = value.layer["window"]
    count = math.prod(window)
    attributes = {"window": window, "stride": (1, 1)}
    node = Node("pool", "average_pool_2d", ("a",), "y", attributes=attributes)
    scale = float(exact(value.mul[0], value.div))
    tensors = (Tensor("a", image(shapes[0]), UINT8, scale), Tensor("y", image(value.shape), UINT8))
    assert value.mul[0] % count == 0
    return (node,), tensors
