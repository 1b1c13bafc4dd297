"""What the shape of a difference says, where the layer itself is not known or no mistake fits.

Rules of thumb with their bounds, from SEEDS.md 004's table. Each looks at outputs that neither
activation nor format holds, and speaks only where it explains most of what it sees::

    truncation   mean near -0.5 LSB, in every channel alike
    wrap         every difference a multiple of 2**bits units of the accumulator
    bias         a constant offset in each channel
    zero point   an offset that grows with the sum of the layer's inputs
    gain         an error in proportion to the output

Honest quantization error has none of these shapes: it is spread about 0, a layer's channels differ
by less than an LSB in their means, and it does not follow inputs or outputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.diagnosis_evidence import Finding

Reals = NDArray[np.float64]
EXPLAINED = 0.8  # of the squared difference
LEAST_LSB = 1.0  # rms of what a rule explains
FEWEST_IN_CHANNEL = 12  # free outputs, for a channel to count
FEWEST_IN_ALL = 100
WIDEST_WRAP, NARROWEST_WRAP = 48, 4  # bits
WRAP_LSB = 8.0  # of one turn; smaller ones are any number
WRAP_SLACK = 1.5  # LSB about a multiple
FEWEST_WRAPPED = 5


def symptoms(
    difference: Reals,
    inside: NDArray[np.bool_],
    *,
    input_sum: Reals | None = None,
    unit: Reals | None = None,
    reference: Reals | None = None,
) -> list[Finding]:
    """What a difference looks like, the best explanation first.

    Parameters
    ----------
    difference : float64 ndarray of shape (S, ..., channels)
        Observed less reference, output LSB.
    inside : bool ndarray of the same shape
        Outputs that neither activation nor format holds.
    input_sum : float64 ndarray of the same shape, optional
        Sum of the input steps under each output's taps.
    unit : float64 ndarray of shape (channels,), optional
        Output LSB of one unit of the accumulator.
    reference : float64 ndarray of the same shape, optional
        Output LSB, zero point removed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> honest = rng.uniform(-0.5, 0.5, (50, 4))
    >>> everywhere = np.ones((50, 4), bool)
    >>> symptoms(honest, everywhere)
    []
    >>> symptoms(honest + [0, 7, -4, 0], everywhere)[0].cause
    'bias'
    >>> symptoms(honest - 0.5, everywhere)[0].cause
    'truncation'
    """
    channels = difference.shape[-1]
    d, free = difference.reshape(-1, channels), inside.reshape(-1, channels)
    free = free & (free.sum(axis=0) >= FEWEST_IN_CHANNEL)
    if not free.any() or not d[free].any():
        return []
    found = [truncation(d, free)]
    if unit is not None:
        found.append(wrapped(d, free, unit))
    one = np.ones_like(d)
    offset = _fitted(d, free, [one])
    found.append(_explained("bias", "a constant offset in each channel", d, free, offset))
    if input_sum is not None:
        slope = _fitted(d, free, [one, input_sum.reshape(-1, channels)])
        beyond = _share(d, free, slope) - _share(d, free, offset)
        if beyond > (1.0 - EXPLAINED) / 2:
            words = "the error grows with the input sum"
            found.append(_explained("zero point", words, d, free, slope))
    if reference is not None:
        gain = _fitted(d, free, [reference.reshape(-1, channels)])
        found.append(_explained("gain", "the error is in proportion to the output", d, free, gain))
    return sorted((one for one in found if one is not None), key=lambda one: -one.score)


def truncation(d: Reals, free: NDArray[np.bool_]) -> Finding | None:
    """Outputs cut instead of rounded: mean -0.5 LSB; arrays of shape (outputs, channels)."""
    values = d[free]
    if values.size < FEWEST_IN_ALL:
        return None
    mean = float(values.mean())
    count = free.sum(axis=0)
    means = (d * free).sum(axis=0)[count > 0] / count[count > 0]
    spread = 1.0 / np.sqrt(count[count > 0])  # of a mean, about four times its deviation
    if abs(mean + 0.5) > 0.1 or (np.abs(means + 0.5) > 0.1 + spread).any():
        return None
    square = float(np.square(values).mean())
    if square - mean**2 > 1.0:
        return None
    words = "truncation: output codes are cut, not rounded"
    evidence = f"mean {mean:+.3f} LSB, in every channel alike"
    return Finding("truncation", words, evidence, mean**2 / square)


def wrapped(d: Reals, free: NDArray[np.bool_], unit: Reals) -> Finding | None:
    """Differences that are multiples of a power of two in the accumulator."""
    step = np.broadcast_to(unit, d.shape)[free]
    values = d[free]
    for bits in range(WIDEST_WRAP, NARROWEST_WRAP - 1, -1):
        turn = np.ldexp(step, bits)
        far = np.abs(values) > turn / 2
        if far.sum() < FEWEST_WRAPPED or turn[far].min() < WRAP_LSB:
            continue
        left = values - turn * np.rint(values / turn)
        if np.abs(left).max() <= WRAP_SLACK:
            words = f"wrap: every difference is a multiple of 2^{bits} in the accumulator"
            evidence = f"{int(far.sum())} outputs wrapped, the rest within {WRAP_SLACK} LSB"
            score = 1.0 - float(np.square(left).sum() / np.square(values).sum())
            return Finding("wrap", f"{words}: a register of {bits} bits", evidence, score)
    return None


def _fitted(d: Reals, free: NDArray[np.bool_], columns: list[Reals]) -> Reals:
    """Least squares in each channel, on its free outputs."""
    fit = np.zeros_like(d)
    for channel in np.flatnonzero(free.any(axis=0)):
        rows = free[:, channel]
        x = np.stack([column[rows, channel] for column in columns], axis=1)
        fit[rows, channel] = x @ np.linalg.lstsq(x, d[rows, channel], rcond=None)[0]
    return fit


def _share(d: Reals, free: NDArray[np.bool_], fit: Reals) -> float:
    """Share of the squared difference that a fit explains."""
    return 1.0 - float(np.square((d - fit)[free]).sum() / np.square(d[free]).sum())


def _explained(
    cause: str, words: str, d: Reals, free: NDArray[np.bool_], fit: Reals
) -> Finding | None:
    """A finding, where a fit explains enough, of an error that is large enough."""
    share = _share(d, free, fit)
    size = float(np.sqrt(np.square(fit[free]).mean()))
    if share < EXPLAINED or size < LEAST_LSB:
        return None
    means = (d * free).sum(axis=0) / np.maximum(free.sum(axis=0), 1)
    evidence = (
        f"explains {share:.1%} of the squared difference, rms {size:.2f} LSB; "
        f"channel means from {float(means.min()):.2f} to {float(means.max()):.2f} LSB"
    )
    return Finding(cause, f"{cause}: {words}", evidence, share)
