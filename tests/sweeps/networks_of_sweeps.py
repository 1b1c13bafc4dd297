"""Networks for sweeps: `digits`, and a small one that has what it lacks."""

import numpy as np
from network.networks import INT8, linear, matmul_layer

from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor


def convolution(name, source, output, weight, *, groups=1, zero_point=0, bias=None):
    """A 3 x 3 convolution that keeps the image's size."""
    op = "depthwise_conv_2d" if groups == weight.shape[0] and groups > 1 else "conv_2d"
    layer = MacLayer(
        op,
        weight,
        INT8,
        np.array([1 / 64]),
        np.array([zero_point]),
        bias,
        padding=((1, 1), (1, 1)),
        groups=groups,
    )
    return Node(name, op, (source,), output, layer)


def mixed_graph(seed=0):
    """Groups, channels apart, weights with a zero point, a product of two activations, and two
    outputs."""
    rng = np.random.default_rng(seed)

    def weights(*shape):
        return rng.integers(-127, 128, shape).astype(np.int32)

    image = (5, 5, 4)
    tensors = {
        "x": Tensor("x", image, INT8, 0.5, 3),
        "a": Tensor("a", image, INT8, 16.0, -5),
        "b": Tensor("b", image, INT8, 32.0, 2),
        "c": Tensor("c", image, INT8, 24.0, 0),
        "s": Tensor("s", image, INT8, 32.0, 1),
        "p": Tensor("p", (5, 5, 5), INT8, 2048.0, 0),
        "t": Tensor("t", (5, 4, 5), INT8, 24.0, 0),
        "y": Tensor("y", (3,), INT8, 9000.0, 0),
        "f": Tensor("f", (125,), INT8, 2048.0, 0),
    }
    nodes = (
        convolution("first", "x", "a", weights(4, 3, 3, 4), bias=rng.integers(-900, 900, 4)),
        convolution("groups", "a", "b", weights(4, 3, 3, 2), groups=2, zero_point=7),
        convolution("apart", "b", "c", weights(4, 3, 3, 1), groups=4, bias=np.arange(4) * 800),
        Node("sum", "add", ("b", "a"), "s"),
        Node("turn", "transpose", ("c",), "t", attributes={"perm": (0, 2, 1)}),
        Node("heads", "batch_matmul", ("s", "t"), "p", matmul_layer()),
        Node("flat", "reshape", ("p",), "f", attributes={"shape": (125,)}),
        linear("last", "f", "y", weights(3, 125), rng.integers(-5000, 5000, 3)),
    )
    return Graph("mixed", tensors, nodes, ("x",), ("y", "c"))


def empty_graph():
    """A layer that adds nothing (K = 0) to its bias."""
    tensors = {"x": Tensor("x", (0,), INT8, 0.5, 3), "y": Tensor("y", (2,), INT8, 1.0, 0)}
    node = linear("nothing", "x", "y", np.zeros((2, 0), np.int32), np.array([3000, -70]))
    return Graph("empty", tensors, (node,), ("x",), ("y",))


def single_graph(weights):
    """One layer, whose sums give few codes: a register beyond them is not beyond its codes."""
    reach = int(np.abs(weights).sum(axis=1).max()) * 131
    tensors = {
        "x": Tensor("x", (weights.shape[1],), INT8, 1.0, 3),
        "y": Tensor("y", (len(weights),), INT8, reach / 100, 0),
    }
    node = linear("only", "x", "y", weights.astype(np.int32), np.zeros(len(weights), np.int64))
    return Graph("single", tensors, (node,), ("x",), ("y",))


def mixed_inputs(samples=3, seed=1):
    """Codes for `mixed_graph`; the last sample is small, so that it overflows later."""
    codes = np.random.default_rng(seed).integers(-128, 128, (samples, 5, 5, 4))
    codes[-1] //= 16
    return codes
