"""Ranges of exact sums over the pixels of each sample."""

from __future__ import annotations

from hwsim._jit import lean_kernel


@lean_kernel
def join_pixels(low, high, lo, hi):  # type: ignore[no-untyped-def]
    """Widen ``lo`` by the least of ``low`` over its pixels, ``hi`` by the largest of ``high``.

    ``low``, ``high`` : int64 ndarrays of shape (S, G, M, N); ``lo``, ``hi`` : of shape (S, G, N).

    >>> import numpy as np
    >>> lo, hi = np.array([[[9, 0]]]), np.array([[[-9, 0]]])
    >>> sums = np.array([[[[1, -2], [3, -4]]]])
    >>> join_pixels(sums, sums, lo, hi)
    >>> lo.tolist(), hi.tolist()
    ([[[1, -4]]], [[[3, 0]]])
    """
    samples, groups, pixels, channels = low.shape
    for s in range(samples):
        for g in range(groups):
            least, largest = lo[s, g], hi[s, g]
            for m in range(pixels):
                down, up = low[s, g, m], high[s, g, m]
                for n in range(channels):
                    least[n] = min(least[n], down[n])
                    largest[n] = max(largest[n], up[n])
