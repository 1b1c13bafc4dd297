"""A layer that runs on the array, as a plain record: what an importer hands down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Codes, Ints

MacOp = Literal["conv_2d", "depthwise_conv_2d", "fully_connected", "batch_matmul"]
Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))
Clamp = tuple[int | None, int | None]  # activation clamp in output codes; None: no activation there


@dataclass(frozen=True, eq=False)
class MacLayer:
    """A convolution, linear layer or batched matrix product.

    Attributes
    ----------
    op : MacOp
    weight : int ndarray, or None for ``batch_matmul`` (its second input is the weight)
        conv_2d ``(oc, ky, kx, ic / groups)``; depthwise_conv_2d ``(oc, ky, kx, 1)`` with
        ``oc = groups * multiplier``, channel ``c * multiplier + j``; fully_connected ``(oc, ic)``.
    weight_format : IntFormat
    weight_scale : float64 ndarray of shape (oc,) or (1,)
    weight_zero_point : int64 ndarray of shape (oc,) or (1,)
    bias : int64 ndarray of shape (oc,), or None
        At scale ``input_scale * weight_scale``.
    stride, dilation : (y, x)
    padding : ((top, bottom), (left, right)); padded taps hold the input's zero point
    groups : int
    clamp : (lo, hi) of the fused activation in output codes, None where it has no bound
    float_weight, float_bias : float64 ndarray, or None
        The trained parameters, where the model has them, shaped as ``weight`` and ``bias``.
    """

    op: MacOp
    weight: Codes | None
    weight_format: IntFormat
    weight_scale: NDArray[np.float64]
    weight_zero_point: Ints
    bias: Ints | None = None
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    groups: int = 1
    clamp: Clamp = (None, None)
    float_weight: NDArray[np.float64] | None = None
    float_bias: NDArray[np.float64] | None = None
