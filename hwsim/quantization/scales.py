"""Ranges to scales and codes: activations, weights, biases; the power-of-two forms of scales."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.arith.quantize import Affine, affine_of, quantize
from hwsim.array.gemm import Ints
from hwsim.quantization.choices import Choices

Reals = NDArray[np.float64]
Range = tuple[float, float]  # least and largest real value
INT32, INT16 = IntFormat(32), IntFormat(16)


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of a layer's weights: ``real = scale * (code - zero_point)``, one of each a channel.

    Attributes
    ----------
    codes : int64 ndarray of the shape of the weights
    scale : float64 ndarray of shape (oc,)
    zero_point : int64 ndarray of shape (oc,)
    """

    codes: Ints
    scale: Reals
    zero_point: Ints


def activation_affine(range_: Range, choices: Choices) -> Affine:
    """Scale and zero point of an activation tensor; zero is always inside the range.

    Under ``power_of_two: scales`` the scale is rounded up to a power of two and the zero point
    follows from it.

    >>> activation_affine((0.0, 1.0), Choices())
    Affine(scale=0.003921568859368563, zero_point=-128, format=int8)
    >>> activation_affine((0.0, 1.0), Choices(power_of_two="scales")).scale
    0.00390625
    """
    form = choices.activation_format
    affine = choices.activations == "affine"
    rule = "affine" if affine else choices.activation_rule
    ends = np.array(range_)
    coded = affine_of(rule, ends, form, dtype=np.float32)
    if choices.power_of_two != "scales":
        return coded
    scale = power_of_two_above(coded.scale)
    if affine:
        zero = int(np.rint(form.lo - min(range_[0], 0.0) / scale))
        return Affine(scale, min(max(zero, form.lo), form.hi), form)
    return Affine(scale, 0, form)


def power_of_two_above(scale: float) -> float:
    """The least power of two that is not below ``scale``; so that nothing more is clipped.

    A scale that exceeds a power of two by less than 1 part in 128 takes that one: the range then
    clips by less than one code.

    >>> power_of_two_above(0.25), power_of_two_above(0.2501), power_of_two_above(0.26)
    (0.25, 0.25, 0.5)
    """
    return float(2.0 ** math.ceil(math.log2(scale / (1 + 1 / 128))))


def weight_codes(weight: Reals, choices: Choices, scale: Reals | None = None) -> Coded:
    """Weights as codes; channels are axis 0.

    Parameters
    ----------
    weight : float64 ndarray of shape (oc, ...)
    choices : Choices
    scale : float64 ndarray of shape (oc,), optional
        Scales chosen elsewhere (`pure_shift_scales`); zero points are then 0.

    Examples
    --------
    >>> coded = weight_codes(np.array([[-2.54, 1.0], [0.0, 0.0]]), Choices())
    >>> coded.codes.tolist(), [round(s, 6) for s in coded.scale.tolist()]
    ([[-127, 50], [0, 0]], [0.02, 1.0])
    """
    form = choices.weight_format
    rows = weight.reshape(len(weight), -1)
    if scale is not None:
        grids = [Affine(float(s), 0, form) for s in scale]
    else:
        rule = "affine" if choices.weights == "affine" else choices.weight_rule
        whole = [] if choices.per_channel else [affine_of(rule, weight, form, dtype=np.float32)]
        grids = whole * len(rows) or [affine_of(rule, r, form, dtype=np.float32) for r in rows]
        if choices.power_of_two == "scales":
            grids = [Affine(power_of_two_above(g.scale), g.zero_point, form) for g in grids]
    codes = [quantize(row, grid)[0] for row, grid in zip(rows, grids, strict=True)]
    return Coded(
        np.stack(codes).reshape(weight.shape),
        np.array([grid.scale for grid in grids]),
        np.array([grid.zero_point for grid in grids], np.int64),
    )


def pure_shift_scales(coded: Coded, input_scale: float, output_scale: float) -> Reals:
    """Weight scales re-fit, so that ``s_x * s_w / s_y`` is a power of two for each channel.

    ::

        s_w' = s_y / s_x * 2**-n,   n the largest that does not clip:  s_w' >= s_w * 127 / 128

    Costs up to one bit of weight resolution, and nothing in requantization (SEEDS.md 003).

    >>> coded = Coded(np.zeros((1, 1), np.int64), np.array([0.3]), np.zeros(1, np.int64))
    >>> pure_shift_scales(coded, 0.5, 0.5).tolist()
    [0.5]
    """
    ratio = input_scale / output_scale
    return np.array([power_of_two_above(s * ratio) / ratio for s in coded.scale])


def bias_codes(bias: Reals, scale: Reals, form: IntFormat = INT32) -> Ints:
    """Codes at ``scale``, one a channel, half even in float64, clamped to ``form``.

    >>> bias_codes(np.array([1.0, -2.5]), np.array([0.4, 1.0])).tolist()
    [2, -2]
    """
    codes: Ints = np.clip(np.rint(bias / scale), form.lo, form.hi).astype(np.int64)
    return codes


def own_scale_codes(bias: Reals, scale: Reals, bits: int = 8) -> Ints:
    """The bias in ``bits`` at an own scale, ``max |b| / (2**(bits-1) - 1)``, then at ``scale``.

    What the accumulator receives: ``rint(code * s_b / scale)``.

    >>> own_scale_codes(np.array([1.0, 0.5]), np.array([0.01, 0.01])).tolist()
    [100, 50]
    """
    largest = float(np.abs(bias).max(initial=0.0))
    if largest == 0.0:
        return np.zeros(len(bias), np.int64)
    own = largest / ((1 << (bits - 1)) - 1)
    codes: Ints = np.clip(np.rint(np.rint(bias / own) * own / scale), INT32.lo, INT32.hi).astype(
        np.int64
    )
    return codes


def scales_that_hold(bias: Reals, scale: Reals, input_scale: float) -> Reals:
    """Weight scales, grown where needed until ``bias / (s_x * s_w)`` fits 16 bits.

    >>> [round(s, 6) for s in scales_that_hold(np.array([1.0]), np.array([1e-6]), 1.0).tolist()]
    [3.1e-05]
    """
    return np.maximum(scale, np.abs(bias) / input_scale / INT16.hi)
