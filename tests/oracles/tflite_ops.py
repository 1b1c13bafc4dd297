"""TFLite's reference operators in numpy: integers as its C++ kernels compute them.

Equal to LiteRT 2.3.0 (BUILTIN_REF) on some 36,000 random outputs per operator and type. Written
from the C++ sources; imports nothing from hwsim.
"""

import math

import numpy as np

F32 = np.float32
ACTIVATIONS = {"none": (None, None), "relu": (0, None), "relu_n1_1": (-1, 1), "relu6": (0, 6)}


def wrap32(x):
    x = np.asarray(x, np.int64)
    return ((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def half_away(x):
    whole = np.trunc(x)
    return whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0)


def quantize_multiplier(real):
    """Q0.31 significand and exponent: ``real ~ m * 2**(e - 31)``."""
    if real == 0:
        return 0, 0
    q, e = math.frexp(real)
    m = math.floor(q * (1 << 31) + 0.5)
    if m == 1 << 31:
        m, e = m // 2, e + 1
    return (0, 0) if e < -31 else (m, e)


def srdhm(a, b):
    """SaturatingRoundingDoublingHighMul."""
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    both_least = (a == -(1 << 31)) & (b == -(1 << 31))
    return np.where(both_least, (1 << 31) - 1, (a * b + (1 << 30)) >> 31)


def rdbp(x, n):
    """RoundingDivideByPOT."""
    x, n = np.asarray(x, np.int64), np.asarray(n, np.int64)
    mask = (np.int64(1) << n) - 1
    return (x >> n) + ((x & mask) > (mask >> 1) + (x < 0))


def mbqm(x, m, e):
    """MultiplyByQuantizedMultiplier, double rounding."""
    return rdbp(srdhm(wrap32(np.asarray(x, np.int64) << max(e, 0)), m), max(-e, 0))


def activation_range(name, scale, zero_point, lo, hi):
    least, largest = (
        None if v is None else int(zero_point + half_away(F32(v) / F32(scale)))
        for v in ACTIVATIONS[name]
    )
    return (lo if least is None else max(lo, least)), (hi if largest is None else min(hi, largest))


def add(x1, x2, s1, z1, s2, z2, sy, zy, left):
    """ADD before its activation clamp."""
    s1, s2, sy = F32(s1), F32(s2), F32(sy)
    twice = np.float64(F32(2) * max(s1, s2))
    m1, e1 = quantize_multiplier(np.float64(s1) / twice)
    m2, e2 = quantize_multiplier(np.float64(s2) / twice)
    my, ey = quantize_multiplier(twice / np.float64(F32(F32(1 << left) * sy)))
    a = rdbp(srdhm((np.asarray(x1, np.int64) - z1) << left, m1), -e1)
    b = rdbp(srdhm((np.asarray(x2, np.int64) - z2) << left, m2), -e2)
    return rdbp(srdhm(a + b, my), -ey) + zy


def mul(x1, x2, s1, z1, s2, z2, sy, zy):
    """MUL before its activation clamp."""
    m, e = quantize_multiplier(np.float64((F32(s1) * F32(s2)) / F32(sy)))
    return mbqm((np.asarray(x1, np.int64) - z1) * (np.asarray(x2, np.int64) - z2), m, e) + zy


def quantize_codes(x, sx, zx, sy, zy):
    """QUANTIZE from codes before saturation."""
    m, e = quantize_multiplier(np.float64(F32(sx)) / np.float64(F32(sy)))
    return mbqm(np.asarray(x, np.int64) - zx, m, e) + zy


def quantize_real(x, sy, zy, lo, hi):
    """QUANTIZE from float32."""
    return np.clip(zy + half_away((np.asarray(x, F32) / F32(sy)).astype(np.float64)), lo, hi)


def same_padding(size, window, stride):
    """TFLite's SAME: (before, after), the smaller half first."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def pool(x, kind, window, stride, padding):
    """MAX_POOL_2D or AVERAGE_POOL_2D of raw codes (N, H, W, C), before the clamp."""
    n, h, w, c = x.shape
    (top, bottom), (left, right) = padding
    oy = (h + top + bottom - window[0]) // stride[0] + 1
    ox = (w + left + right - window[1]) // stride[1] + 1
    y = np.empty((n, oy, ox, c), np.int64)
    for i in range(oy):
        for j in range(ox):
            y0, x0 = i * stride[0] - top, j * stride[1] - left
            rows = slice(max(y0, 0), min(y0 + window[0], h))
            inside = x[:, rows, max(x0, 0) : min(x0 + window[1], w)].astype(np.int64)
            if kind == "max":
                y[:, i, j] = inside.max((1, 2))
                continue
            count, s = inside.shape[1] * inside.shape[2], inside.sum((1, 2))
            biased = np.where(s > 0, s + count // 2, s - count // 2)
            y[:, i, j] = np.sign(biased) * (np.abs(biased) // count)  # C's division
    return y


def saturating_shift(x, e):
    """SaturatingRoundingMultiplyByPOT."""
    x = np.asarray(x, np.int64)
    if e < 0:
        return rdbp(x, -e)
    return np.clip(x << e, -(1 << 31), (1 << 31) - 1)


def exp_on_interval(a):
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3, x4 = srdhm(x2, x), srdhm(x2, x2)
    t = rdbp(srdhm(rdbp(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + srdhm(1895147668, x + t)


def exp_of_negative(a):
    """gemmlowp exp_on_negative_values: Q5.26 to Q0.31."""
    a = np.asarray(a, np.int64)
    quarter = 1 << 24
    part = (a & (quarter - 1)) - quarter
    r, rest = exp_on_interval(saturating_shift(part, 5)), part - a
    constants = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for bit, c in enumerate(constants):
        r = np.where(rest & (quarter << bit), srdhm(r, c), r)
    return np.where(a == 0, (1 << 31) - 1, r)


def one_over_one_plus(a):
    """gemmlowp one_over_one_plus_x_for_x_in_0_1."""
    half = (np.asarray(a, np.int64) + (1 << 31)) // 2  # half away of a sum that is not negative
    x = 1515870810 + srdhm(half, -1010580540)
    for _ in range(3):
        x = x + saturating_shift(srdhm(x, (1 << 29) - srdhm(half, x)), 2)
    return saturating_shift(x, 1)


def softmax(x, scale, beta, lo):
    """SOFTMAX int8 and uint8; ``lo``: the type's least code."""
    m, left = quantize_multiplier(min(float(beta) * float(F32(scale)) * (1 << 26), 2.0**31 - 1))
    least = -math.floor(31 * (1 << 26) / (1 << left))
    d = np.asarray(x, np.int64)
    d = d - d.max(-1, keepdims=True)
    kept = d >= least
    e = exp_of_negative(srdhm(wrap32(d << left), m))
    s = np.where(kept, rdbp(e, 12), 0).sum(-1, keepdims=True)
    zeros = np.array([32 - int(v).bit_length() for v in s.ravel()]).reshape(s.shape)
    share = srdhm(one_over_one_plus(wrap32((s << zeros) - (1 << 31))), e)
    y = rdbp(share, 12 - zeros + 31 - 8) + lo
    return np.where(kept, np.clip(y, lo, lo + 255), lo)
