"""The numbers behind a diagnosis: what a person would look at to believe it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.diagnosis_bench import Bench, border_weight

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    cause : str
        One word: bias, truncation, zero point, padding, shift, scale, clamp, wrap, saturation.
    words : str
        The sentence.
    evidence : str
        The numbers that say so.
    score : float
        Share of the squared difference that it explains, 0..1.
    """

    cause: str
    words: str
    evidence: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def evidence_of(cause: str, bench: Bench, observed: NDArray[Any], score: float) -> str:
    """The difference from the machine's codes in figures that bear on the cause.

    Parameters
    ----------
    cause : str
        As in `Finding`.
    bench : Bench
    observed : int64 ndarray of shape (S, *shape)
    score : float
    """
    difference = (observed - bench.ours).astype(np.float64)
    wrong = int(np.count_nonzero(difference))
    parts = [f"explains {score:.1%} of the squared difference"]
    rms = float(np.sqrt(np.square(difference).mean()))
    parts.append(f"{wrong} of {difference.size} codes differ, rms {rms:.2f} LSB")
    more = {
        "bias": _channels,
        "truncation": _mean,
        "zero point": _growth,
        "padding": _border,
        "shift": _gain,
        "scale": _gain,
    }.get(cause)
    if more is not None:
        parts.append(more(bench, observed, difference))
    return "; ".join(parts)


def free(bench: Bench, observed: NDArray[Any]) -> NDArray[np.bool_]:
    """Outputs that neither activation nor format holds, in either set: their difference counts."""
    form = bench.graph.tensors[bench.node.output].format
    assert form is not None
    lo, hi = bench.sums.clamp
    least = max(form.lo, form.lo if lo is None else lo)
    largest = min(form.hi, form.hi if hi is None else hi)
    inside: NDArray[np.bool_] = (observed > least) & (observed < largest)
    inside &= (bench.ours > least) & (bench.ours < largest)
    return inside


def input_sums(bench: Bench) -> Reals:
    """Sum of the input steps under each output's taps, (S, *shape)."""
    ones = np.ones_like(bench.sums.weight_codes)
    return bench.products(ones)


def channel_means(bench: Bench, observed: NDArray[Any]) -> tuple[Reals, Reals]:
    """Mean difference of each channel over its free outputs, and how many those are."""
    inside = free(bench, observed)
    channels = observed.shape[-1]
    count = inside.reshape(-1, channels).sum(axis=0)
    total = ((observed - bench.ours) * inside).reshape(-1, channels).sum(axis=0)
    return total / np.maximum(count, 1), count.astype(np.float64)


def _channels(bench: Bench, observed: NDArray[Any], difference: Reals) -> str:
    means, count = channel_means(bench, observed)
    inside = free(bench, observed)
    within = (difference - means)[inside]
    spread = float(np.sqrt(np.square(within).mean())) if within.size else 0.0
    seen = means[count > 0]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    return f"channel means from {low:.2f} to {high:.2f} LSB, within a channel rms {spread:.2f}"


def _mean(bench: Bench, observed: NDArray[Any], difference: Reals) -> str:
    inside = difference[free(bench, observed)]
    return f"mean {float(inside.mean()) if inside.size else 0.0:+.3f} LSB"


def _growth(bench: Bench, observed: NDArray[Any], difference: Reals) -> str:
    inside = free(bench, observed)
    sums = input_sums(bench)
    found = []
    for channel in range(observed.shape[-1]):
        x, y = (v[..., channel][inside[..., channel]] for v in (sums, difference))
        if x.size > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
            found.append(abs(float(np.corrcoef(x, y)[0, 1])))
    if not found:
        return "too few outputs are free of the clamp to see how it grows"
    return f"it grows with the input sum: correlation {float(np.median(found)):.2f} in a channel"


def _border(bench: Bench, observed: NDArray[Any], difference: Reals) -> str:
    touched = np.broadcast_to(border_weight(bench) != 0, difference.shape)
    at_border = int(np.count_nonzero(difference[touched]))
    return (
        f"{at_border} of {int(np.count_nonzero(difference))} lie where the kernel leaves the image"
    )


def _gain(bench: Bench, observed: NDArray[Any], difference: Reals) -> str:
    inside = free(bench, observed)
    zero = bench.graph.tensors[bench.node.output].zero_point
    ours, theirs = ((v - zero) * inside for v in (bench.ours, observed))
    power = np.square(ours).reshape(-1, ours.shape[-1]).sum(axis=0)
    both = (ours * theirs).reshape(-1, ours.shape[-1]).sum(axis=0)
    gains = both[power > 0] / power[power > 0]
    if not gains.size:
        return "every output is held by the clamp"
    return f"gain from {float(gains.min()):.3g} to {float(gains.max()):.3g} over channels"
