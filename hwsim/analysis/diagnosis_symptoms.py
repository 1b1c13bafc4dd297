"""What the shape of a difference says, where the layer itself is not known or no mistake fits.

Rules of thumb with their bounds, from SEEDS.md 004's table. Each looks at outputs that neither
activation nor format holds, and speaks only where it explains most of what it sees::

    truncation   mean near -0.5 LSB, in every channel alike, or beyond doubt for their spread
    wrap         every difference a multiple of 2**bits units of the accumulator
    bias         a constant offset in each channel
    zero point   an offset that grows with the sum of the layer's inputs
    gain         an error in proportion to the output

Honest quantization error has none of these shapes: it is spread about 0, a layer's channels differ
by less than an LSB in their means, and it does not follow inputs or outputs. Beware of weights that
are coarse: where one scale serves all channels of a depthwise layer, their own errors are offsets
of whole LSB against the trained layer.
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
FEWEST_CHANNELS = 4  # for their means to have a spread
CLEAR_MEAN = 6.0  # deviations of the mean of channels, by which it lies below 0
WIDEST_WRAP, NARROWEST_WRAP = 48, 4  # bits
WRAP_LSB = 8.0  # of one turn; smaller ones are any number
WRAP_SLACK = 1.5  # LSB about a multiple
FEWEST_WRAPPED = 5
WRAP_SPREAD = 6.0  # times the rms of outputs that did not wrap
GROWS = "the error grows with the input sum"


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
    found += _shapes(d, free, input_sum, reference)
    return sorted((one for one in found if one is not None), key=lambda one: -one.score)


def _shapes(
    d: Reals, free: NDArray[np.bool_], input_sum: Reals | None, reference: Reals | None
) -> list[Finding | None]:
    """What follows a constant, the inputs or the output, with one factor a channel; then what
    follows the inputs with an offset, where that explains what those leave."""
    one = np.ones_like(d)
    shapes = [("bias", "a constant offset in each channel", one)]
    if input_sum is not None:
        input_sum = input_sum.reshape(d.shape)
        shapes.append(("zero point", GROWS, input_sum))
    if reference is not None:
        words = "the error is in proportion to the output"
        shapes.append(("gain", words, reference.reshape(d.shape)))
    fits = [_fitted(d, free, [column]) for _, _, column in shapes]
    found = [
        _explained(cause, words, d, free, fit)
        for (cause, words, _), fit in zip(shapes, fits, strict=True)
    ]
    if input_sum is not None:
        rest = d - max(fits, key=lambda fit: _share(d, free, fit))
        slope = _fitted(d, free, [one, input_sum])
        if _rms(rest[free]) >= LEAST_LSB and _share(rest, free, slope - d + rest) >= EXPLAINED:
            found.append(_explained("zero point", GROWS, d, free, slope))
    return found


def truncation(d: Reals, free: NDArray[np.bool_]) -> Finding | None:
    """Outputs cut instead of rounded: mean -0.5 LSB; arrays of shape (outputs, channels)."""
    values = d[free]
    if values.size < FEWEST_IN_ALL:
        return None
    mean = float(values.mean())
    count = free.sum(axis=0)
    means = (d * free).sum(axis=0)[count > 0] / count[count > 0]
    scatter = 1.0 / np.sqrt(count[count > 0])  # of a mean, about four times its deviation
    alike = bool((np.abs(means + 0.5) <= 0.1 + scatter).all())
    spread = float(means.std(ddof=1)) if len(means) >= FEWEST_CHANNELS else np.inf
    clear = mean < -CLEAR_MEAN * spread / np.sqrt(len(means))
    if abs(mean + 0.5) > (0.15 if clear else 0.1) or not (alike or clear):
        return None
    square = float(np.square(values).mean())
    if square - mean**2 > 1.0:
        return None
    words = "truncation: output codes are cut, not rounded"
    how = "in every channel alike" if alike else f"channels differ from it by {spread:.2f}"
    evidence = f"mean {mean:+.3f} LSB, {how}"
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
        near = left[~far]
        slack = max(WRAP_SLACK, WRAP_SPREAD * _rms(near))
        if slack < turn[far].min() / 4 and np.abs(left).max() <= slack:
            words = f"wrap: every difference is a multiple of 2^{bits} in the accumulator"
            evidence = f"{int(far.sum())} outputs wrapped, the rest within {slack:.1f} LSB"
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


def _rms(values: Reals) -> float:
    return float(np.sqrt(np.square(values).mean())) if values.size else 0.0


def _explained(
    cause: str, words: str, d: Reals, free: NDArray[np.bool_], fit: Reals
) -> Finding | None:
    """A finding, where a fit explains enough, of an error that is large enough."""
    share = _share(d, free, fit)
    size = _rms(fit[free])
    if share < EXPLAINED or size < LEAST_LSB:
        return None
    means = (d * free).sum(axis=0) / np.maximum(free.sum(axis=0), 1)
    evidence = (
        f"explains {share:.1%} of the squared difference, rms {size:.2f} LSB; "
        f"channel means from {float(means.min()):.2f} to {float(means.max()):.2f} LSB"
    )
    return Finding(cause, f"{cause}: {words}", evidence, share)
