"""What each requantization scheme can take: int64 is never left, shifts stay within their range."""

from __future__ import annotations

from hwsim.arith.formats import IntFormat
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import MAX_SHIFT, Reals
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_integers import shifted_addend
from hwsim.errors import ConfigError

EXACT = (1 << 63) - (1 << 33)  # room in int64 for a zero point or 32 random bits
WIDEST_THRESHOLD_OUTPUT = 12
RANDOM_BITS = 32
WIDEST_LEFT_SHIFT = -31
INTEGER_SCHEMES = frozenset(
    {
        Scheme.MULTIPLIER_SHIFT,
        Scheme.MULTIPLIER_SHIFT_DOUBLE,
        Scheme.FIXED_FRACTION,
        Scheme.REDUCED_16,
        Scheme.REDUCED_16_NARROW,
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
    bias_steps: Reals,
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
            scheme in (Scheme.REDUCED_16, Scheme.REDUCED_16_NARROW) and reach > 1 << 47,
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
        inside = scheme == Scheme.MULTIPLY_ADD_SHIFT
        pairs = zip(bias_steps.tolist(), shift.tolist(), strict=True)
        add = [shifted_addend(zero_point, *pair) if inside else 0 for pair in pairs]
        _refuse_wide(multiplier, shift, add, reach, where)


def _refuse_shifts(scheme: Scheme, rounding: Rounding, shift: Ints, reach: int, where: str) -> None:
    """Shifts that the scheme does not have."""
    to_left = scheme in (Scheme.MULTIPLIER_SHIFT, Scheme.SHIFT_ONLY)
    least = WIDEST_LEFT_SHIFT if to_left else int(scheme == Scheme.REDUCED_16_NARROW)
    largest = RANDOM_BITS if rounding == Rounding.STOCHASTIC else MAX_SHIFT
    if scheme == Scheme.SHIFT_ONLY and reach >= 1 << (MAX_SHIFT - 1):
        largest = min(largest, MAX_SHIFT - 1)  # 62 stands for every larger shift: see build
    for channel, bits in enumerate(shift.tolist()):
        if not least <= bits <= largest:
            field = f"requantize.shift of channel {channel}"
            raise ConfigError.at(where, field, bits, f"must be {least}..{largest}")


def _refuse_wide(multiplier: Ints, shift: Ints, addends: list[int], reach: int, where: str) -> None:
    """A product that could leave int64."""
    largest, left = int(multiplier.max(initial=0)), max(-int(shift.min(initial=0)), 0)
    if ((reach * largest) << left) + max(map(abs, addends), default=0) <= EXACT:
        return  # not even with the worst of every channel
    channels = zip(multiplier.tolist(), shift.tolist(), addends, strict=True)
    for channel, (factor, bits, add) in enumerate(channels):
        widest = ((reach * factor) << max(-bits, 0)) + abs(add)
        if widest > EXACT:
            field = f"requantizer intermediate of channel {channel}"
            raise ConfigError.at(where, field, widest, "must stay below 2**63")
