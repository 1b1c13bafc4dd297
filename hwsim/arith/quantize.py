"""Real values to codes and back: ``real = scale * (code - zero_point)``.

Every choice that changes a bit has a name: how the scale follows from the range, whether zero is
forced into the range, whether the value is divided or multiplied by a reciprocal, in which float,
where the zero point is added and how ties are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.arith.real import fused_multiply_add, round_each
from hwsim.arith.rounding import Rounding

Float = type[np.float32] | type[np.float64]
Reals = NDArray[np.floating]
Ints = NDArray[np.int64]

SYMMETRIC_RULES = ("absmax_128", "absmax_127_5", "absmax_127", "max_127_min_128")
SCALE_RULES = (*SYMMETRIC_RULES, "affine")
FORMS = ("division", "reciprocal", "reciprocal_float64", "fused_reciprocal")
FARTHEST = float(1 << 61)


@dataclass(frozen=True)
class Affine:
    """A scale, a zero point and a format: what codes mean.

    ``offset`` is the opposite of the zero point: AIMET and the formula ``real = (code + offset) *
    scale`` use it.

    >>> a = Affine(0.5, 3, IntFormat(4))
    >>> a.offset, a.grid
    (-3, (-5.5, 2.0))
    """

    scale: float
    zero_point: int
    format: IntFormat

    @property
    def offset(self) -> int:
        """``-zero_point``."""
        return -self.zero_point

    @property
    def grid(self) -> tuple[float, float]:
        """Least and largest real value that has a code; rounding the zero point moves it."""
        lo, hi = self.format.lo - self.zero_point, self.format.hi - self.zero_point
        return lo * self.scale, hi * self.scale


def scale_of_range(
    rule: str,
    least: float,
    largest: float,
    bits: int,
    *,
    dtype: Float = np.float64,
    include_zero: bool = True,
) -> float:
    """The scale of a tensor whose values lie in ``[least, largest]``.

    ================= ==================================================== =======================
    rule              scale, with h = 2**(bits-1), a = max(-min, max)      used by
    ================= ==================================================== =======================
    absmax_128        ``a / h``                                            AIMET v1 documents
    absmax_127_5      ``a / (h - 1/2)``                                    AIMET tf_enhanced, torch
    absmax_127        ``a / (h - 1)``                                      TFLite, XNNPACK
    max_127_min_128   ``max(max / (h - 1), -min / h)``                     AIMET min-max
    affine            ``(max - min) / (2**bits - 1)``                      all, asymmetric
    ================= ==================================================== =======================

    Parameters
    ----------
    rule : str
        One of `SCALE_RULES`; the names say the divisor at 8 bits.
    least, largest : float
    bits : int
        1..32; absmax_127 and max_127_min_128 need 2.
    dtype
        The float in which the one subtraction and division are done.
    include_zero : bool
        Affine only: widen the range to hold 0, so that padding has a code.

    Returns
    -------
    float
        A value of ``dtype``; 1 for a range that is only 0.

    Examples
    --------
    >>> [round(scale_of_range(rule, -1.0, 2.0, 8), 6) for rule in SCALE_RULES]
    [0.015625, 0.015686, 0.015748, 0.015748, 0.011765]
    >>> [scale_of_range("affine", 0.5, 1.0, 1, include_zero=zero) for zero in (True, False)]
    [1.0, 0.5]
    """
    lo, hi, half = dtype(least), dtype(largest), 1 << (bits - 1)
    if rule == "affine":
        if include_zero:
            lo, hi = min(lo, dtype(0)), max(hi, dtype(0))
        scale = (hi - lo) / dtype(2 * half - 1)
    elif rule == "max_127_min_128":
        scale = max(hi / dtype(half - 1), -lo / dtype(half))
    elif rule in SYMMETRIC_RULES:
        divisor = {"absmax_128": half, "absmax_127_5": half - 0.5, "absmax_127": half - 1}[rule]
        scale = max(-lo, hi) / dtype(divisor)
    else:
        raise ValueError(f"rule = {rule}: must be one of {', '.join(SCALE_RULES)}")
    return float(scale) if scale > 0 else 1.0


def affine_of(
    rule: str,
    x: Reals,
    form: IntFormat,
    *,
    dtype: Float = np.float64,
    include_zero: bool = True,
    centre_unsigned: bool = False,
) -> Affine:
    """Scale and zero point of a tensor by a named rule.

    ::

        affine      zero_point = -half_even(min / scale - lo)
        symmetric   zero_point = 0

    Parameters
    ----------
    rule : str
        One of `SCALE_RULES`.
    x : float ndarray
    form : IntFormat
    dtype
        The float in which scale and zero point are computed.
    include_zero : bool
        Affine only; without it the zero point may lie outside the format.
    centre_unsigned : bool
        What a symmetric rule does with an unsigned format: False keeps zero point 0, so that
        negative values become 0; True takes ``half_even((2**bits - 1) / 2)``, as AIMET 2.42 does.

    Examples
    --------
    >>> x = np.array([-2.0, 1.0])
    >>> affine_of("affine", x, IntFormat(8, signed=False)).zero_point
    170
    >>> u8 = IntFormat(8, signed=False)
    >>> [affine_of("absmax_128", x, u8, centre_unsigned=c).offset for c in (False, True)]
    [0, -128]
    """
    least, largest = float(x.min()), float(x.max())
    scale = scale_of_range(rule, least, largest, form.bits, dtype=dtype, include_zero=include_zero)
    if rule == "affine":
        low = min(least, 0.0) if include_zero else least
        zero_point = -int(np.rint(dtype(-form.lo) + dtype(low) / dtype(scale)))
    else:
        centred = centre_unsigned and not form.signed
        zero_point = int(np.rint(((1 << form.bits) - 1) / 2)) if centred else 0
    return Affine(scale, zero_point, form)


def quantize(
    x: Reals,
    affine: Affine,
    *,
    dtype: Float = np.float64,
    form: str = "division",
    rounding: Rounding = Rounding.HALF_EVEN,
    zero_point_inside: bool = False,
) -> tuple[Ints, int]:
    """Codes of real values, and how many of them the format clipped.

    ::

        division            code = round(x / scale) + zero_point
        reciprocal          code = round(x * (1 / scale)) + zero_point       all in ``dtype``
        reciprocal_float64  the reciprocal is taken in float64, then rounded to ``dtype``
        zero_point_inside   code = round(x / scale + zero_point)
        fused_reciprocal    code = round(f32(fma(x, f32(1 / scale), zero_point)))

    Parameters
    ----------
    x : float ndarray
        Finite.
    affine : Affine
    dtype
        The float of every operation; the result is rounded to an integer exactly.
    form : str
        One of `FORMS`: division (TFLite, ONNX Runtime, AIMET), reciprocal (torch fake-quantize),
        reciprocal_float64 (torch PT2E), fused_reciprocal (torch quantize_per_tensor).
    rounding : Rounding
        Any but STOCHASTIC; HALF_EVEN nearly everywhere, HALF_AWAY in TFLite.
    zero_point_inside : bool
        Ties then see the parity of the code itself.

    Returns
    -------
    codes : int64 ndarray of the shape of ``x``
    clips : int

    Examples
    --------
    >>> x = np.array([1.0, -0.5])
    >>> codes, clips = quantize(x, affine_of("absmax_128", x, IntFormat(8)))
    >>> codes.tolist(), clips  # 128 does not fit
    ([127, -64], 1)
    """
    values: NDArray[Any] = np.asarray(x).astype(dtype)
    with np.errstate(over="ignore"):  # what leaves the float is clipped below
        real = _scaled(values, affine, dtype, form)
        if zero_point_inside:
            real = real + dtype(affine.zero_point)
    bounded = np.clip(real.astype(np.float64).ravel(), -FARTHEST, FARTHEST)
    codes = round_each(bounded, int(rounding)).reshape(values.shape)
    if not (zero_point_inside or form == "fused_reciprocal"):
        codes = codes + affine.zero_point
    kept = np.clip(codes, affine.format.lo, affine.format.hi)
    return kept, int(np.count_nonzero(kept != codes))


def _scaled(values: NDArray[Any], affine: Affine, dtype: Float, form: str) -> NDArray[Any]:
    """``values / scale`` as ``form`` computes it; fused_reciprocal adds the zero point."""
    step: Any = dtype(affine.scale)
    if form == "division":
        return np.asarray(values / step)
    if form == "reciprocal":
        return np.asarray(values * (dtype(1) / step))
    if form == "reciprocal_float64":
        return np.asarray(values * dtype(1.0 / affine.scale))
    if form == "fused_reciprocal":
        inverse = np.float32(1) / np.float32(affine.scale)
        return fused_multiply_add(values.astype(np.float32), inverse, affine.zero_point)
    raise ValueError(f"form = {form}: must be one of {', '.join(FORMS)}")


def dequantize(codes: Ints, affine: Affine, *, dtype: Float = np.float64) -> Reals:
    """``(code - zero_point) * scale`` in ``dtype``.

    >>> dequantize(np.array([-1, 3]), Affine(0.5, 1, IntFormat(8))).tolist()
    [-1.0, 1.0]
    """
    centred: NDArray[Any] = (np.asarray(codes).astype(np.int64) - affine.zero_point).astype(dtype)
    scale: Any = dtype(affine.scale)
    return np.asarray(centred * scale)
