"""Sums that saturate at each addition, by Python's integers and the oracle's rule."""

import numpy as np
from oracles.rules import kept


def by_oracle(x, places, taps, w, start, late, bits, symmetric, link=64, fold=1):
    """Python integers and the oracle's rule; ``link``: bits of the chain."""
    rule = "saturate_symmetric" if symmetric else "saturate"
    out = np.empty((len(places), w.shape[1]), np.int64)
    for p, place in enumerate(places.tolist()):
        for n in range(w.shape[1]):
            total, chain = int(start[n]), 0
            for k, tap in enumerate(taps.tolist()):
                chain = kept(chain + int(x[place + tap]) * int(w[k, n]), link, "saturate")
                if (k + 1) % fold == 0 or k + 1 == len(taps):
                    total, chain = kept(total + chain, bits, rule), 0
            out[p, n] = kept(total + int(late[n]), bits, rule)
    return out


class Operands:
    """Random operands, at their ends more often than not; a share of ``nothing`` is 0."""

    def __init__(self, seed, bits, steps, channels, pixels, symmetric, nothing=0.0):
        rng = np.random.default_rng(seed)
        self.x = np.where(rng.random(700) < 0.3, 255, rng.integers(-255, 256, 700))
        self.x[rng.random(700) < nothing] = 0
        self.w = rng.integers(-128, 128, (steps, channels))
        self.w[rng.random(self.w.shape) < 0.3] = -128
        self.places, self.taps = rng.integers(0, 300, pixels), rng.integers(0, 299, steps)
        self.hi = (1 << bits - 1) - 1
        self.lo = -self.hi - (not symmetric)
        self.start = rng.integers(self.lo, self.hi + 1, channels)
        self.late = rng.integers(-(1 << bits + 1), 1 << bits + 1, channels)
        self.bits, self.symmetric = bits, symmetric

    def expected(self, **chain):
        given = (self.places, self.taps, self.w, self.start, self.late)
        return by_oracle(self.x, *given, self.bits, self.symmetric, **chain)

    def ends_in_lanes(self, lanes):
        """``start`` and ``late`` as int32 of shape (blocks, lanes)."""
        ends = []
        for values in (self.start, self.late):
            laid = np.zeros(-(-len(values) // lanes) * lanes, np.int32)
            laid[: len(values)] = values
            ends.append(laid.reshape(-1, lanes))
        return ends
