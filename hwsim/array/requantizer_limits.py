"""What each requantization scheme can take: int64 is never left, shifts stay within their range."""

from __future__ import annotations

from hwsim.arith.formats import IntFormat
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import MAX_SHIFT
from hwsim.array.gemm import Ints
from hwsim.errors import ConfigError

EXACT = (1 << 63) - (1 << 33)  # room in int64 for a zero point or 32 random bits
WIDEST_THRESHOLD_OUTPUT = 12
RANDOM_BITS = 32
WIDEST_LEFT_SHIFT = -31
INTEGER_SCHEMES = frozenset(
    {
        Scheme.MULTIPLIER_SHIFT,
        Scheme.MULTIPLIER_SHIFT_DOUBLE,
        Scheme.REDUCED_16,
        Scheme.SHIFT_ONLY,
        Scheme.MULTIPLY_ADD_SHIFT,
    }
)


def refuse(
    scheme: Scheme,
    rounding: Rounding,
    multiplier: Ints,
    shift: Ints,
    zero_point: int,
    output: IntFormat,
    accumulator: tuple[int, int],
    where: str,
) -> None:
    """Raise where the scheme cannot take the accumulator, naming the first channel that cannot."""
    lo, hi = accumulator
    reach = max(-lo, hi)
    for wrong, must in (
        (
            scheme == Scheme.MULTIPLIER_SHIFT_DOUBLE and (lo < -(1 << 31) or hi >= 1 << 31),
            f"needs an int32 accumulator; this one holds {lo}..{hi}",
        ),
        (
            scheme == Scheme.REDUCED_16 and reach > 1 << 47,
            f"needs an accumulator of 48 bits at most; this one holds {lo}..{hi}",
        ),
        (
            scheme == Scheme.THRESHOLD_TABLE and reach >= 1 << 62,
            f"needs an accumulator below 2**62; this one holds {lo}..{hi}",
        ),
        (
            scheme == Scheme.THRESHOLD_TABLE and output.bits > WIDEST_THRESHOLD_OUTPUT,
            f"needs an output of {WIDEST_THRESHOLD_OUTPUT} bits at most, not {output.bits}",
        ),
    ):
        if wrong:
            raise ConfigError.at(where, "requantize.scheme", scheme.name.lower(), must)
    if scheme in INTEGER_SCHEMES:
        _refuse_shifts(scheme, rounding, shift, reach, where)
        add = zero_point if scheme == Scheme.MULTIPLY_ADD_SHIFT else 0
        _refuse_wide(multiplier, shift, add, reach, where)


def _refuse_shifts(scheme: Scheme, rounding: Rounding, shift: Ints, reach: int, where: str) -> None:
    """Shifts that the scheme does not have."""
    to_left = scheme in (Scheme.MULTIPLIER_SHIFT, Scheme.SHIFT_ONLY)
    least = WIDEST_LEFT_SHIFT if to_left else 0
    largest = RANDOM_BITS if rounding == Rounding.STOCHASTIC else MAX_SHIFT
    if scheme == Scheme.SHIFT_ONLY and reach >= 1 << (MAX_SHIFT - 1):
        largest = min(largest, MAX_SHIFT - 1)  # 62 stands for every larger shift: see build
    for channel, bits in enumerate(shift.tolist()):
        if not least <= bits <= largest:
            field = f"requantize.shift of channel {channel}"
            raise ConfigError.at(where, field, bits, f"must be {least}..{largest}")


def _refuse_wide(multiplier: Ints, shift: Ints, add: int, reach: int, where: str) -> None:
    """A product that could leave int64."""
    pairs = zip(multiplier.tolist(), shift.tolist(), strict=True)
    for channel, (factor, bits) in enumerate(pairs):
        widest = ((reach * factor) << max(-bits, 0)) + (abs(add) << max(bits, 0))
        if widest > EXACT:
            field = f"requantizer intermediate of channel {channel}"
            raise ConfigError.at(where, field, widest, "must stay below 2**63")
