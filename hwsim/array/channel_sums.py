"""Sums of a layer whose channels are each summed alone: lanes are channels of outputs side by side.

Codes of the outputs of a row lie one behind the other, channel by channel, and so do those that one
tap reads: where outputs stand next to each other, their channels run together, with the weights
repeated. An output that stands alone has its own channels as lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import inlined, kernel
from hwsim.arith.overflow import Overflow, fit

SATURATE = int(Overflow.SATURATE)
LANES = 512  # that run together, about: their sums stay near


def repeated(values: NDArray[np.signedinteger]) -> NDArray[np.int32]:
    """Rows of channels, one after the other as often as `LANES` holds them, at least once.

    >>> repeated(np.array([[1, 2]])).shape
    (1, 512)
    """
    return np.tile(values, (1, max(LANES // max(values.shape[1], 1), 1))).astype(np.int32)


@kernel
def side_by_side(places, p, channels, most):  # type: ignore[no-untyped-def]
    """How many outputs from ``p`` on stand next to each other, ``most`` at most.

    >>> side_by_side(np.array([0, 8, 16, 40]), 0, 8, 9), side_by_side(np.array([0, 8, 16]), 0, 8, 2)
    (3, 2)
    """
    many = 1
    while many < most and p + many < places.size:
        if places[p + many] != places[p] + many * channels:
            break
        many += 1
    return many


@kernel
def exact_channels(x, places, taps, w, start, out):  # type: ignore[no-untyped-def]
    """``out[p, c] = start[c] + sum over taps t of x[places[p] + taps[t] + c] * w[t, c]``, int32.

    ``w`` of shape (K, lanes) and ``start`` of shape (1, lanes): `repeated`. ``out``: C-contiguous.
    """
    channels, p = out.shape[1], 0
    most, flat = w.shape[1] // channels, out.reshape(-1)
    while p < places.size:
        many = side_by_side(places, p, channels, most)
        n = many * channels
        sums = flat[p * channels : p * channels + n]
        sums[:] = start[0, :n]
        for t in range(taps.size):
            first = places[p] + taps[t]
            codes, weights = x[first : first + n], w[t]
            for i in range(n):
                sums[i] += np.int32(codes[i]) * weights[i]
        p += many


@inlined
def add_products(codes, weights, lo, hi, sums):  # type: ignore[no-untyped-def]
    """One product to every sum, as the register holds it."""
    word = sums.dtype.type
    for i in range(sums.size):
        product = word(codes[i] * weights[i])
        sums[i] = fit(word(sums[i] + product), lo, hi, SATURATE, 0)


@kernel
def saturating_channels(x, places, taps, w, start, late, register, link, fold, out):  # type: ignore[no-untyped-def]
    """As `hwsim.array.saturating_sums.add_folds`, of ``x[places[p] + taps[k] + c] * w[k, c]``; no
    shift. Where ``fold`` is 0 there is no chain: `hwsim.array.saturating_sums.add_saturating`.

    ``w``, ``start``, ``late``, ``out``: as `exact_channels` has them.
    """
    word = out.dtype.type
    lo, hi = word(register[0]), word(register[1])
    link_lo, link_hi = word(link[0]), word(link[1])
    channels, p = out.shape[1], 0
    most, flat = w.shape[1] // channels, out.reshape(-1)
    chain = np.empty(w.shape[1], np.int32)
    while p < places.size:
        many = side_by_side(places, p, channels, most)
        n = many * channels
        sums, folds = flat[p * channels : p * channels + n], chain[:n]
        sums[:] = start[0, :n]
        for k in range(taps.size):
            first = places[p] + taps[k]
            if fold == 0:
                add_products(x[first : first + n], w[k], lo, hi, sums)
                continue
            if k % fold == 0:
                folds[:] = 0
            add_products(x[first : first + n], w[k], link_lo, link_hi, folds)
            if (k + 1) % fold == 0 or k + 1 == taps.size:
                for i in range(n):
                    sums[i] = fit(word(sums[i] + folds[i]), lo, hi, SATURATE, 0)
        for i in range(n):
            sums[i] = fit(int(sums[i]) + int(late[0, i]), lo, hi, SATURATE, 0)
        p += many
