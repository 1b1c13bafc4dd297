"""Accumulators for one requantizer stage alone: corners of its arithmetic, chance, the layer's own.

Every output channel gets a column of sums of its own, because its multiplier and shift put ties
and clamp edges elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwsim.arith.overflow import fit
from hwsim.array.fast import execute
from hwsim.array.gemm import Ints, Register
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import NarrowSpec
from hwsim.vectors.case import LayerCase

RANDOM_ROWS = 64
OWN_ROWS = 128
MOST_VALUES = 1 << 15  # beats, where there are many channels


@dataclass(frozen=True, eq=False)
class StageSums:
    """What enters the stage, of shape (M, channels) each, channel = g * N + n.

    Attributes
    ----------
    partial, addend : int64 ndarray
        ``sum = fit(partial + addend)``: the accumulator's last store; ``addend`` fits the chain.
    sum : int64 ndarray
    purposes : list of str
        Of every row: ``directed``, ``random``, ``layer``, ``accumulate``.
    """

    partial: Ints
    addend: Ints
    sum: Ints
    purposes: list[str]


def stage_sums(case: LayerCase, limits: tuple[int, int], seed: int) -> StageSums:
    """All rows of a layer's stage.

    Parameters
    ----------
    case : LayerCase
    limits : tuple of int
        Least and largest sum that the stage may meet.
    seed : int
        Of the random rows, and of how sums are split.
    """
    random = np.random.default_rng(seed)
    requantizer, data = case.requantizer, case.runs[0].datapath
    channels = data.w_zero_point.size
    rows = max(1, MOST_VALUES // channels)
    directed = columns([directed_sums(requantizer, c, *limits) for c in range(channels)], random)
    drawn = random.integers(limits[0], limits[1], (RANDOM_ROWS, channels), endpoint=True)
    small = drawn >> random.integers(0, 63, drawn.shape)
    own = np.clip(own_sums(case), *limits)
    parts = {"directed": directed[:rows], "random": np.concatenate([drawn, small])[:rows],
             "layer": own[:rows]}  # fmt: skip
    purposes = [name for name, part in parts.items() for _ in part]
    sums = np.concatenate(list(parts.values()))
    chain = data.chain[-1] if data.chain else None
    partial, addend = split(sums, chain, data.accumulator, random)
    if chain is None:
        return StageSums(partial, addend, sums, purposes)
    more = overflowing(chain, data.accumulator, channels, random)
    stored = np.clip(fitted(more[0] + more[1], data.accumulator), *limits)
    kept = stored == fitted(more[0] + more[1], data.accumulator)
    more = (np.where(kept, more[0], stored), np.where(kept, more[1], 0))
    return StageSums(
        np.concatenate([partial, more[0]]),
        np.concatenate([addend, more[1]]),
        np.concatenate([sums, stored]),
        purposes + ["accumulate"] * len(stored),
    )


def directed_sums(requantizer: Requantizer, channel: int, lo: int, hi: int) -> list[int]:
    """Corners of one channel within ``lo .. hi``, ascending, each once."""
    found = {0, 1, -1, 2, -2, lo, lo + 1, hi - 1, hi}
    found |= {sign * (1 << bit) + step for bit in range(63) for sign in (1, -1)
              for step in (-1, 0, 1)}  # fmt: skip
    dropped = 0
    if requantizer.narrow is not None:
        dropped = requantizer.narrow.shift
        found |= set(narrowing_corners(requantizer.narrow))
    found |= set(rounding_ties(requantizer, channel, dropped))
    found |= set(code_edges(requantizer, channel))
    return sorted(value for value in found if lo <= value <= hi)


def narrowing_corners(spec: NarrowSpec) -> Iterator[int]:
    """Ties of the rounding shift on both sides of zero, and the ends of the register behind it."""
    half, step = (1 << spec.shift) >> 1, 1 << spec.shift
    ends = (spec.format.lo, spec.format.hi)
    for code in (*range(-9, 10), *(end + near for end in ends for near in range(-2, 3))):
        for near in (-1, 0, 1):
            yield code * step + half + near


def rounding_ties(requantizer: Requantizer, channel: int, dropped: int) -> Iterator[int]:
    """Sums whose scaled value lies exactly between two codes: the nearest ones to zero.

    ::

        sum * multiplier + add = 2**(shift - 1)  (mod 2**shift)
    """
    factor, shift = int(requantizer.multiplier[channel]), int(requantizer.shift[channel])
    if requantizer.table.shape[1] or not 0 < shift < 62 or factor <= 0:
        return
    even = (factor & -factor).bit_length() - 1
    want = (1 << (shift - 1)) - int(requantizer.add[channel])
    if want % (1 << min(even, shift)) or even >= shift:
        return
    period = 1 << (shift - even)
    first = (want >> even) * pow(factor >> even, -1, period) % period
    for turn in range(-4, 5):
        for near in (-1, 0, 1):
            yield ((first + turn * period) << dropped) + near


def code_edges(requantizer: Requantizer, channel: int) -> Iterator[int]:
    """Sums beside which the code changes: at zero, at both clamps, at both ends of the format."""
    scale = float(requantizer.effective_scale[channel])
    if scale <= 0:
        return
    zero = requantizer.zero_point
    ends = (zero, requantizer.output.lo, requantizer.output.hi, *requantizer.clamp)
    for code in (end + near for end in ends if end is not None for near in range(-2, 3)):
        edge = round((code - zero + 0.5) / scale)
        for near in range(-2, 3):
            yield edge + near


def columns(values: Sequence[Sequence[int]], random: np.random.Generator) -> Ints:
    """Columns of unequal length as a matrix; short ones repeat values of their own."""
    rows = max(map(len, values))
    full = [[*v, *random.choice(np.array(v), rows - len(v)).tolist()] for v in values]
    return np.array(full, np.int64).T


def own_sums(case: LayerCase) -> Ints:
    """Final accumulators of the case's runs, (rows, channels), evenly chosen rows."""
    found = []
    for run in case.runs:
        final = execute(run.datapath, run.schedule).accumulator
        found.append(final[0].transpose(1, 0, 2).reshape(final.shape[2], -1))
    rows = np.concatenate(found)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(OWN_ROWS, len(rows))).astype(np.int64))
    return rows[chosen]


