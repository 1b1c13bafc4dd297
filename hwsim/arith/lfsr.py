"""The random source of stochastic rounding: one Galois LFSR of 32 bits for each array column.

In hardware: a 32-bit register for each column. At the first element of a layer and of a sample,
column c loads ``(seed + c) mod 2**32``, with 0 replaced by 1. For each element that leaves the
column the register takes its next state, ``(s >> 1) ^ (polynomial if s[0] else 0)``, and the
requantizer adds the low ``shift`` bits of that *new* state to the scaled accumulator before it
drops ``shift`` bits. Elements leave a column in ascending m within an n tile; n tiles follow one
after the other, groups one after the other; output n belongs to column ``n mod cols``. A runtime
without an array has one register for each channel ``g * N + n``.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel

STATE_MASK = 0xFFFFFFFF


@kernel
def lfsr_start(seed: int, column: int) -> int:
    """State of a column's register at the start of a layer and of a sample.

    >>> lfsr_start(5, 2), lfsr_start(0xFFFFFFFF, 1)
    (7, 1)
    """
    state = (seed + column) & STATE_MASK
    return state if state != 0 else 1


@kernel
def lfsr_next(state: int, polynomial: int) -> int:
    """Next state: ``(state >> 1) ^ (polynomial if state & 1 else 0)``.

    >>> [hex(lfsr_next(s, 0x80200003)) for s in (1, 0x80200003, 2)]
    ['0x80200003', '0xc0300002', '0x1']
    """
    return (state >> 1) ^ (polynomial * (state & 1))


@kernel
def random_numbers(
    groups: int, m: int, n: int, columns: int, polynomial: int, seed: int
) -> np.ndarray:
    """The LFSR state that rounds each output of one layer, the same for every sample.

    Parameters
    ----------
    groups, m, n : int
        Extents of one image's outputs.
    columns : int
        Array columns; 0: no array, one register for each channel.
    polynomial, seed : int
        1..2**32 - 1.

    Returns
    -------
    int64 ndarray of shape (groups, m, n)
        1..2**32 - 1.

    Examples
    --------
    >>> random_numbers(1, 2, 3, 2, 0x80200003, 1)[0].tolist()  # n = 2 continues column 0
    [[2149580803, 1, 1612185601], [3224371202, 2149580803, 2955673603]]
    """
    registers = columns if columns > 0 else groups * n
    state = np.empty(registers, np.int64)
    for column in range(registers):
        state[column] = lfsr_start(seed, column)
    out = np.empty((groups, m, n), np.int64)
    for g in range(groups):
        for j in range(n):
            column = j % columns if columns > 0 else g * n + j
            for i in range(m):
                state[column] = lfsr_next(state[column], polynomial)
                out[g, i, j] = state[column]
    return out
