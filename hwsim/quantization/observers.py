"""From the values that a tensor takes on data to the range that its codes cover.

============== ====================================================================================
minmax         least and largest value
moving_average ``lo += c * (batch's least - lo)``, alike for the largest (torch, TFLite training)
percentile     so many percent of the values inside, half of the rest beyond each end (ORT)
entropy        the range whose quantized histogram is nearest in Kullback-Leibler divergence (ORT,
               TensorRT)
mean_square    the range whose codes have the least mean square error (AIMET ``tf_enhanced``)
============== ====================================================================================

The last three read a histogram of 2,048 bins between least and largest value: data are seen twice.
``entropy`` leaves out zeros: they have a code of their own in every range, and after a relu there
are so many that nothing else would count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwsim.quantization.choices import Choices
from hwsim.quantization.scales import Range, activation_affine

Reals = NDArray[np.float64]

BINS = 2048
CANDIDATES = 32  # of each end, under mean_square
FROM_HISTOGRAM = frozenset({"percentile", "entropy", "mean_square"})


class Observer:
    """What has been seen of one tensor.

    Call `see` with every batch; where `needs_histogram`, call `count` with every batch once more;
    `range` is the answer.

    >>> observer = Observer(Choices())
    >>> observer.see(np.array([-1.0, 0.5]))
    >>> observer.see(np.array([2.0]))
    >>> observer.range()
    (-1.0, 2.0)
    """

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.seen: Range | None = None
        self.histogram = np.zeros(BINS)

    @property
    def needs_histogram(self) -> bool:
        """Whether data must be seen a second time."""
        return self.choices.observer in FROM_HISTOGRAM

    def see(self, values: Reals) -> None:
        """One batch of values, of any shape."""
        lo, hi = float(values.min()), float(values.max())
        if self.seen is not None:
            if self.choices.observer == "moving_average":
                weight = self.choices.averaging
                lo = self.seen[0] + weight * (lo - self.seen[0])
                hi = self.seen[1] + weight * (hi - self.seen[1])
            else:
                lo, hi = min(lo, self.seen[0]), max(hi, self.seen[1])
        self.seen = lo, hi

    def count(self, values: Reals) -> None:
        """One batch once more, into the histogram."""
        assert self.seen is not None
        if self.choices.observer == "entropy":
            values = values[values != 0]
        if self.seen[0] < self.seen[1]:
            self.histogram += np.histogram(values, BINS, self.seen)[0]

    def range(self) -> Range:
        """Least and largest value to cover."""
        assert self.seen is not None
        if not self.needs_histogram or not self.histogram.any():
            return self.seen
        if self.choices.observer == "percentile":
            return percentile_range(self.histogram, self.seen, self.choices.percentile)
        if self.choices.observer == "entropy":
            return entropy_range(self.histogram, self.seen, self.choices)
        return mean_square_range(self.histogram, self.seen, self.choices)


def percentile_range(histogram: Reals, seen: Range, percent: float) -> Range:
    """Edges of the bins between which ``percent`` of the values lie.

    >>> percentile_range(np.array([1.0, 98.0, 1.0, 0.0]), (0.0, 4.0), 98.0)
    (1.0, 2.0)
    """
    edges = np.linspace(*seen, len(histogram) + 1)
    below = np.cumsum(histogram) / histogram.sum()
    cut = (100.0 - percent) / 200.0
    first = int(np.searchsorted(below, cut, side="right"))
    last = int(np.searchsorted(below, 1.0 - cut, side="left"))
    if cut == 0:
        return seen
    return float(edges[min(first, len(histogram) - 1)]), float(edges[last + 1])


def mean_square_range(histogram: Reals, seen: Range, choices: Choices) -> Range:
    """The range, both ends shrunk in `CANDIDATES` steps, whose codes have least mean square error.

    Zero stays inside. A bin's values count at its centre, as the grid that follows from the range
    rounds and clips them.
    """
    edges = np.linspace(*seen, len(histogram) + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    steps = np.arange(CANDIDATES, 0, -1) / CANDIDATES
    lows: Sequence[float] = (seen[0] * steps).tolist() if seen[0] < 0 else [0.0]
    highs: Sequence[float] = (seen[1] * steps).tolist() if seen[1] > 0 else [0.0]
    best, least = seen, np.inf
    for lo in lows:
        for hi in highs:
            grid = activation_affine((lo, hi), choices)
            lowest = grid.format.lo - grid.zero_point
            highest = grid.format.hi - grid.zero_point
            nearest = np.clip(np.rint(centres / grid.scale), lowest, highest)
            error = float(histogram @ (centres - nearest * grid.scale) ** 2)
            if error < least:
                best, least = (lo, hi), error
    return best


def entropy_range(histogram: Reals, seen: Range, choices: Choices) -> Range:
    """The cut of the histogram at some distance from zero that loses least information.

    For each cut that leaves a bin or more to each code: P is the histogram inside, the values
    beyond added to its ends; Q is the inside averaged over the intervals of the codes, empty bins
    left empty; the divergence is ``sum p * log(p / q)``.
    """
    edges = np.linspace(*seen, len(histogram) + 1)
    levels = 1 << choices.activation_bits
    reach = max(-seen[0], seen[1])
    best, least = seen, np.inf
    for share in np.arange(256, 0, -1) / 256:
        lo, hi = max(seen[0], -share * reach), min(seen[1], share * reach)
        first, last = np.searchsorted(edges, [lo, hi]).tolist()
        used = (hi - lo) / (2 * share * reach) if choices.activations == "symmetric" else 1.0
        intervals = round(used * levels)
        inside = histogram[first:last]
        if len(inside) < max(intervals, 1):
            break
        p = inside.copy()
        p[0] += histogram[:first].sum()
        p[-1] += histogram[last:].sum()
        divergence = _divergence(p, _averaged(inside, intervals))
        if divergence < least:
            best, least = (lo, hi), divergence
    return best


def _averaged(counts: Reals, levels: int) -> Reals:
    """Each of ``levels`` intervals holds its mean in every bin that is not empty."""
    edges = np.linspace(0, len(counts), levels + 1).astype(np.int64)
    interval = np.searchsorted(edges, np.arange(len(counts)), side="right") - 1
    full = counts > 0
    total = np.bincount(interval, counts, levels)
    bins = np.bincount(interval, full, levels)
    mean = np.divide(total, bins, out=np.zeros(levels), where=bins > 0)
    return np.where(full, mean[interval], 0.0)


def _divergence(p: Reals, q: Reals) -> float:
    """``sum p * log(p / q)`` of the two, normalized; infinite where q misses a value of p."""
    if q.sum() == 0:
        return np.inf
    p, q = p / p.sum(), q / q.sum()
    here = p > 0
    if (q[here] == 0).any():
        q = np.where(here & (q == 0), 1e-12, q)
    return float(np.sum(p[here] * np.log(p[here] / q[here])))
