"""One layer as `mac_array_top` takes it: capacities, sizes, and the words of its input streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.requantizer import Requantizer
from hwsim.errors import UnsupportedError

RECORD = {"bias": 64, "w_zero_point": 64, "multiplier": 32, "shift": 8, "add": 64}
"""Fields of a channel record and their bits, lowest first; the multiplier is unsigned."""
RECORD_BITS = sum(RECORD.values())
NO_BOUND = 1 << 62
WIDEST_MULTIPLIER = 1 << 31


@dataclass(frozen=True, eq=False)
class Streams:
    """What enters the array for one image, in the order in which it enters.

    Attributes
    ----------
    a, w, channel : list of int
        Words of the three streams: ``a[g][m][k]``, ``w[g][k][n]``, a record for each g * N + n.
    capacities : dict of int
        Parameters A_DEPTH, W_DEPTH, CHANNELS, PIXELS, ACC_DEPTH.
    inputs : dict of int
        Sizes and constants that stand at the ports: groups, m, k, n, zero_point, clamp_lo,
        clamp_hi, out_lo, out_hi.
    """

    a: list[int]
    w: list[int]
    channel: list[int]
    capacities: dict[str, int]
    inputs: dict[str, int]


def streams(
    datapath: Datapath, schedule: Schedule, requantizer: Requantizer, sample: int, where: str
) -> Streams:
    """The streams of one image.

    Raises
    ------
    UnsupportedError
        A layer without products, or a multiplier wider than the RTL's 31 bits.
    """
    _, groups, m, k, n = datapath.shape
    if 0 in (groups, m, k, n):
        raise UnsupportedError.at(where, "K", k, "has no RTL: a layer must have products")
    if requantizer.multiplier.max(initial=0) >= WIDEST_MULTIPLIER:
        largest = int(requantizer.multiplier.max())
        raise UnsupportedError.at(where, "multiplier", largest, "must stay below 2**31 in the RTL")
    stream = schedule.extent("n" if schedule.dataflow.stream == "n" else "m")
    lo, hi = requantizer.clamp
    return Streams(
        a=datapath.a[sample].ravel().tolist(),
        w=datapath.w.ravel().tolist(),
        channel=records(datapath, requantizer),
        capacities={
            "A_DEPTH": groups * m * k,
            "W_DEPTH": groups * k * n,
            "CHANNELS": groups * n,
            "PIXELS": groups * m,
            "ACC_DEPTH": stream,
        },
        inputs={
            "groups": groups, "m": m, "k": k, "n": n,
            "zero_point": requantizer.zero_point,
            "clamp_lo": -NO_BOUND if lo is None else lo,
            "clamp_hi": NO_BOUND if hi is None else hi,
            "out_lo": requantizer.output.lo, "out_hi": requantizer.output.hi,
        },
    )  # fmt: skip


def records(datapath: Datapath, requantizer: Requantizer) -> list[int]:
    """One record a channel: ``{add, shift, multiplier, w_zero_point, bias}``, bias lowest."""
    words = []
    for fields in record_fields(datapath, requantizer).tolist():
        word, at = 0, 0
        for value, bits in zip(fields, RECORD.values(), strict=True):
            word |= (value & ((1 << bits) - 1)) << at
            at += bits
        words.append(word)
    return words


def record_fields(datapath: Datapath, requantizer: Requantizer) -> Ints:
    """Fields of every channel's record, as `RECORD` orders them: int64 ndarray of shape (G * N, 5).

    The weight zero point is 0 where no row sums are corrected.
    """
    bias = datapath.last if datapath.preload is None else datapath.preload
    flat = np.zeros(datapath.w_zero_point.size, np.int64) if bias is None else bias.ravel()
    zero_points = datapath.w_zero_point.ravel() if datapath.row_sum is not None else 0 * flat
    columns = (flat, zero_points, requantizer.multiplier, requantizer.shift, requantizer.add)
    return np.stack(columns, axis=1)
