"""Exact sums, and the proof that no register on their way could have changed them.

Where no activation is negative, a product has its weight's sign. Let P be the sum of the products
of an output's positive weights, and -N that of the negative ones. Then, in whatever order, ::

    start - N <= every partial sum <= start + P

and of every fold of a chain, which begins with 0, ``-N <= every partial sum <= P``. Registers that
hold these ends keep every sum. P is one exact product more, and N = P - (sum of all products): two
quick products in place of one that saturates at each step. Weights alone prove less: they must
reckon with the largest activations (`hwsim.array.bounds`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.array.exact_sums import add_exact

NEAR = 1 << 15  # sums of parts that are added together
PATIENCE = 4  # parts that may fail before as many have held, and one more


class Ends(NamedTuple):
    """What proves outputs, by channel.

    Attributes
    ----------
    up, down : int32 ndarrays of shape (outputs * blocks * lanes,)
        ``P <= up`` and ``P - out <= down``, for some outputs side by side: long rows are quicker.
    lo, hi : int
        Ends of the register that holds ``out``.
    """

    up: NDArray[np.int32]
    down: NDArray[np.int32]
    lo: int
    hi: int


@kernel
def holds(out, positive, ends):  # type: ignore[no-untyped-def]
    """Whether all outputs, of shape (places, blocks, lanes), are proven.

    >>> of_one = np.full(1, 90, np.int32)
    >>> ends = Ends(of_one, of_one, -100, 100)
    >>> found = [np.array([[[v]]], np.int32) for v in (-10, 80, 81)]
    >>> [holds(found[0], p, ends) for p in found[1:]]  # N: 90, 91
    [True, False]
    """
    word = out.dtype.type
    lo, hi, up, down = word(ends.lo), word(ends.hi), ends.up, ends.down
    sums, positives = out.reshape(-1), positive.reshape(-1)
    room = word(0)  # its sign is set once any difference is negative
    for begin in range(0, sums.size, up.size):
        row, above = sums[begin : begin + up.size], positives[begin : begin + up.size]
        for n in range(row.size):
            room |= word(up[n] - above[n]) | word(down[n] - word(above[n] - row[n]))
            room |= word(row[n] - lo) | word(hi - row[n])
    return room >= 0


@kernel
def proven_sums(x, places, jump, w, positive, start, start_positive, ends, each, out, proven):  # type: ignore[no-untyped-def]
    """Exact sums to ``out``, and which parts of so many places ``each`` are proven.

    Parameters
    ----------
    x, places, jump, w, start, out
        As `hwsim.array.exact_sums.add_exact` has them.
    positive, start_positive
        In place of ``w`` and ``start``, for P.
    ends : Ends
        No one of them, of P, of ``out`` and of their difference is 2**30 from 0, or farther.
    each : int
        A multiple of the tile of places.
    proven : bool ndarray of shape (parts,), all False
        Written. Where most parts fail, those behind are not looked at: their sums are of no use.
    """
    most = max(NEAR // (each * start.size), 1)
    above = np.empty((min(most * each, places.size), *start.shape), np.int32)
    failed = held = first = 0
    parts = 1
    while first < proven.size and failed <= held + PATIENCE:
        some = places[first * each : (first + parts) * each]
        sums, positives = out[first * each : (first + parts) * each], above[: some.size]
        add_exact(x, some, jump, w, start, sums)  # type: ignore[no-untyped-call]
        add_exact(x, some, jump, positive, start_positive, positives)  # type: ignore[no-untyped-call]
        for part in range(min(parts, proven.size - first)):
            if failed > held + PATIENCE:
                break
            low, high = part * each, (part + 1) * each
            proven[first + part] = holds(sums[low:high], positives[low:high], ends)
            held += proven[first + part]
            failed += not proven[first + part]
        first += parts
        parts = min(2 * parts, most)
