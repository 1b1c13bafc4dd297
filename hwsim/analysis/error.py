"""How far integers are from their float reference, in LSB and in dB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.network.graph import Tensor, quantize_input

HISTOGRAM_EDGES = np.arange(-8.5, 9.0, 1.0)  # LSB; one more bin below and above
BLOCK = 1 << 14  # differences that are counted at once: they stay near


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


def compare(
    codes: Ints, tensor: Tensor, reference: NDArray[np.float64], clipped: int
) -> ErrorFigures:
    """Figures of one tensor.

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
    difference = difference_lsb(codes, tensor, reference)
    bins, mean_lsb = histogram(difference), float(difference.mean()) if codes.size else 0.0
    max_lsb = float(max(difference.max(initial=0.0), -difference.min(initial=0.0)))
    channel_mean_lsb = np.zeros(codes.shape[-1])
    if codes.size:
        channel_mean_lsb = difference.reshape(-1, codes.shape[-1]).mean(axis=0)
    np.square(difference, out=difference)
    mean_square = float(difference.mean()) if codes.size else 0.0
    hardware = (codes - tensor.zero_point) * tensor.scale
    room = difference  # written anew: new memory is slow
    noise = float(np.square(np.subtract(hardware, reference, out=room), out=room).sum())
    signal = float(np.square(reference, out=room).sum())
    power = float(np.square(hardware, out=room).sum())
    count = max(codes.size, 1)
    return ErrorFigures(
        sqnr_db=10 * float(np.log10(signal) - np.log10(noise)) if signal and noise else None,
        cosine=cosine(hardware, reference) if signal and power else None,
        mean_lsb=mean_lsb,
        rms_lsb=float(np.sqrt(mean_square)),
        max_lsb=max_lsb,
        exact_match=float(np.count_nonzero(codes == quantize_input(tensor, reference)) / count),
        clipped=clipped / count,
        histogram=bins,
        channel_mean_lsb=channel_mean_lsb,
    )


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
        below += [np.count_nonzero(block < edge) for edge in HISTOGRAM_EDGES]
    return np.diff(below, prepend=0, append=flat.size)


def cosine(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Cosine of the angle between two tensors that are not all zero, within -1..1.

    >>> cosine(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
    1.0
    """
    x, y = (values / max(values.max(), -values.min()) for values in (x, y))
    product = (x * y).sum()
    value = product / (np.sqrt(np.square(x, out=x).sum()) * np.sqrt(np.square(y, out=y).sum()))
    return float(np.clip(value, -1.0, 1.0))


def top1(outputs: NDArray[np.generic], labels: Ints) -> float:
    """Share of samples whose largest output (the first, where several are) is the label.

    >>> top1(np.array([[1, 5], [7, 7]]), np.array([1, 1]))
    0.5
    """
    scores = outputs.reshape(len(labels), -1)
    return float(np.mean(scores.argmax(axis=1) == labels))
