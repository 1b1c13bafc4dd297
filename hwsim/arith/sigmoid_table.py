"""The logistic function and tanh of 16-bit codes: one table, linear interpolation between entries.

TFLite's int16 LOGISTIC and TANH. Both read ``SIGMOID[i] ~ 2**16 / (1 + exp(-i / 24))``, up to
i / 24 = 10.6, tanh by ``tanh(x) = 2 / (1 + exp(-2x)) - 1``. The entries are TFLite's: 44 of them
are not the nearest integer (the farthest is 1.1 above its real value): no formula stands for them.

Checked on all 65,536 codes of many scales against LiteRT's reference kernels and TFLite Micro
(tests/conformance/test_litert_operators.py).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# fmt: off
SIGMOID = np.array([
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149,
    40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369,
    47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169,
    53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370,
    60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302,
    62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536,
    63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786,
    64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079,
    65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258,
    65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474,
    65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498,
    65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522,
    65523, 65523, 65524, 65524, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528,
    65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531,
    65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65534, 65535,
], np.int64)
# fmt: on
LAST = len(SIGMOID) - 1


def input_multiplier(scale: float, power_of_two_shifts: tuple[int, ...]) -> tuple[int, int]:
    """``(m, s)`` that bring a code x to steps of ``1 / (3 * 2**12)``: ``(x * m + 2**(s-1)) >> s``.

    ::

        scale = 2**(p - 12), p one of ``power_of_two_shifts``:  m = 3 * 2**p, s = 0
        else: real = 3 * 2**12 * scale is doubled s times, until it is above (2**15 - 1) / 2, at
              most 31 times; m = floor(real)

    A scale whose binary logarithm is within 0.001 of an integer counts as a power of two. ``scale``
    must be below 8/3, so that m has 15 bits.

    >>> input_multiplier(2.0**-12, (0,)), input_multiplier(2.0**-11, (0,))
    ((3, 0), (24576, 12))
    """
    power = round(math.log2(scale))
    if abs(math.log2(scale) - power) < 1e-3 and power + 12 in power_of_two_shifts:
        return 3 << (power + 12), 0
    real, shift = scale * 3 * 2.0**12, 0
    while real <= (2**15 - 1) / 2 and shift <= 30:
        real, shift = 2.0 * real, shift + 1
    if real >= 1 << 15:
        raise ValueError(f"scale = {scale}: must be below 8/3")
    return int(real), shift


def logistic_16(x: Ints, scale: float) -> Ints:
    """``2**15 / (1 + exp(-x * scale))`` of 16-bit codes without zero point, 0..32767.

    ::

        t = steps of 1 / (3 * 2**12);  i, f = |t| >> 9, |t| & 511          # i / 24 = |t| / 12288
        v = SIGMOID[i] * 2**9 + f * (SIGMOID[i+1] - SIGMOID[i]);  0x7FFF * 2**10 from i = 255
        y = (v + 2**9) >> 10,  of negative t: (2**25 - v + 2**9 - 1) >> 10

    >>> logistic_16(np.array([0, 4096, -4096, 32767]), 2.0**-12)  # 1 / (1 + exp(-1)): 23955.3
    array([16384, 23956,  8812, 32757])
    """
    steps = _steps(x, input_multiplier(scale, (0,)))
    value = _interpolated(np.abs(steps), 9, 0x7FFF << 10)
    rounded: Ints = np.where(steps >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    return rounded


def tanh_16(x: Ints, scale: float) -> Ints:
    """``2**15 * tanh(x * scale)`` of 16-bit codes without zero point, -32767..32767.

    ::

        t = steps of 1 / (3 * 2**12);  i, f = |t| >> 8, |t| & 255          # i / 24 = |t| / 6144
        v = SIGMOID[i] * 2**8 + f * (SIGMOID[i+1] - SIGMOID[i]);  0xFFFF * 2**8 from i = 255
        y = (v - 2**23 + 2**7) >> 8,  of negative t: (2**23 - v + 2**7 - 1) >> 8

    >>> tanh_16(np.array([0, 4096, -4096, 32767]), 2.0**-12)  # tanh(1): 24955.9
    array([     0,  24956, -24956,  32767])
    """
    steps = _steps(x, input_multiplier(scale, (0, 1)))
    value = _interpolated(np.abs(steps), 8, 0xFFFF << 8) - (1 << 23)
    rounded: Ints = np.where(steps >= 0, value + (1 << 7), -value + (1 << 7) - 1) >> 8
    return rounded


def _steps(x: Ints, factor: tuple[int, int]) -> Ints:
    """``(x * m + 2**(s-1)) >> s``: half up."""
    multiplier, shift = factor
    steps: Ints = (x * multiplier + ((1 << shift) >> 1)) >> shift
    return steps


def _interpolated(magnitude: Ints, fraction_bits: int, saturated: int) -> Ints:
    """The table between its entries, with ``fraction_bits`` more than an entry has."""
    index = magnitude >> fraction_bits
    inside = np.minimum(index, LAST - 1)
    below, above = SIGMOID[inside], SIGMOID[inside + 1]
    part = magnitude & ((1 << fraction_bits) - 1)
    return np.where(index >= LAST, saturated, (below << fraction_bits) + part * (above - below))
