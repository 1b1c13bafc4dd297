"""A bias that is a real number: made an integer, or added after the accumulator.

PyTorch keeps biases in float32. Its engines, its graphs and AIMET's differ in where they add them;
each way is one function here, with the constants that it multiplies by. All return
``(value, event)`` as the schemes of requantize.py do; no event can happen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.real import FLOAT_BOUND, nearest

Reals = NDArray[np.float64]


def bias_codes(bias: Reals, input_scale: float, weight_scale: Reals, dtype: Any) -> NDArray[Any]:
    """A real bias as integers of the accumulator, int64 ndarray of shape (channels,).

    ::

        code = rint(b / (sx * sw)),   every operation in ``dtype``, ties to even

    Parameters
    ----------
    bias : float64 ndarray of shape (channels,)
    input_scale : float
    weight_scale : float64 ndarray of shape (channels,)
    dtype
        float32 (QNNPACK, XNNPACK in ExecuTorch) or float64.

    Notes
    -----
    Held in +-2**62; the format of the bias operand follows. The two floats differ at ties alone:
    in SEEDS.md one code of a network, -8965.5.

    Examples
    --------
    >>> b, sw = np.array([0.3]), np.array([0.1])
    >>> [bias_codes(b, 2.0, sw, dtype).tolist() for dtype in (np.float64, np.float32)]  # 1.5
    [[1], [2]]
    """
    step = np.asarray(dtype(input_scale) * np.asarray(weight_scale).astype(dtype))
    with np.errstate(over="ignore"):
        real = np.asarray(np.asarray(bias).astype(dtype) / step).astype(np.float64)
    return np.rint(np.clip(real, -FLOAT_BOUND, FLOAT_BOUND)).astype(np.int64)


@kernel
def float32_bias_product(acc: int, factor: float, bias: float) -> np.float32:
    """``f32((f32(acc) + bias) * factor)``: what `float32_bias` rounds."""
    return (np.float32(acc) + np.float32(bias)) * np.float32(factor)


@kernel
def float32_bias(acc: int, factor: float, bias: float) -> tuple[int, bool]:
    """The bias in accumulator units, added in binary32 before the one multiplication.

    ::

        value = rint(f32((f32(acc) + bias) * factor))

    ``bias`` and ``factor`` are float32 values (`float32_bias_constants`). Source: FBGEMM's
    requantization with a float bias, in PyTorch's fbgemm and x86 engines.

    >>> float32_bias(4, 0.5, 0.9), float32_bias(4, 0.5, 1.0)  # 2.45; 2.5 to even
    ((2, False), (2, False))
    >>> float32_bias(1 << 24, 1.0, 1.0)  # the sum itself is rounded
    (16777216, False)
    """
    return nearest(float32_bias_product(acc, factor, bias)), False


def float32_bias_constants(
    bias: Reals, input_scale: float, weight_scale: Reals, output_scale: float
) -> Reals:
    """``factor = f32(act / f32(sy))``, ``f32(b / act)`` with ``act = f32(f32(sx) * f32(sw))``.

    float64 ndarray of shape (2, channels), of float32 values; a step that leaves binary32 gives the
    largest value, and one that underflows to 0 a bias of 0.

    >>> float32_bias_constants(np.array([1.0]), 0.5, np.array([0.25]), 2.0).tolist()
    [[0.0625], [8.0]]
    """
    step = np.asarray(np.float32(input_scale) * np.asarray(weight_scale).astype(np.float32))
    real = bias.astype(np.float32)
    with np.errstate(over="ignore"):
        units = np.divide(real, step, out=np.zeros_like(real), where=step > 0)
    largest = np.finfo(np.float32).max
    factor = np.broadcast_to(step / np.float32(output_scale), real.shape)
    return np.stack([factor, np.clip(units, -largest, largest)]).astype(np.float64)


@kernel
def float32_dequantized_code(
    acc: int, unit: float, weight: float, bias: float, steps: float, zero_point: int
) -> np.float32:
    """``f32(f32(real * steps) + zero_point)``: what `float32_dequantized` rounds."""
    scaled = (np.float32(acc) * np.float32(unit)) * np.float32(weight)
    real = scaled + np.float32(bias)
    return real * np.float32(steps) + np.float32(zero_point)


@kernel
def float32_dequantized(
    acc: int, unit: float, weight: float, bias: float, steps: float, zero_point: int
) -> tuple[int, bool]:
    """To a real number and back, each operation in binary32, the zero point inside the rounding.

    ::

        real = f32(f32(f32(f32(acc) * unit) * weight) + bias)
        code = rint(f32(f32(real * steps) + zero_point))

    Source: oneDNN's int8 convolution and inner product, in PyTorch's onednn and x86 engines; the
    constants are those of `float32_dequantized_constants`.

    >>> float32_dequantized(3, 0.5, 1.0, 0.0, 1.0, 1)  # 1.5 + 1 = 2.5, not 2 + 1
    (2, False)
    >>> float32_dequantized(3, 0.5, 1.0, 1.0, 1.0, 0)  # 1.5 + 1
    (2, False)
    """
    return nearest(float32_dequantized_code(acc, unit, weight, bias, steps, zero_point)), False


def float32_dequantized_constants(
    bias: Reals, input_scale: float, weight_scale: Reals, output_scale: float, weight_rule: str
) -> Reals:
    """oneDNN's scales, most of which it is given as reciprocals and inverts again.

    ::

        unit = 1 / f32(1 / sx),   steps = 1 / (1 / f32(1 / sy))    # 1 / sx and 1 / sy in float64
        weight = f32(sw)                                           # float32
        weight = 1 / (1 / f32(sw))                                 # twice_inverted

    float64 ndarray of shape (4, channels), of float32 values: unit, weight, bias, steps.

    >>> float32_dequantized_constants(np.array([3.0]), 0.5, np.array([0.25]), 2.0, "float32")
    array([[0.5 ],
           [0.25],
           [3.  ],
           [0.5 ]])
    """
    one = np.float32(1)
    unit = one / np.float32(1.0 / input_scale)
    weight = np.asarray(weight_scale).astype(np.float32)
    if weight_rule == "twice_inverted":
        with np.errstate(divide="ignore", over="ignore"):  # near 0 becomes 0
            weight = one / (one / weight)
    steps = one / (one / np.float32(1.0 / output_scale))
    rows = np.broadcast_arrays(unit, weight, bias.astype(np.float32), steps)
    return np.stack(rows).astype(np.float64)


@kernel
def real_bias(
    acc: int, unit: float, bias: float, divisor: float, multiplier: float
) -> tuple[int, bool]:
    """A float layer between dequantize and quantize: the sum in binary64, then binary32.

    ::

        real  = f32(f64(acc) * unit + bias)
        value = rint(f32(f32(real / divisor) * multiplier))

    One of ``divisor`` and ``multiplier`` is 1 (`real_bias_constants`). Source: PyTorch's PT2E
    graphs and AIMET's simulation, whose float convolution this equals up to its own rounding
    (0 of 100,892 and 0 of 64,000 outputs differ).

    >>> real_bias(1, 1.0, 0.25, 0.5, 1.0), real_bias(2, 1.0, 0.25, 1.0, 2.0)  # 2.5, 4.5
    ((2, False), (4, False))
    """
    real = np.float32(np.float64(acc) * unit + bias)
    steps = (real / np.float32(divisor)) * np.float32(multiplier)
    return nearest(steps), False


def real_bias_constants(
    bias: Reals, input_scale: float, weight_scale: Reals, output_scale: float, form: str
) -> Reals:
    """``sx * sw`` and the bias in float64, then divisor and multiplier by the form of quantization.

    ::

        division            divisor = f32(sy)
        reciprocal          multiplier = f32(1 / f32(sy))
        reciprocal_float64  multiplier = f32(1 / sy)

    float64 ndarray of shape (4, channels).

    >>> real_bias_constants(np.array([3.0]), 0.5, np.array([0.25]), 2.0, "reciprocal").ravel()
    array([0.125, 3.   , 1.   , 0.5  ])
    """
    step, one = np.float32(output_scale), np.float32(1)
    divisor, multiplier = {
        "division": (step, one),
        "reciprocal": (one, one / step),
        "reciprocal_float64": (one, np.float32(1.0 / output_scale)),
    }[form]
    unit = np.asarray(weight_scale, np.float64) * input_scale
    return np.stack(np.broadcast_arrays(unit, bias, divisor, multiplier)).astype(np.float64)
