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
