"""Images (S, H, W, C) of another size, each output pixel a copy of one input pixel.

::

    y[i] = x[nearest(i)]                        # of rows and of columns alike
    scale = in / out,  or (in - 1) / (out - 1) with align_corners and out > 1
    step = (i + (1/2 with half_pixel_centers, else 0)) * scale
    nearest = min(floor(step), in - 1);  with align_corners min(half_away(step), in - 1)

Attributes: ``size`` (height, width) of the output; ``align_corners``, ``half_pixel_centers``
(bool, default false). Where input and output scale differ, codes are rescaled by ``quantize``.

Policy ``resize_nearest_neighbor``: ``float32``, also where the YAML has none, and always with one
of the two attributes: every operation in binary32 (LiteRT's reference kernels, and all of int16);
``fixed_point``: ``nearest = min(i * ((in << 16) // out + 1) >> 16, in - 1)``, which never falls
below an exact quotient (LiteRT's optimized kernels of 8 bits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.real import round_each
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, operator_policy, refuse, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, H, W, C) to codes (S, *size, C)."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, "resize_nearest_neighbor", bits, node.name)
    rows = nearest_float32
    if policy is not None and policy.scheme == "fixed_point":
        rows = nearest_fixed_point
    elif policy is not None and policy.scheme != "float32":
        raise refuse(node.name, node.op, policy, ("float32", "fixed_point"))
    resized = _resized(node, inputs[0], rows)
    return rescale(resized, source, output, machine, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return _resized(node, inputs[0], nearest_float32)


def nearest_float32(source: int, size: int, align_corners: bool, half_pixel_centers: bool) -> Ints:
    """The input row (or column) of each of ``size`` output rows; ``source``: rows of the input.

    >>> nearest_float32(2, 4, False, False), nearest_float32(3, 2, False, True)
    (array([0, 0, 1, 1]), array([0, 2]))
    >>> nearest_float32(4, 3, True, False)  # steps 0, 1.5 and 3
    array([0, 2, 3])
    """
    scale = np.float32(source) / np.float32(size)
    if align_corners and size > 1:
        scale = np.float32(source - 1) / np.float32(size - 1)
    offset = np.float32(0.5 if half_pixel_centers else 0.0)
    steps = (np.arange(size, dtype=np.float32) + offset) * scale
    rounding = Rounding.HALF_AWAY if align_corners else Rounding.FLOOR
    places: Ints = np.minimum(round_each(steps.astype(np.float64), int(rounding)), source - 1)
    return places


def nearest_fixed_point(
    source: int, size: int, align_corners: bool, half_pixel_centers: bool
) -> Ints:
    """The same with a scale of 16 fraction bits, where neither attribute is set.

    >>> float32 = nearest_float32(9, 111, False, False)
    >>> fixed = nearest_fixed_point(9, 111, False, False)
    >>> np.nonzero(float32 != fixed)[0]  # 9 / 111 * 37 is 3, but below it in binary32
    array([37, 74])
    """
    if align_corners or half_pixel_centers:
        return nearest_float32(source, size, align_corners, half_pixel_centers)
    scale = (source << 16) // size + 1
    places: Ints = np.minimum((np.arange(size, dtype=np.int64) * scale) >> 16, source - 1)
    return places


def _resized(node: Node, x: NDArray[Any], nearest: Callable[..., Ints]) -> NDArray[Any]:
    """Rows, then columns, by their nearest."""
    align = bool(node.attributes.get("align_corners", False))
    centers = bool(node.attributes.get("half_pixel_centers", False))
    height, width = node.attributes["size"]
    rows = nearest(x.shape[1], height, align, centers)
    columns = nearest(x.shape[2], width, align, centers)
    return np.ascontiguousarray(x[:, rows[:, None], columns])
