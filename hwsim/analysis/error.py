"""How far integers are from their float reference, in LSB and in dB."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.network.graph import Tensor

Reals = NDArray[np.float64]
HISTOGRAM_EDGES = np.arange(-8.5, 9.0, 1.0)  # LSB; one more bin below and above
TERMS = 7  # sums of `terms`
AT_ONCE = 1 << 17  # numbers of some samples: what is made of them stays near the processor
BLOCK = 1 << 14  # differences that are counted at once


@dataclass(frozen=True, eq=False)
class ErrorFigures:
    """One tensor against its float reference; ``difference`` = (hardware - float) / scale.

    Attributes
    ----------
    sqnr_db : float or None
        ``10 log10(sum float**2 / sum (hardware - float)**2)``; None where either sum is 0.
    cosine : float or None
        Cosine of the angle between both; None where either is all zero.
    mean_lsb, rms_lsb, max_lsb : float
        Of ``difference``; max of its magnitude.
    exact_match : float
        Share of codes equal to the float result quantized half even.
    clipped : float
        Share of outputs that the output format saturated (not the activation clamp).
    histogram : int64 ndarray of shape (19,)
        Counts of ``difference`` below -8.5, in bins of one LSB, and above 8.5.
    channel_mean_lsb : float64 ndarray of shape (channels,)
        Mean of ``difference`` for each output channel: a constant offset is a bias error.
    """

    sqnr_db: float | None
    cosine: float | None
    mean_lsb: float
    rms_lsb: float
    max_lsb: float
    exact_match: float
    clipped: float
    histogram: Ints
    channel_mean_lsb: NDArray[np.float64]

    def as_json(self) -> dict[str, float | None]:
        """The seven figures of summary.json."""
        names = ("sqnr_db", "cosine", "mean_lsb", "rms_lsb", "max_lsb", "exact_match", "clipped")
        return {name: getattr(self, name) for name in names}


def difference_lsb(
    codes: Ints, tensor: Tensor, reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(code - zero_point) - float / scale``, in LSB of the tensor."""
    steps = reference / tensor.scale
    return np.subtract(codes - tensor.zero_point, steps, out=steps)


