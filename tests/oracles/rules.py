"""Rounding, overflow and width by other mathematics than hwsim's: fractions and strings of bits."""

from fractions import Fraction
from math import ceil, floor, trunc

HALF = Fraction(1, 2)


def away_from_zero(magnitude_rule, x: Fraction) -> int:
    """A rule stated on |x|, with the sign put back."""
    return magnitude_rule(abs(x)) * (1 if x >= 0 else -1)


ROUNDINGS = {
    "floor": floor,
    "ceil": ceil,
    "toward_zero": trunc,
    "away": lambda x: away_from_zero(ceil, x),
    "half_up": lambda x: floor(x + HALF),
    "half_down": lambda x: ceil(x - HALF),
    "half_toward_zero": lambda x: away_from_zero(lambda y: ceil(y - HALF), x),
    "half_away": lambda x: away_from_zero(lambda y: floor(y + HALF), x),
    "half_even": lambda x: round(x),  # Python: ties of a Fraction to the even integer
    "odd": lambda x: (
        int(x) if x.denominator == 1 else next(n for n in (floor(x), ceil(x)) if n % 2)
    ),
}


def rounded(x: Fraction, rule: str) -> int:
    """The integer that ``rule`` makes of the rational number x."""
    return ROUNDINGS[rule](Fraction(x))


def product(a: int, w: int, drop_bits: int, rounding: str) -> int:
    """DATAPATH.md section 3: ``round(a * w / 2**drop_bits) * 2**drop_bits``."""
    return rounded(Fraction(a * w, 2**drop_bits), rounding) * 2**drop_bits


def fits(x: int, bits: int, rule: str) -> bool:
    """Whether a register of this width and rule can hold x."""
    least = -(2 ** (bits - 1)) + (rule == "saturate_symmetric" and bits > 0)
    return least <= x <= 2 ** (bits - 1) - 1


def kept(x: int, bits: int, rule: str, wrap_bits: int = 0) -> int:
    """What a signed register of ``bits`` bits holds after x was stored (IEEE 1666, 7.10.9)."""
    if fits(x, bits, rule):
        return x
    if rule in ("saturate", "trap", "saturate_symmetric"):
        top = 2 ** (bits - 1) - 1
        return top if x > 0 else (-top if rule == "saturate_symmetric" else -top - 1)
    if rule == "saturate_zero":
        return 0
    if rule == "wrap" and wrap_bits == 0:
        return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    return number(_kept_bits(x, bits, rule, wrap_bits))


def _kept_bits(x: int, bits: int, rule: str, n: int) -> str:
    """The rules that IEEE 1666 states bit by bit, on a string, most significant bit first."""
    original = bit_string(x, max(x.bit_length(), bits) + 2)
    sign, remaining = original[0], original[-bits:]
    if rule == "wrap_sign_magnitude" and n <= 1:
        new_sign = sign if n == 1 else original[-bits - 1]  # n = 0: the lowest deleted bit
        return remaining if new_sign == remaining[0] else inverted(remaining)
    saturated = sign + inverted(sign) * (n - 1)
    copied = remaining[n:]
    if rule == "wrap_sign_magnitude" and saturated[-1] != remaining[n - 1]:
        copied = inverted(copied)
    return saturated + copied


def bit_string(x: int, width: int) -> str:
    """Two's complement, most significant bit first."""
    return format(x % 2**width, f"0{width}b")


def number(string: str) -> int:
    """The value of a two's complement string."""
    return int(string, 2) - (2 ** len(string) if string[0] == "1" else 0)


def inverted(string: str) -> str:
    """Every bit the other way."""
    return string.translate(str.maketrans("01", "10"))


def width(values, *, symmetric: bool = False) -> int:
    """The smallest signed width that holds every value, by trying."""
    rule = "saturate_symmetric" if symmetric else "saturate"
    bits = 1
    while not all(fits(v, bits, rule) for v in values):
        bits += 1
    return bits
