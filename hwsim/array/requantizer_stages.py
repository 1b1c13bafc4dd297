"""What stands around a scheme: the register that narrows its sums, and channels past the vectors.

::

    accumulator -> narrow (optional) -> scheme, its last step rounded by channel -> output stage
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim._jit import kernel
from hwsim.arith import narrowing
from hwsim.arith.formats import IntFormat
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_kernel import Flags
from hwsim.array.specification import NarrowSpec, TailSpec, overflow_code, rounding_code


@dataclass(frozen=True, eq=False)
class Requantized:
    """What leaves the requantizer.

    Attributes
    ----------
    codes : int64 ndarray of shape (S, G, M, N)
        Zero point added, clamped to the activation, in the output format.
    clipped : bool ndarray of shape (S, G, M, N)
        Saturated by the output format; the activation clamp does not count.
    events : bool ndarray of shape (S, G, M, N)
        An intermediate wrapped or saturated.
    """

    codes: Ints
    clipped: Flags
    events: Flags


def narrowed(accumulator: Ints, spec: NarrowSpec) -> tuple[Ints, Flags]:
    """Every sum in the narrower register, and where it did not fit: arrays of the same shape."""
    values = np.empty(accumulator.size, np.int64)
    events = np.empty(accumulator.size, np.bool_)
    _narrow_each(
        accumulator.reshape(-1),
        spec.shift,
        rounding_code(spec.rounding),
        (spec.format.lo, spec.format.hi, overflow_code(spec.overflow), spec.wrap_bits),
        values,
        events,
    )
    return values.reshape(accumulator.shape), events.reshape(accumulator.shape)


@kernel
def _narrow_each(
    accumulator: np.ndarray,
    shift: int,
    rounding: int,
    register: tuple[int, int, int, int],
    values: np.ndarray,
    events: np.ndarray,
) -> None:
    """`narrowing.narrow` of every element; ``register``: lo, hi, overflow, wrap_bits."""
    for i in range(accumulator.size):
        values[i], events[i] = narrowing.narrow(accumulator[i], shift, rounding, *register)


def narrowed_range(accumulator: tuple[int, int], spec: NarrowSpec) -> tuple[int, int]:
    """Least and largest value that leaves the register, of sums in ``accumulator``.

    >>> eight = NarrowSpec(shift=2, rounding="half_away", bits=8, overflow="saturate")
    >>> narrowed_range((-10, 1000), eight)
    (-3, 127)
    """
    rounding = int(Rounding[spec.rounding.upper()])
    lo, hi = (int(shift_right(end, spec.shift, rounding)) for end in accumulator)
    register = spec.format
    if register.lo <= lo and hi <= register.hi:
        return lo, hi
    if spec.overflow == "saturate":
        return max(lo, register.lo), min(hi, register.hi)
    return register.lo, register.hi


def tail_of(channels: int, spec: TailSpec | None) -> int:
    """The first channel of the tail; ``channels`` where every channel fills a vector.

    ::

        first = lanes * floor(channels / lanes)

    >>> tail_of(20, TailSpec(lanes=8, rounding="half_away")), tail_of(20, None)
    (16, 20)
    """
    return channels if spec is None else channels - channels % spec.lanes


def ends_of(clamp: tuple[int | None, int | None], output: IntFormat) -> tuple[int, int, int, int]:
    """Least and largest code of the activation clamp, then of the format, as kernels take them.

    >>> ends_of((0, None), IntFormat(8))[0], ends_of((0, None), IntFormat(8))[2:]
    (0, (-128, 127))
    """
    least, largest = clamp
    least = -(1 << 63) if least is None else least
    return least, (1 << 63) - 1 if largest is None else largest, output.lo, output.hi


def output_stage(
    codes: Ints, clamp: tuple[int | None, int | None], output: IntFormat
) -> tuple[Ints, Flags]:
    """Activation clamp, then the output format: the codes, and which the format saturated.

    >>> codes, clipped = output_stage(np.array([-200, 5, 90]), (0, None), IntFormat(7))
    >>> codes.tolist(), clipped.tolist()
    ([0, 5, 63], [False, False, True])
    """
    least, largest = clamp
    if least is not None or largest is not None:
        codes = np.clip(codes, least, largest)
    kept = np.clip(codes, output.lo, output.hi)
    return kept, kept != codes
