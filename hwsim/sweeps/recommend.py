"""The narrowest accumulators that keep what is asked of them, from a sweep's points.

Widths are tried from the widest down, and the first that does not keep the budget ends the search:
so the confidence is that of one test, however many widths there are. Guaranteed widths (weight
bound) need no test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.sweeps.confidence import loss_bound, mcnemar, rate_bound

WIDTH = "accumulator.bits"


@dataclass(frozen=True)
class Terms:
    """What a recommendation must keep.

    Attributes
    ----------
    budget : float
        Accuracy that may be lost against ample registers, 0.005 for half a point.
    confidence : float
        With which as many other images keep it too.
    overflow_rate : float or None
        Largest rate of outputs that may lose something, at that confidence; None: any.
    """

    budget: float
    confidence: float
    overflow_rate: float | None = None


@dataclass(frozen=True)
class Found:
    """One width and what speaks for it.

    Attributes
    ----------
    bits : int
    proof : {"guaranteed", "observed"}
        Whether the weight bound holds it, or the data alone.
    lost, gained : int
        Images that only the ample registers, only these, get right; without labels, images whose
        class changed count as lost.
    loss, loss_bound : float
        Of all images; and what as many others may lose.
    mcnemar : float
        p of no difference.
    rate, rate_bound : float
        Outputs that lost something.
    """

    bits: int
    proof: str
    lost: int
    gained: int
    loss: float
    loss_bound: float
    mcnemar: float
    rate: float
    rate_bound: float

    def keeps(self, terms: Terms) -> bool:
        """Whether this width is within the terms."""
        if self.proof == "guaranteed":
            return True
        limit = terms.overflow_rate
        return self.loss_bound <= terms.budget and (limit is None or self.rate_bound <= limit)


def flips(
    predicted: NDArray[Any], exact: NDArray[Any], labels: NDArray[Any] | None
) -> tuple[int, int]:
    """Images lost and gained by one point, against the run with ample registers.

    >>> flips(np.array([1, 2, 3]), np.array([1, 2, 0]), np.array([1, 0, 0]))
    (1, 0)
    """
    if labels is None:
        return int(np.count_nonzero(predicted != exact)), 0
    ours, ample = predicted == labels, exact == labels
    return int(np.count_nonzero(ample & ~ours)), int(np.count_nonzero(ours & ~ample))


def weigh(
    bits: int,
    guaranteed_bits: int,
    images: tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None],
    affected: tuple[int, int],
    confidence: float,
) -> Found:
    """One width in numbers.

    ``images``: classes of this point, of the exact run, and labels or None; ``affected``: outputs
    that lost something, and all outputs.
    """
    lost, gained = flips(*images)
    count = max(len(images[0]), 1)
    seen, outputs = affected
    return Found(
        bits=bits,
        proof="guaranteed" if bits >= guaranteed_bits else "observed",
        lost=lost,
        gained=gained,
        loss=(lost - gained) / count,
        loss_bound=loss_bound(lost, gained, confidence) / count,
        mcnemar=mcnemar(lost, gained),
        rate=seen / max(outputs, 1),
        rate_bound=rate_bound(seen, outputs, confidence),
    )


def narrowest(found: Sequence[Found], terms: Terms) -> Found | None:
    """The last width within the terms, from the widest down; None where the widest is not."""
    best = None
    for width in sorted(found, key=lambda w: -w.bits):
        if not width.keeps(terms):
            break
        best = width
    return best


def uniform(
    points: Sequence[Mapping[str, Any]],
    samples: Mapping[str, NDArray[Any]],
    widths: Mapping[int, tuple[int, int, int]],
    terms: Terms,
) -> list[dict[str, Any]]:
    """One width for all layers: for each combination of the other swept fields, the narrowest.

    Parameters
    ----------
    points : sequence of dict
        Of sweep.json.
    samples : mapping
        samples.npz.
    widths : mapping of int
        By point number: guaranteed bits, observed bits, outputs of all samples.
    terms : Terms

    Returns
    -------
    list of dict
        ``values`` (the other fields), ``guaranteed_bits``, ``observed_bits``, ``headroom`` and
        ``widths`` (`Found`, widest first), ``found`` (the narrowest, or None).
    """
    labels = samples.get("labels")
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for point in points:
        if point["only_layer"] is None and WIDTH in point["values"]:
            others = tuple((k, v) for k, v in point["values"].items() if k != WIDTH)
            groups.setdefault(others, []).append(point)
    answers = []
    for others, members in groups.items():
        weighed = []
        for point in members:
            number = point["number"]
            guaranteed, observed, outputs = widths[number]
            images = (samples["predicted"][number], samples["exact"], labels)
            affected = (point["overflow"]["outputs_affected"], outputs)
            bits = point["values"][WIDTH]
            weighed.append(weigh(bits, guaranteed, images, affected, terms.confidence))
        weighed.sort(key=lambda w: -w.bits)
        best = narrowest(weighed, terms)
        answers.append(
            {
                "values": dict(others),
                "guaranteed_bits": guaranteed,
                "observed_bits": observed,
                "headroom": guaranteed - observed,
                "widths": [asdict(width) for width in weighed],
                "found": None if best is None else asdict(best),
            }
        )
    return answers