class ErrorTally:
    """Sums of one tensor's errors over samples, added batch by batch.

    Each sample is summed alone and added to those before it, in their order: the figures do not
    depend on how many samples come at once.

    Examples
    --------
    >>> from hwsim.arith.formats import IntFormat
    >>> tally = ErrorTally(Tensor("y", (2,), IntFormat(8), 0.5), 2)
    >>> for codes, reference in (([3, -1], [1.5, -0.75]), ([2, 2], [1.0, 1.0])):
    ...     tally.add(np.array([codes]), np.array([reference]))
    >>> figures = tally.figures(clipped=0)
    >>> figures.mean_lsb, figures.max_lsb, figures.exact_match
    (0.125, 0.5, 0.75)
    """

    def __init__(self, tensor: Tensor, channels: int) -> None:
        self.tensor, self.channels = tensor, channels
        self.count = self.matches = 0
        self.max_lsb = 0.0
        self.histogram: Ints = np.zeros(HISTOGRAM_EDGES.size + 1, np.int64)
        self._sums = np.zeros(TERMS + channels)

    def add(self, codes: Ints, reference: Reals) -> None:
        """Some samples; int64 and float64 arrays of shape (S, ..., channels)."""
        if not codes.size:
            return
        step = max(AT_ONCE // codes[0].size, 1)
        for start in range(0, len(codes), step):
            self._add(codes[start : start + step], reference[start : start + step])

    def _add(self, codes: Ints, reference: Reals) -> None:
        """As many as stay near."""
        samples, tensor = len(codes), self.tensor
        steps = (reference / tensor.scale).reshape(samples, -1)
        whole = (codes - tensor.zero_point).astype(np.float64).reshape(samples, -1)
        difference = whole - steps
        self.count += codes.size
        self.matches += int(np.count_nonzero(whole == quantized(tensor, steps)))
        self.max_lsb = float(max(self.max_lsb, difference.max(), -difference.min()))
        self.histogram += histogram(difference)
        rows = np.empty((samples, TERMS + self.channels))
        difference.reshape(samples, -1, self.channels).sum(axis=1, out=rows[:, TERMS:])
        real = reference.reshape(samples, -1)
        for i, term in enumerate(terms(difference, whole, steps, real, tensor.scale)):
            term.sum(axis=1, out=rows[:, i])
        self._sums = np.add.accumulate(np.vstack([self._sums, rows]))[-1]

    def figures(self, clipped: int) -> ErrorFigures:
        """Of all samples; ``clipped``: outputs that the output format saturated."""
        difference, squares, noise, signal, power, steps, product = self._sums[:TERMS].tolist()
        count = max(self.count, 1)
        pixels = max(self.count // max(self.channels, 1), 1)
        cosine = product / math.sqrt(power) / math.sqrt(steps) if power and steps else None
        return ErrorFigures(
            sqnr_db=10 * (math.log10(signal) - math.log10(noise)) if signal and noise else None,
            cosine=None if cosine is None else min(max(cosine, -1.0), 1.0),
            mean_lsb=difference / count,
            rms_lsb=math.sqrt(squares / count),
            max_lsb=self.max_lsb,
            exact_match=self.matches / count,
            clipped=clipped / count,
            histogram=self.histogram.copy(),
            channel_mean_lsb=self._sums[TERMS:] / pixels,
        )


def quantized(tensor: Tensor, steps: Reals) -> Reals:
    """`hwsim.network.graph.quantize_input` of values in LSB, less the zero point.

    >>> from hwsim.arith.formats import IntFormat
    >>> quantized(Tensor("y", (3,), IntFormat(8), 0.5, 100), np.array([0.5, 1.5, 99.0])).tolist()
    [0.0, 2.0, 27.0]
    """
    assert tensor.format is not None
    lo, hi = (end - tensor.zero_point for end in (tensor.format.lo, tensor.format.hi))
    rounded = np.rint(steps)
    return np.clip(rounded, lo, hi, out=rounded)


def terms(
    difference: Reals, whole: Reals, steps: Reals, real: Reals, scale: float
) -> Iterator[Reals]:
    """What is summed: ``d, d**2, (hardware - float)**2, float**2``; and in LSB ``hardware**2,
    float**2, hardware * float``."""
    yield difference
    room = np.square(difference)  # written anew: new memory is slow
    yield room
    np.subtract(np.multiply(whole, scale, out=room), real, out=room)
    yield np.square(room, out=room)
    yield np.square(real, out=room)
    yield np.square(whole, out=room)
    yield np.square(steps, out=room)
    yield np.multiply(whole, steps, out=room)


def compare(codes: Ints, tensor: Tensor, reference: Reals, clipped: int) -> ErrorFigures:
    """Figures of one tensor, all samples at once.

    Parameters
    ----------
    codes : int64 ndarray of shape (S, ..., channels)
    tensor : Tensor
        Scale, zero point and format of ``codes``.
    reference : float64 ndarray of the same shape
        The float twin's values.
    clipped : int
        Outputs that the output format saturated.

    Examples
    --------
    >>> from hwsim.arith.formats import IntFormat
    >>> figures = compare(np.array([[3, -1]]), Tensor("y", (2,), IntFormat(8), 0.5),
    ...                   np.array([[1.5, -0.75]]), 0)
    >>> figures.mean_lsb, figures.max_lsb, figures.exact_match
    (0.25, 0.5, 0.5)
    """
    tally = ErrorTally(tensor, codes.shape[-1])
    tally.add(codes, reference)
    return tally.figures(clipped)


def histogram(difference: NDArray[np.float64]) -> Ints:
    """How many differences lie below, between and above the edges: int64 ndarray of shape (19,).

    A difference at an edge belongs to the bin above it.

    >>> histogram(np.array([-9.0, -0.5, 0.49, 8.5])).tolist()
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    flat = difference.reshape(-1)
    below = np.zeros(HISTOGRAM_EDGES.size, np.int64)
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK]
        least, largest = np.searchsorted(HISTOGRAM_EDGES, (block.min(), block.max()), "right")
        for i in range(least, largest):
            below[i] += np.count_nonzero(block < HISTOGRAM_EDGES[i])
        below[largest:] += block.size  # all of them
    return np.diff(below, prepend=0, append=flat.size)


def top1(outputs: NDArray[np.generic], labels: Ints) -> float:
    """Share of samples whose largest output (the first, where several are) is the label.

    >>> top1(np.array([[1, 5], [7, 7]]), np.array([1, 1]))
    0.5
    """
    scores = outputs.reshape(len(labels), -1)
    return float(np.mean(scores.argmax(axis=1) == labels))