def split(
    sums: Ints, chain: Register | None, register: Register, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """``partial + addend == sum``; without a chain the addend is 0."""
    if chain is None:
        return sums, np.zeros_like(sums)
    addend = random.integers(chain.lo, chain.hi, sums.shape, endpoint=True)
    partial = sums - addend
    inside = (partial >= register.lo) & (partial <= register.hi)
    return np.where(inside, partial, sums), np.where(inside, addend, 0)


def overflowing(
    chain: Register, register: Register, channels: int, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """Last stores beside both ends of the accumulator, on either side of them."""
    shape = (RANDOM_ROWS, channels)
    up = random.integers(0, 1, shape, endpoint=True) > 0
    addend = random.integers(1, chain.hi, shape, endpoint=True)
    beyond = random.integers(-4, 4, shape, endpoint=True)
    beyond[4:] = random.integers(-chain.hi, chain.hi, shape, endpoint=True)[4:]
    top = np.clip(register.hi - addend + beyond, register.lo, register.hi)
    bottom = np.clip(register.lo + addend - beyond, register.lo, register.hi)
    return np.where(up, top, bottom), np.where(up, addend, -addend)


def fitted(values: Ints, register: Register) -> Ints:
    """What the register keeps of each value."""
    numbers = (register.lo, register.hi, register.overflow, register.wrap_bits)
    kept = [fit(value, *numbers) for value in values.ravel().tolist()]
    return np.array(kept, np.int64).reshape(values.shape)
