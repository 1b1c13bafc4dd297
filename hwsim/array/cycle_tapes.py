"""Skewed streams at the array's edges, and the tapes of `run_clocks` with what leaves them."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from hwsim.array.gemm import Codes

Lanes = NDArray[np.signedinteger]


def skewed(stream: Codes, clocks: int, start: int, lanes: DTypeLike, hop: int = 1) -> Lanes:
    """Delay lane i by ``hop`` i clocks: ``out[start + t + hop * i, i] = stream[t, i]``, else 0.

    >>> skewed(np.array([[1, 2], [3, 4]]), 3, 0, np.int32).tolist()
    [[1, 0], [3, 2], [0, 4]]
    """
    length, width = stream.shape
    edge = np.zeros((clocks, width), lanes)
    row, item = edge.strides
    as_strided(edge[start:], (length, width), (row, hop * row + item))[...] = stream
    return edge


def late(edge: Lanes, clocks: int) -> Lanes:
    """What enters an edge, so many clocks later.

    >>> late(np.array([[1], [2], [0]]), 1).tolist()
    [[0], [1], [2]]
    """
    if clocks == 0:
        return edge
    delayed = np.zeros_like(edge)
    delayed[clocks:] = edge[:-clocks]
    return delayed


def tapes(edge: Lanes, count: int, rows: int) -> Lanes:
    """``count`` tapes of a register bank (`run_clocks`), what enters above in place: the newest
    row first, clock t in tape ``t % count``; shape (count, entering + rows, cols)."""
    slots = -(-len(edge) // count)
    found = np.zeros((count, slots + rows, edge.shape[1]), edge.dtype)
    for i, tape in enumerate(found):
        entering = edge[i::count]
        tape[slots - len(entering) : slots] = entering[::-1]
    return found


def outlet(tape: Lanes, clocks: int, first: int, shape: tuple[int, int]) -> Lanes:
    """What column c held for element t of a stream, skew removed: shape (fields, stream, cols).

    ``tape`` : ndarray of shape (pe, fields, cells), ``clocks`` the fold's. Element t met column c
    in clock ``first + t + pe * c``; each move took the window ``cols`` cells lower.
    """
    (length, cols), (pe, fields, _) = shape, tape.shape
    begin, before = divmod(first, pe)
    slots = -(-(before + length) // pe)
    bank, field, item = tape.strides
    lowest = tape[:, :, (-(-clocks // pe) - 1 - begin) * cols :]
    strides = (field, -cols * item, bank, -(cols - 1) * item)
    found = as_strided(lowest, (fields, slots, pe, cols), strides)
    return found.reshape(fields, slots * pe, cols)[:, before : before + length]
