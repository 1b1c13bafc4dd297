"""The loop over one layer's outputs, compiled once for each scheme and rounding rule in use.

Scheme and rounding are integers that a factory captures: as constants they let the compiler drop
the other rules and vectorize the one that stays (0.3 ns an output; 8 ns as run-time numbers). Rare
rounding rules share one kernel for each scheme and stay run-time numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith import narrowing, real_bias, requantize, tables
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import Reals
from hwsim.array.gemm import Ints

Flags = NDArray[np.bool_]

SHORT_ROW = 16
FLOAT32, FLOAT64 = int(Scheme.FLOAT32), int(Scheme.FLOAT64)
MULTIPLIER_SHIFT = int(Scheme.MULTIPLIER_SHIFT)
FIXED_FRACTION = int(Scheme.FIXED_FRACTION)  # a multiplier and a shift, made by another rule
MULTIPLIER_SHIFT_DOUBLE = int(Scheme.MULTIPLIER_SHIFT_DOUBLE)
REDUCED_16, SHIFT_ONLY = int(Scheme.REDUCED_16), int(Scheme.SHIFT_ONLY)
MULTIPLY_ADD_SHIFT = int(Scheme.MULTIPLY_ADD_SHIFT)
THRESHOLD_TABLE = int(Scheme.THRESHOLD_TABLE)
REDUCED_16_NARROW = int(Scheme.REDUCED_16_NARROW)
FLOAT32_BIAS = int(Scheme.FLOAT32_BIAS)
FLOAT32_DEQUANTIZED = int(Scheme.FLOAT32_DEQUANTIZED)
REAL_BIAS = int(Scheme.REAL_BIAS)
STOCHASTIC = int(Rounding.STOCHASTIC)
AT_RUN_TIME = -1
AS_THEY_ARE = (0, -(1 << 63), (1 << 63) - 1)
FREQUENT = frozenset({Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.HALF_EVEN, Rounding.FLOOR})
TABLE_SCHEMES = frozenset({Scheme.THRESHOLD_TABLE, Scheme.LOOKUP_TABLE})  # rounded when made


@cache
def rows_kernel(scheme: int, captured: int) -> Callable[..., None]:
    """The kernel of one scheme and one rounding rule, or of all rules: AT_RUN_TIME.

    ::

        rows(accumulator, multiplier, shift, add, reals, table, random, asked, output, values,
             events)

    ``accumulator`` (int64 or int32), ``values`` (signed or not, as wide as ``output`` asks) and
    ``events`` (bool): (S, G, R, L); ``output``: zero point to add, least and largest value to
    keep (`AS_THEY_ARE`: 0 and all of int64); ``multiplier``,
    ``shift``, ``add``: (G, L), the channel of each element of a row; ``reals``: (constants, G, L),
    in the order of the scheme's arguments; ``table``: (G, L, entries); ``random``: (G, R, L) LFSR
    states, read under STOCHASTIC only; ``asked``: the rounding rule, read AT_RUN_TIME only.
    """

    multiplied = scheme in (MULTIPLIER_SHIFT, FIXED_FRACTION)  # a constant: the rest is dropped

    @kernel
    def rows(  # type: ignore[no-untyped-def]
        accumulator, multiplier, shift, add, reals, table, random, asked, output, values, events
    ):
        samples, groups, height, length = accumulator.shape
        rounding = captured if captured != AT_RUN_TIME else asked
        zero_point, least, largest = output
        for s in range(samples):
            for g in range(groups):
                for i in range(height):
                    for j in range(length):
                        x = int(accumulator[s, g, i, j])  # int64 of int32 too
                        m, n, a = multiplier[g, j], shift[g, j], add[g, j]
                        state = random[g, i, j] if rounding == STOCHASTIC else 0
                        if multiplied:
                            v, e = requantize.multiplier_shift(x, m, n, rounding, state)
                        elif scheme == MULTIPLIER_SHIFT_DOUBLE:
                            v, e = requantize.multiplier_shift_double(x, m, n, rounding)
                        elif scheme == FLOAT32:
                            v, e = requantize.float32(x, reals[0, g, j])
                        elif scheme == FLOAT64:
                            v, e = requantize.float64(x, reals[0, g, j], a)
                        elif scheme == FLOAT32_BIAS:
                            v, e = real_bias.float32_bias(x, reals[0, g, j], reals[1, g, j])
                        elif scheme == FLOAT32_DEQUANTIZED:
                            unit, weight, b = reals[0, g, j], reals[1, g, j], reals[2, g, j]
                            steps = reals[3, g, j]
                            v, e = real_bias.float32_dequantized(x, unit, weight, b, steps, a)
                        elif scheme == REAL_BIAS:
                            unit, b, divisor = reals[0, g, j], reals[1, g, j], reals[2, g, j]
                            v, e = real_bias.real_bias(x, unit, b, divisor, reals[3, g, j])
                        elif scheme == REDUCED_16:
                            v, e = requantize.reduced_16(x, m, n)
                        elif scheme == REDUCED_16_NARROW:
                            v, e = narrowing.reduced_16_narrow(x, m, n)
                        elif scheme == SHIFT_ONLY:
                            v, e = requantize.shift_only(x, n, rounding, state)
                        elif scheme == MULTIPLY_ADD_SHIFT:
                            v, e = requantize.multiply_add_shift(x, m, a, n, rounding, state)
                        elif scheme == THRESHOLD_TABLE:
                            v, e = tables.threshold_table(x, a, table[g, j])
                        else:
                            v, e = tables.lookup_table(x, n, table[g, j])
                        values[s, g, i, j] = min(max(v + zero_point, least), largest)
                        events[s, g, i, j] = e

    return rows


def requantize_all(
    accumulator: Ints,
    scheme: Scheme,
    rounding: Rounding,
    integers: tuple[Ints, Ints, Ints],
    reals: Reals,
    table: Ints,
    random: Ints,
) -> tuple[Ints, Flags]:
    """Every output of a layer: values (int64) and events (bool) of shape (S, G, M, N).

    ``integers``: multiplier, shift and add, each of shape (G * N,); ``reals``: (constants, G * N);
    ``table``: (G * N, entries); ``random``: (G, M, N) or, where it is not read, anything of three
    axes. Short rows (a depthwise layer has N = 1) are laid end to end, their channels repeated.
    """
    samples, groups, m, n = accumulator.shape
    values = np.empty(accumulator.shape, np.int64)
    events = np.empty(accumulator.shape, np.bool_)
    repeats = m if n < SHORT_ROW and table.shape[1] == 0 else 1
    rows = (m // repeats if m else 0, repeats * n)
    by_row = [np.tile(c.reshape(groups, n), (1, repeats)) for c in integers]
    reals = np.tile(reals.reshape(len(reals), groups, n), (1, 1, repeats))
    table = table.reshape(groups, n, -1) if table.size else np.empty((groups, rows[1], 0), np.int64)
    captured = int(rounding) if rounding in FREQUENT else AT_RUN_TIME
    if scheme in TABLE_SCHEMES:
        captured = AT_RUN_TIME
    rows_kernel(int(scheme), captured)(
        np.ascontiguousarray(accumulator, np.int64).reshape(samples, groups, *rows),
        *by_row,
        reals,
        table,
        random.reshape(groups, *rows) if rounding == Rounding.STOCHASTIC else random,
        int(rounding),
        AS_THEY_ARE,
        values.reshape(samples, groups, *rows),
        events.reshape(samples, groups, *rows),
    )
    return values, events
