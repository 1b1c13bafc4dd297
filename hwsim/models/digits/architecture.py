"""The layers of ``digits``: one table for training and quantization."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.mapping.layer import MacOp, Padding

NAME = "digits"
SAME: Padding = ((1, 1), (1, 1))
NONE: Padding = ((0, 0), (0, 0))


class Layer(NamedTuple):
    """One layer on the array; its output tensor has its name."""

    name: str
    op: MacOp
    input: str
    weight_shape: tuple[int, ...]  # (oc, ky, kx, ic / groups), or (oc, ic)
    output_shape: tuple[int, ...]
    stride: int = 1
    padding: Padding = NONE
    groups: int = 1
    relu: bool = False


LAYERS = (
    Layer("conv1", "conv_2d", "image", (16, 3, 3, 1), (8, 8, 16), 1, SAME, 1, True),
    Layer("dw2", "depthwise_conv_2d", "conv1", (16, 3, 3, 1), (8, 8, 16), 1, SAME, 16, True),
    Layer("pw3", "conv_2d", "dw2", (16, 1, 1, 16), (8, 8, 16)),
    Layer("conv4", "conv_2d", "add3", (24, 3, 3, 16), (4, 4, 24), 2, ((0, 1), (0, 1)), 1, True),
    Layer("fc6", "fully_connected", "pool5", (10, 24), (10,)),
)
"""In execution order; ``add3`` follows ``pw3``, ``pool5`` follows ``conv4``."""
