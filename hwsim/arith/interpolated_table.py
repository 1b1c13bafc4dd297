"""A function of 16-bit codes by a table of 513 entries: TFLite's int16 lookup.

Entries stand at every 128th code; between two the line is followed. Each entry is moved by half the
error that the line has at the middle of its step, so that the error is spread to both sides.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.real import round_real
from hwsim.arith.rounding import Rounding

Ints = NDArray[np.int64]

STEPS = 512
LO, HI = -(1 << 15), (1 << 15) - 1


def interpolation_table(
    function: Callable[[float], float],
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    real: type[np.float64] | type[np.float32] = np.float64,
) -> Ints:
    """The 513 entries, every operation in ``real``.

    ::

        first, last = input_scale * (-32768 - zx), input_scale * (32767 - zx)
        step = (last - first) / 512,  x = first + i * step
        inverse = 2**16 / (output_scale * 32767 - output_scale * -32768)
        line   = r((f(x + step) * inverse + r(f(x) * inverse)) / 2)
        middle = r(f(x + step / 2) * inverse)
        entry  = clamp(r(f(x) * inverse) - r((line - middle) / 2)),  the last: r(f(last) * inverse)

    with r half away from zero. ``f`` takes and gives float64; its result is rounded to ``real``.

    >>> table = interpolation_table(lambda x: x, 1.0, 0, 1.0)  # steps of 65535 / 512 codes
    >>> len(table), table[[0, 1, 256, 512]]
    (513, array([-32768, -32641,     -1,  32767]))
    """
    first, last = (real(input_scale) * real(end - input_zero_point) for end in (LO, HI))
    step = (last - first) / real(STEPS)
    least, largest = (real(output_scale) * real(end) for end in (LO, HI))
    inverse = real(HI - LO + 1) / (largest - least)

    def scaled(x: np.floating) -> np.floating:
        return real(function(float(x))) * inverse

    entries = []
    for i in range(STEPS):
        x = first + real(i) * step
        here, after = _nearest(scaled(x)), scaled(first + real(i + 1) * step)
        line = _nearest((after + real(here)) / real(2))
        middle = _nearest(scaled(x + step / real(2)))
        entries.append(here - _nearest(real(line - middle) / real(2)))
    entries.append(_nearest(scaled(last)))
    return np.clip(np.array(entries, np.int64), LO, HI)


def looked_up(x: Ints, table: Ints) -> Ints:
    """The table between its entries; x: int64 in int16.

    ::

        i, f = 256 + (x >> 7), x & 127
        y = table[i] + ((table[i+1] - table[i]) * f + 64) >> 7

    >>> table = np.arange(513) * 3
    >>> looked_up(np.array([-32768, -32726, -32725, 32767]), table)  # 42 and 43 of 128: half up
    array([   0,    1,    1, 1536])
    """
    index, part = (STEPS // 2) + (x >> 7), x & 127
    below = table[index]
    between: Ints = below + (((table[index + 1] - below) * part + 64) >> 7)
    return between


def _nearest(x: np.floating) -> int:
    """Half away from zero."""
    return int(round_real(float(x), int(Rounding.HALF_AWAY)))
