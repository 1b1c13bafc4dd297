"""What is measured: products, convolution layers and networks, with seeded data."""

from dataclasses import dataclass

import numpy as np

RESNET_18 = [  # image, channels in, kernel, stride, channels out, times
    (224, 3, 7, 2, 64, 1),
    (56, 64, 3, 1, 64, 4),
    (56, 64, 3, 2, 128, 1),
    (56, 64, 1, 2, 128, 1),
    (28, 128, 3, 1, 128, 3),
    (28, 128, 3, 2, 256, 1),
    (28, 128, 1, 2, 256, 1),
    (14, 256, 3, 1, 256, 3),
    (14, 256, 3, 2, 512, 1),
    (14, 256, 1, 2, 512, 1),
    (7, 512, 3, 1, 512, 3),
]


@dataclass
class Product:
    """M pixels, K taps, N channels: activations uint8, weights int8."""

    m: int = 784
    k: int = 1152
    n: int = 256

    def operands(self, seed=0):
        """Half-normal activations, 45 % of them zero, and normal weights."""
        rng = np.random.default_rng(seed)
        a = np.minimum(np.abs(rng.normal(0, 60, (self.m, self.k))), 255).astype(np.uint8)
        a[rng.random(a.shape) < 0.45] = 0
        w = np.clip(np.rint(rng.normal(0, 30, (self.k, self.n))), -127, 127).astype(np.int8)
        return a, w

    @property
    def name(self):
        return f"product {self.n}x{self.k}x{self.m}"


def resnet_18():
    """ResNet-18's convolutions one after the other, without its additions: bytes in, bytes out.

    A pooled image stands between the first layer and the others; a 1 x 1 layer is a branch.
    """
    from hwsim.arith.formats import IntFormat
    from hwsim.network.graph import Graph, Node, Tensor

    byte, nodes, outputs = IntFormat(8, signed=False), [], []
    tensors = {"x": Tensor("x", (224, 224, 3), byte, 0.02)}
    source, before = "x", "x"
    for i, (size, channels, kernel, stride, out, times) in enumerate(RESNET_18):
        for time in range(times):
            name, side = f"conv{i}_{time}", -(-size // stride)
            tensors[name] = Tensor(name, (side, side, out), byte, 2.0)
            given = before if kernel == 1 else source
            nodes.append(
                Node(name, "conv_2d", (given,), name, layer(channels, kernel, stride, out))
            )
            outputs += [name] if kernel == 1 else []
            before, source = (before, source) if kernel == 1 else (source, name)
        if kernel == 7:
            tensors["pool"] = Tensor("pool", (56, 56, out), byte, 2.0)
            window = {"window": (3, 3), "stride": (2, 2), "padding": ((1, 0), (1, 0))}
            nodes.append(Node("pool", "max_pool_2d", (source,), "pool", attributes=window))
            source = "pool"
    return Graph("resnet_18", tensors, tuple(nodes), ("x",), (*outputs, source))


def layer(channels, kernel, stride, out):
    """A convolution with normal weights that keeps the size, but for the stride."""
    from hwsim.arith.formats import IntFormat
    from hwsim.mapping.layer import MacLayer

    rng = np.random.default_rng(channels + kernel + out)
    shape, pad = (out, kernel, kernel, channels), kernel // 2
    w = rng.normal(0, 30, shape).astype(np.float32)
    w = np.clip(np.rint(w, out=w), -127, 127, out=w).astype(np.int32)  # as importers have it
    return MacLayer(
        "conv_2d", w, IntFormat(8), np.full(out, 1e-3), np.zeros(out, np.int64),
        bias=rng.integers(-9999, 9999, out), stride=(stride, stride), padding=((pad, pad),) * 2,
    )  # fmt: skip
