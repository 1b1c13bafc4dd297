"""A layer that runs on the array, as a plain record: what an importer hands down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Codes, Ints

MacOp = Literal[
    "conv_2d", "depthwise_conv_2d", "transpose_conv_2d", "fully_connected", "batch_matmul"
]
Activation = Literal["none", "relu", "relu6", "relu_n1_1"]
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
        ``oc = groups * multiplier``, channel ``c * multiplier + j``; fully_connected ``(oc, ic)``;
        transpose_conv_2d ``(oc, ky, kx, ic)`` as its model has it, not flipped.
    weight_format : IntFormat
    weight_scale : float64 ndarray of shape (oc,) or (1,)
    weight_zero_point : int64 ndarray of shape (oc,) or (1,)
    bias : int64 ndarray of shape (oc,), or None
        At scale ``input_scale * weight_scale``.
    bias_bits : int or None
        Width in which the model stores ``bias``; some runtimes choose their arithmetic by it
        (TFLite's int16 activations: 32 or 64). None: not stated.
    real_bias : float64 ndarray of shape (oc,), or None
        The bias as a real number, where the model has no integer codes for it (PyTorch); never
        beside ``bias``. Machines make an integer of it by ``bias.from_real``.
    stride, dilation : (y, x)
        Of transpose_conv_2d: input pixel i reaches outputs ``i * stride + k - top``; no dilation.
    padding : ((top, bottom), (left, right)); padded taps hold the input's zero point
        Of transpose_conv_2d: rows and columns that the full output
        ``(in - 1) * stride + k`` loses; a negative end adds some, which hold the bias.
    groups : int
    clamp : (lo, hi) of the fused activation in output codes, None where it has no bound
    activation : Activation
        The fused activation by name: the machine makes codes of its real bounds
        (``output.activation_bounds``). Where there is a ``clamp`` too, both hold.
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
    activation: Activation = "none"
    float_weight: NDArray[np.float64] | None = None
    float_bias: NDArray[np.float64] | None = None
    bias_bits: int | None = None
    real_bias: NDArray[np.float64] | None = None
