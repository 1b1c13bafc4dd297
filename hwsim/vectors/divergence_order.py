"""Causes that move values without changing them: nothing at all, latency, lost beats, layout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwsim.analysis.compare_causes import FEWEST, Cause
from hwsim.array.gemm import Ints
from hwsim.vectors.divergence import Differences

FARTHEST = 16  # beats


def nothing(d: Differences) -> Cause | None:
    """No beat, or only unknown bits."""
    if not len(d.dump.values):
        return Cause("nothing", "nothing: the dump holds no beat")
    kept = d.beats.keep[: d.common]
    if not d.known.any() and kept.any():
        return Cause("unknown", "unknown: every value is X: a register that is never written")
    return None


def zeros(d: Differences) -> Cause | None:
    """Only zeros."""
    if d.seen[d.known].any() or np.count_nonzero(d.expected[d.known]) < FEWEST:
        return None
    return Cause("zero", "all zero: every value is 0: a result that is never taken over")


def latency(d: Differences) -> Cause | None:
    """The right values in the right order, in other clocks."""
    if d.different.any() or not d.late.any():
        return None
    late = np.unique(d.late)
    first = int(np.flatnonzero(d.late)[0])
    if len(late) == 1:
        return Cause("latency", f"latency: every beat is {_clocks(int(late[0]))}")
    after = d.late[first:]
    if first and len(np.unique(after)) == 1:
        text = f"latency: from beat {first} on, every beat is {_clocks(int(after[0]))}"
        return Cause("latency", text)
    text = f"latency: beats come between {int(late[0])} and {int(late[-1])} clocks late"
    return Cause("latency", text)


def _clocks(late: int) -> str:
    word = "clock" if abs(late) == 1 else "clocks"
    return f"{abs(late)} {word} {'late' if late > 0 else 'early'}"


def moved(d: Differences) -> Cause | None:
    """Beats that come later or earlier, from the start on or from one beat on."""
    total, got = len(d.expected), len(d.dump.values)
    rows = np.flatnonzero(d.different[: d.common].any(axis=1))
    first = int(rows[0]) if len(rows) else d.common
    if got < total and not len(rows):
        return Cause("lost", f"lost: the dump ends after {got} of {total} beats")
    for by in (b for step in range(1, FARTHEST + 1) for b in (step, -step)):
        lost, extra = max(-by, 0), max(by, 0)
        count = min(total - first - lost, got - first - extra)
        if count < 0 or (count < FEWEST and got - total != by):
            continue
        want = slice(first + lost, first + lost + count)
        have = slice(first + extra, first + extra + count)
        keep = d.beats.keep[want]
        same = d.dump.known[have] & (d.dump.values[have] == d.expected[want])
        telling = got - total == by or np.unique(d.expected[want][keep]).size >= FEWEST
        if same[keep].all() and telling and (keep.any() or got != total):
            return _moved(first, by, got - total)
    return None


def _moved(first: int, by: int, more: int) -> Cause:
    count = abs(by)
    several = "beats" if count > 1 else "beat"
    if by < 0:
        text = f"dropped: {count} {several} from beat {first} on; what follows is right"
        if more < by:
            text += ", but the end is missing"
        return Cause("dropped", text)
    if first == 0:
        text = f"latency: every value comes {count} {several} late"
        return Cause("latency", text)
    return Cause("repeated", f"repeated: {count} {several} too many at beat {first}")


def behind(d: Differences) -> Cause | None:
    """Values that miss the clock of their own valid: each beat holds that of a clock before, or
    after, wherever beats follow each other without a gap."""
    if d.common < len(d.expected):
        return None
    for by in (1, -1, 2, -2, 3, -3):
        beat = np.arange(max(by, 0), len(d.expected) + min(by, 0))
        other = beat - by
        run = d.beats.run[:, 0]
        near = (d.beats.clock[beat] - d.beats.clock[other] == by) & (run[beat] == run[other])
        beat, other = beat[near], other[near]
        keep = d.known[beat] & d.beats.keep[other]
        want = d.expected[other]
        told = np.unique(want[keep]).size >= FEWEST and d.different[beat][keep].any()
        if told and (d.seen[beat] == want)[keep].all():
            return Cause("latency", f"latency: values come {_clocks(by)}, against their valid")
    return None


def lanes(d: Differences) -> Cause | None:
    """Lanes of a beat in another order."""
    for order, words in _lane_orders(d):
        keep = d.known & np.take_along_axis(d.beats.keep, order, axis=1)
        want = np.take_along_axis(d.expected, order, axis=1)
        shown = keep & d.different
        if np.count_nonzero(shown) >= 2 and (d.seen == want)[keep].all():
            return Cause("layout", f"layout: the lanes of a beat are {words}")
    return None


def _lane_orders(d: Differences) -> Iterator[tuple[Ints, str]]:
    """(beats, lanes): which lane each lane holds."""
    count = d.expected.shape[1]
    used = d.beats.keep.sum(axis=1, keepdims=True)
    lane = np.arange(count)
    yield np.where(lane < used, used - 1 - lane, lane), "reversed"
    yield np.broadcast_to(count - 1 - lane, d.expected.shape), "reversed (unused ones too)"
    for by in range(1, count):
        yield np.broadcast_to((lane + by) % count, d.expected.shape), f"rotated by {by}"


def places(d: Differences) -> Cause | None:
    """Channels, pixels or groups in another order, in every run and k tile alike."""
    if not d.known[d.beats.keep].all():
        return None
    swapped = _swapped(d)
    if swapped is not None:
        return swapped
    for name, axis in (("channels (n)", d.beats.n), ("pixels (m)", d.beats.m)):
        order = _reordered(d, axis)
        if order is not None:
            return Cause("layout", f"layout: {name} are {_order_words(order)}")
    return None


def _blocks(d: Differences) -> Iterator[tuple[Ints, Ints]]:
    """Expected and seen of every run, group and k tile, (M, N)."""
    keep = d.beats.keep
    tile = np.broadcast_to(d.beats.k_tile[:, None], keep.shape)
    keys = np.stack([d.beats.run[keep], tile[keep], d.beats.group[keep]], axis=1)
    m, n = d.beats.m[keep], d.beats.n[keep]
    for key in np.unique(keys, axis=0):
        own = (keys == key).all(axis=1)
        shape = int(m[own].max()) + 1, int(n[own].max()) + 1
        want, have = np.zeros((2, *shape), np.int64)
        want[m[own], n[own]] = d.expected[keep][own]
        have[m[own], n[own]] = d.seen[keep][own]
        yield want, have


def _swapped(d: Differences) -> Cause | None:
    """Each (M, N) block stored as (N, M)."""
    blocks = list(_blocks(d))
    if all(np.array_equal(have.ravel(), want.T.ravel()) for want, have in blocks):
        return Cause("layout", "layout: m and n are swapped: the values are (n, m), not (m, n)")
    return None


def _reordered(d: Differences, axis: Ints) -> list[int] | None:
    """For each index along an axis the index whose values are seen there, or None."""
    rows = axis is d.beats.m
    blocks = [(w, h) if rows else (w.T, h.T) for w, h in _blocks(d)]
    size = len(blocks[0][0])
    if any(len(want) != size for want, _ in blocks) or size < 2:
        return None
    want, have = (np.concatenate(part, axis=1) for part in zip(*blocks, strict=True))
    if want.shape[1] < 2:
        return None
    index: dict[bytes, list[int]] = {}
    for i in range(size):
        index.setdefault(want[i].tobytes(), []).append(i)
    order = []
    for i in range(size):
        candidates = index.get(have[i].tobytes())
        if not candidates:
            return None
        order.append(i if i in candidates else candidates[0])
    if len(set(order)) < min(size, 2) or order == list(range(size)):
        return None
    return order


def _order_words(order: list[int]) -> str:
    """An order in words.

    >>> _order_words([2, 1, 0]), _order_words([1, 2, 0]), _order_words([0, 2, 1])
    ('reversed', 'rotated by 1', 'in the order 0 2 1')
    """
    size = len(order)
    if order == list(range(size))[::-1]:
        return "reversed"
    by = order[0]
    if order == [(i + by) % size for i in range(size)]:
        return f"rotated by {by}"
    shown = " ".join(map(str, order[:16]))
    return f"in the order {shown}{' ...' if size > 16 else ''}"


AT_ONCE = (nothing, latency, moved, behind)
AFTER_RULES = (zeros, lanes, places)
"""Patterns that another machine may make too: asked where no machine fits."""
