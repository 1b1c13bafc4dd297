"""Binary floating point and requantization schemes with fractions; imports nothing of hwsim."""

from fractions import Fraction

from oracles.rules import rounded


def nearest_float(x: Fraction, precision: int) -> Fraction:
    """x with ``precision`` significant bits, ties to even; no limit on the exponent."""
    if x == 0:
        return Fraction(0)
    exponent = 0
    while abs(x) >= Fraction(2) ** (exponent + precision):
        exponent += 1
    while abs(x) < Fraction(2) ** (exponent + precision - 1):
        exponent -= 1
    return rounded(x / Fraction(2) ** exponent, "half_even") * Fraction(2) ** exponent


def wrapped(x: int, bits: int) -> int:
    """Two's complement."""
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def float32(acc: int, factor: Fraction) -> int:
    """Accumulator and product rounded to binary32, then to an integer, ties to even."""
    return rounded(nearest_float(nearest_float(Fraction(acc), 24) * factor, 24), "half_even")


def float64(acc: int, factor: Fraction, zero_point: int) -> tuple[int, bool]:
    """Product in binary64, ties away, x86's cast to int32, then a wrapping addition."""
    product = nearest_float(nearest_float(Fraction(acc), 53) * factor, 53)
    value = rounded(product, "half_away")
    outside = not -(2**31) <= value < 2**31
    total = (-(2**31) if outside else value) + zero_point
    return wrapped(total, 32), outside or not -(2**31) <= total < 2**31


def multiplier_shift_double(acc: int, multiplier: int, exponent: int, rule: str):
    """gemmlowp by its real meaning: two roundings of two quotients."""
    shifted = acc * 2 ** max(exponent, 0)
    kept = wrapped(shifted, 32)
    high = rounded(Fraction(kept * multiplier, 2**31), "half_up")
    return rounded(Fraction(high, 2 ** max(-exponent, 0)), rule), kept != shifted


def reduced_16(acc: int, multiplier: int, shift: int) -> tuple[int, bool]:
    """One rounding, ties up, then int32."""
    value = rounded(Fraction(acc * multiplier, 2**shift), "half_up")
    return wrapped(value, 32), value != wrapped(value, 32)
