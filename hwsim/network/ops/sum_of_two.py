"""The arithmetic of ``add`` and ``sub``: one function a scheme, codes in, codes out.

With ``ra = sa / sy``, ``rb = sb / sy`` (composed as ``scale`` says) and ``sign`` +1 or -1:
``y = clamp(round(ra * (a - za) + sign * rb * (b - zb)) + zy)``, evaluated as each function states.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.real import round_each, round_real
from hwsim.arith.requantize import shift_by
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import multiplier_and_shift, power_of_two_shift
from hwsim.array.gemm import Ints
from hwsim.array.specification import rounding_code
from hwsim.errors import ConfigError
from hwsim.network.ops.policy import format_of, refuse
from hwsim.network.ops.sum_of_multiplied import double, shift_or_multipliers
from hwsim.network.ops.sum_of_reals import float32_dequantized
from hwsim.network.ops.sum_terms import Terms

MAX_REACH = 1 << 62


def sum_of_two(a: Ints, b: Ints, terms: Terms) -> Ints:
    """``a + b`` or ``a - b`` as output codes, zero point added, not yet clamped.

    ``a``, ``b``: int64 codes of shapes that broadcast to one another.
    """
    if terms.policy.scheme not in _SCHEMES:
        raise refuse(terms.where, "add", terms.policy, tuple(_SCHEMES))
    a, b = np.broadcast_arrays(a, b)
    flat = _SCHEMES[terms.policy.scheme](a.ravel(), b.ravel(), terms)
    return flat.reshape(a.shape)


def multiplier_shift(a: Ints, b: Ints, terms: Terms) -> Ints:
    """Two multipliers of one shift, one rounding.

    ::

        s: the larger ratio's, so that its multiplier has N bits (a carry is renormalized)
        Ma = half_away(ra * 2**s),  Mb = half_away(rb * 2**s)
        y = round(((a - za) * Ma + sign * (b - zb) * Mb) / 2**s) + zy
    """
    _, shift = multiplier_and_shift(max(terms.ratios), terms.multiplier_bits)
    ma, mb = (round_real(math.ldexp(r, shift), int(Rounding.HALF_AWAY)) for r in terms.ratios)
    return _shifted(a, b, terms, (ma, mb), shift)


def shared_shift(a: Ints, b: Ints, terms: Terms) -> Ints:
    """XNNPACK's form of the same: multipliers half even, a carry to ``2**N`` kept.

    ::

        s = N - 1 - floor(log2(max(ra, rb)))
        Ma = rint(ra * 2**s),  Mb = rint(rb * 2**s)

    With N = 21, scale float32_product_quotient and rounding half_up this is XNNPACK's ADD.
    """
    _, exponent = math.frexp(max(terms.ratios))
    shift = terms.multiplier_bits - exponent
    ma, mb = (round_real(math.ldexp(r, shift), int(Rounding.HALF_EVEN)) for r in terms.ratios)
    return _shifted(a, b, terms, (ma, mb), shift)


def shift_only(a: Ints, b: Ints, terms: Terms) -> Ints:
    """Ratios as their nearest powers of two, added on the finer grid, rounded once.

    ::

        na, nb = power_of_two_shift(ra), power_of_two_shift(rb),  s = max(na, nb)
        y = round((((a - za) << (s - na)) + sign * ((b - zb) << (s - nb))) / 2**s) + zy
    """
    na, nb = (power_of_two_shift(r) for r in terms.ratios)
    shift = max(na, nb)
    return _shifted(a, b, terms, (1 << (shift - na), 1 << (shift - nb)), shift)


def float32(a: Ints, b: Ints, terms: Terms) -> Ints:
    """ONNX Runtime's QLinearAdd: every operation in binary32, the zero point inside the rounding.

    ::

        ra = f32(sa / sy),  rb = f32(sign * sb / sy)
        y = rint(a * ra + (b * rb + (zy - (ra * za + rb * zb))))

    Checked against ONNX Runtime on 12,600 outputs.
    """
    if terms.policy.rounding != "half_even":
        must = "must be half_even for scheme float32"
        raise ConfigError.at(terms.where, "operators.add.rounding", terms.policy.rounding, must)
    one = np.float32(terms.output.scale)
    ra = np.float32(terms.a.scale) / one
    rb = np.float32(terms.sign) * (np.float32(terms.b.scale) / one)
    offset = np.float32(terms.output.zero_point) - (
        ra * np.float32(terms.a.zero_point) + rb * np.float32(terms.b.zero_point)
    )
    total = a.astype(np.float32) * ra + (b.astype(np.float32) * rb + offset)
    return round_each(total.astype(np.float64), int(Rounding.HALF_EVEN))


def float64(a: Ints, b: Ints, terms: Terms) -> Ints:
    """Every operation in binary64, one rounding by the policy's rule, then the zero point.

    ::

        y = round(f64((a - za) * ra) + sign * f64((b - zb) * rb)) + zy
    """
    ra, rb = terms.ratios
    total = (a - terms.a.zero_point) * ra + terms.sign * ((b - terms.b.zero_point) * rb)
    return round_each(total, rounding_code(terms.policy.rounding)) + terms.output.zero_point


def _shifted(a: Ints, b: Ints, terms: Terms, multipliers: tuple[int, int], shift: int) -> Ints:
    """``round(((a - za) * Ma + sign * (b - zb) * Mb) / 2**shift) + zy``, in int64."""
    reach = 0
    for tensor, multiplier in zip((terms.a, terms.b), multipliers, strict=True):
        kept = format_of(tensor, terms.where)
        widest = max(abs(kept.lo - tensor.zero_point), abs(kept.hi - tensor.zero_point))
        reach += widest * multiplier
    if reach << max(-shift, 0) >= MAX_REACH or shift > 62:
        must = "must be closer together, so that the sum stays in int64"
        raise ConfigError.at(terms.where, "scales / output scale", terms.ratios, must)
    total = (a - terms.a.zero_point) * multipliers[0]
    total += (b - terms.b.zero_point) * (terms.sign * multipliers[1])
    rounding = rounding_code(terms.policy.rounding)
    return _shift_each(total, shift, rounding) + terms.output.zero_point


@kernel
def _shift_each(total: Ints, shift: int, rounding: int) -> Ints:
    """`shift_by` of every element."""
    out = np.empty_like(total)
    for i in range(total.size):
        out[i] = shift_by(total[i], shift, rounding, 0)
    return out


_SCHEMES: dict[str, Callable[[Ints, Ints, Terms], Ints]] = {
    "float32": float32,
    "float32_dequantized": float32_dequantized,
    "real_bias": float32_dequantized,
    "float64": float64,
    "multiplier_shift": multiplier_shift,
    "multiplier_shift_double": double,
    "shared_shift": shared_shift,
    "three_multipliers": double,
    "shift_only": shift_only,
    "shift_or_multipliers": shift_or_multipliers,
}
