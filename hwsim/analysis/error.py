"""How far integers are from their float reference, in LSB and in dB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.network.graph import Tensor, quantize_input

HISTOGRAM_EDGES = np.arange(-8.5, 9.0, 1.0)  # LSB; one more bin below and above


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
    return (codes - tensor.zero_point) - reference / tensor.scale


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
    hardware = (codes - tensor.zero_point) * tensor.scale
    noise = float(np.square(hardware - reference).sum())
    signal, power = float(np.square(reference).sum()), float(np.square(hardware).sum())
    edges = np.concatenate([[-np.inf], HISTOGRAM_EDGES, [np.inf]])
    channels = codes.shape[-1]
    count = max(codes.size, 1)
    return ErrorFigures(
        sqnr_db=10 * float(np.log10(signal) - np.log10(noise)) if signal and noise else None,
        cosine=cosine(hardware, reference) if signal and power else None,
        mean_lsb=float(difference.mean()) if codes.size else 0.0,
        rms_lsb=float(np.sqrt(np.square(difference).mean())) if codes.size else 0.0,
        max_lsb=float(np.abs(difference).max(initial=0.0)),
        exact_match=float(np.count_nonzero(codes == quantize_input(tensor, reference)) / count),
        clipped=clipped / count,
        histogram=np.histogram(difference, edges)[0].astype(np.int64),
        channel_mean_lsb=difference.reshape(-1, channels).mean(axis=0)
        if codes.size
        else np.zeros(channels),
    )


def cosine(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Cosine of the angle between two tensors that are not all zero, within -1..1.

    >>> cosine(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
    1.0
    """
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    value = (x * y).sum() / (np.sqrt(np.square(x).sum()) * np.sqrt(np.square(y).sum()))
    return float(np.clip(value, -1.0, 1.0))


def top1(outputs: NDArray[np.generic], labels: Ints) -> float:
    """Share of samples whose largest output (the first, where several are) is the label.

    >>> top1(np.array([[1, 5], [7, 7]]), np.array([1, 1]))
    0.5
    """
    scores = outputs.reshape(len(labels), -1)
    return float(np.mean(scores.argmax(axis=1) == labels))
