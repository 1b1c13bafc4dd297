"""Integer formats: a width is a range ``[lo, hi]``, not a dtype."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BITS = 64


@dataclass(frozen=True)
class IntFormat:
    """A two's complement or unsigned integer of ``bits`` bits, sign included.

    ::

        signed    [-2**(bits-1), 2**(bits-1) - 1]
        unsigned  [0, 2**bits - 1]
        narrow    lo raised by one (signed only), so that lo = -hi

    Operands and outputs use 1..32 bits, accumulators 2..64; who builds them checks that.

    >>> IntFormat(8), IntFormat(8).lo, IntFormat(8).hi
    (int8, -128, 127)
    >>> IntFormat(4, signed=False).hi
    15
    >>> IntFormat(8, narrow=True).lo
    -127
    >>> IntFormat(0)
    Traceback (most recent call last):
    ...
    ValueError: bits = 0: must be 1..64
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise ValueError(f"bits = {self.bits}: must be 1..{MAX_BITS}")
        if self.bits == MAX_BITS and not self.signed:
            raise ValueError(f"bits = {self.bits}: unsigned formats end at 63 bits")
        if self.narrow and (not self.signed or self.bits < 2):
            raise ValueError("narrow = True: only for signed formats of 2 bits and more")

    @property
    def lo(self) -> int:
        """Least code, included."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def hi(self) -> int:
        """Largest code, included."""
        return (1 << (self.bits - self.signed)) - 1

    def __contains__(self, code: int) -> bool:
        return self.lo <= code <= self.hi

    def __repr__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}{' narrow' if self.narrow else ''}"


def signed_bits(lo: int, hi: int, *, symmetric: bool = False) -> int:
    """Width of the smallest signed format that holds every integer in ``[lo, hi]``.

    ``symmetric``: the format's range is ``+-(2**(bits-1) - 1)``, as a register with
    ``saturate_symmetric`` keeps it.

    >>> signed_bits(-128, 127), signed_bits(-129, 0), signed_bits(0, 0)
    (8, 9, 1)
    >>> signed_bits(-128, 127, symmetric=True)
    9
    """
    lo, hi = int(lo), int(hi)
    if symmetric:
        reach = max(-lo, hi)
        return reach.bit_length() + 1
    return max((-lo - 1).bit_length() if lo < 0 else 0, hi.bit_length() if hi > 0 else 0) + 1
