"""What the vector code of the cycle engine reads and writes: laid out, and read back.

Columns lie in blocks of `LANES`; waves go through a block in stretches; weights and elements lie
fold by fold, so that a fold is in one place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.overflow import Overflow
from hwsim.array.gemm import Ints, Register
from hwsim.array.ledger import is_symmetric
from hwsim.array.vector.emission import WORDS
from hwsim.array.vector.systolic_registers import CHANGED, HIGHEST, WAVES

LANES = WORDS  # columns of a block
STRETCH = 8 * WAVES  # waves that go through one block of columns after the other
FIELDS = HIGHEST + 1  # of the sums of a wave
ROWS_IN_PLACE = 32  # where sums stay: rows at once
LANE = np.iinfo(np.int32)
LOW_HALF = 0xFFFF  # of a pair: a weight of the first row
Words = NDArray[np.int32]


class Near(NamedTuple):
    """What is at hand while a stretch of waves goes through some blocks of columns: int32 ndarrays.

    Attributes
    ----------
    tiles : of shape (blocks, folds, even / 2, LANES)
        Weights, two rows to a pair; ``even``: rows of a fold, or one more, filled with 0.
    elements : of shape (folds, STRETCH / 2, even + 1)
        The stream, two waves to a pair; the last column is 0.
    terms : of shape (J, STRETCH)
        Of each wave, for J stores after all folds.
    valid : of shape (2, STRETCH)
        0 of waves that are copies of the last one, else 1; the same of two waves to a pair.
    sums : of shape (STRETCH, FIELDS, LANES)
        As `systolic_registers` lists them.
    left : of shape (STRETCH / WAVES,)
        Not 0 where a sum of a group of waves has left a register: until then the exact sums are
        what is stored.
    work : of shape (WAVES, FIELDS, LANES)
    events : of shape (blocks, folds, even + 1, LANES)
        By row of the product; the last one: at the store behind the array.
    late : of shape (blocks, J, LANES)
        Events at late stores.
    forms : of shape (5,)
        As `systolic_registers.Forms` lists them.
    """

    tiles: Words
    elements: Words
    terms: Words
    valid: Words
    sums: Words
    left: Words
    work: Words
    events: Words
    late: Words
    forms: Words

    @classmethod
    def of(cls, blocks: int, folds: int, rows: int, late: int, forms: tuple[bool, bool]) -> Near:
        """All 0, but for what is known of ``forms``: whether products and register fit 16 bits."""
        even = rows + rows % 2
        shapes = (
            (blocks, folds, even // 2, LANES),
            (folds, STRETCH // 2, even + 1),
            (late, STRETCH),
            (2, STRETCH),
            (STRETCH, FIELDS, LANES),
            (STRETCH // WAVES,),
            (WAVES, FIELDS, LANES),
            (blocks, folds, even + 1, LANES),
            (blocks, late, LANES),
        )
        blank = [blank_vectors(shape) for shape in shapes]
        return cls(*blank, *[np.array([*forms, 0, 0, 0], np.int32)])


def blank_vectors(shape: tuple[int, ...]) -> Words:
    """Zeros whose vectors do not lie across the lines of a cache."""
    words, line = int(np.prod(shape)), 4 * LANES
    room = np.zeros(words + LANES, np.int32)
    begin = -room.ctypes.data % line // 4
    return room[begin : begin + words].reshape(shape)


def is_plain(register: Register) -> bool:
    """Saturating, or wrapping a signed register whole."""
    if register.overflow == Overflow.WRAP:
        return register.wrap_bits == 0 and register.lo < 0
    rules = Overflow.SATURATE, Overflow.SATURATE_SYMMETRIC, Overflow.TRAP
    return register.overflow in rules and register.lo < 0


def rule_row(register: Register) -> list[int]:
    """``LO HI LEAST MOST ABOVE`` of `hwsim.array.vector.systolic`."""
    if register.bits >= LANE.bits:
        return [LANE.min, LANE.max, LANE.min, LANE.max, 0]
    if register.overflow == Overflow.WRAP:
        return [register.lo, register.hi, LANE.min, LANE.max, LANE.bits - register.bits]
    low = -register.hi if is_symmetric(register) else register.lo
    return [low, register.hi, low, register.hi, 0]


def in_blocks(rows: Ints) -> Words:
    """Channels (G, R, N) in blocks (G, blocks, R, LANES); lanes not in use are 0."""
    groups, count, n = rows.shape
    blocks = -(-n // LANES)
    whole = np.zeros((groups, count, blocks * LANES), np.int32)
    whole[:, :, :n] = rows
    placed = blank_vectors((groups, blocks, count, LANES))
    placed[...] = whole.reshape(groups, count, blocks, LANES).swapaxes(1, 2)
    return placed


def copy_others(differs: NDArray[np.bool_], stored: Ints, exact: Ints) -> Ints:
    """Exact sums (S, G, M, N), where those of some stretches (G, blocks, stretches) are written:
    all others are the stored ones, and so is the array where none differs."""
    if not differs.any():
        return stored
    samples, groups, m, n = stored.shape
    of_wave = differs.repeat(LANES, 1)[:, :n].repeat(STRETCH, 2)[:, :, : samples * m]
    of_output = of_wave.reshape(groups, n, samples, m).transpose(2, 0, 3, 1)
    np.copyto(exact, stored, where=~of_output)
    return exact


@kernel
def lay_weights(w, first, last, rows, tiles):  # type: ignore[no-untyped-def]
    """Some blocks of columns, fold by fold, two rows to a pair."""
    k, n = w.shape
    for fold in range(tiles.shape[1]):
        for pair in range(tiles.shape[2]):
            at, beyond = fold * rows + 2 * pair, min((fold + 1) * rows, k)
            for block in range(first, last):
                tile, begin = tiles[block - first, fold, pair], block * LANES
                if at + 1 < beyond and begin + LANES <= n:
                    for c in range(LANES):
                        tile[c] = w[at, begin + c] & LOW_HALF | w[at + 1, begin + c] << 16
                    continue
                for c in range(LANES):
                    tile[c] = 0
                for row in range(at, min(at + 2, beyond)):
                    for c in range(min(n - begin, LANES)):
                        tile[c] |= (w[row, begin + c] & LOW_HALF) << 16 * (row - at)


@kernel
def lay_elements(x, g, begin, count, rows, term, near):  # type: ignore[no-untyped-def]
    """A stretch of waves, fold by fold; the last one again where it is short."""
    m, elements, terms, valid = x.shape[2], near.elements, near.terms, near.valid
    for i in range(0, valid.shape[1], 2):
        valid[0, i], valid[0, i + 1] = i < count, i + 1 < count
        valid[1, i // 2] = valid[0, i] | valid[0, i + 1] << 16
        s, pixel = divmod(begin + min(i, count - 1), m)
        s_above, pixel_above = divmod(begin + min(i + 1, count - 1), m)
        for fold in range(elements.shape[0]):
            row = x[s, g, pixel, fold * rows : (fold + 1) * rows]
            above, target = x[s_above, g, pixel_above, fold * rows :], elements[fold, i // 2]
            for r in range(row.shape[0]):
                target[r] = row[r] & LOW_HALF | above[r] << 16
        for j in range(terms.shape[0]):
            terms[j, i], terms[j, i + 1] = term[s, g, j, pixel], term[s_above, g, j, pixel_above]


@kernel
def lay_sums(start, sums, left):  # type: ignore[no-untyped-def]
    """What accumulators hold before the products."""
    for i in range(sums.shape[0]):
        for field in range(CHANGED + 1):
            for c in range(LANES):
                sums[i, field, c] = start[field, c]
    differ = 0
    for c in range(LANES):
        differ |= start[CHANGED, c]
    for group in range(left.shape[0]):
        left[group] = differ != 0


@kernel
def write_waves(sums, out, g, begin, count, n):  # type: ignore[no-untyped-def]
    """The sums of some waves, where the columns in use belong."""
    for i in range(count):
        s, m = divmod(begin + i, out.shape[2])
        at = out[s, g, m, n : n + LANES]
        if at.shape[0] == LANES:
            for c in range(LANES):
                at[c] = sums[i, c]
        else:
            for c in range(at.shape[0]):
                at[c] = sums[i, c]


@kernel
def count_rows(events, late, rows, chained, by_channel, by_row):  # type: ignore[no-untyped-def]
    """Events of one block, by column and by row; they are 0 again."""
    folds, even = events.shape[0], events.shape[1] - 1
    k = by_row.shape[0] - late.shape[0] - folds * chained
    for fold in range(folds):
        for r in range(even + 1):
            found, at = 0, fold * rows + r if r < even else k + fold
            for c in range(LANES):
                found += events[fold, r, c]
            if found:
                take(events[fold, r], by_channel[(r == even) * 1])
                by_row[at] += found
    for j in range(late.shape[0]):
        for c in range(LANES):
            by_row[k + folds * chained + j] += late[j, c]
        take(late[j], by_channel[1])


@kernel
def take(events, total):  # type: ignore[no-untyped-def]
    """Add events to the columns in use."""
    for c in range(LANES):
        if c < total.shape[0]:
            total[c] += events[c]
        events[c] = 0
