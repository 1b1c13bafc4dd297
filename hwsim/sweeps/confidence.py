"""What some images say of others: bounds that hold with a stated confidence, exact where counts
are small.

An image is **lost** where the narrower machine is wrong and the ample one right, **gained** the
other way round; all others say nothing (McNemar's test).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from statistics import NormalDist

SLACK = 1e-9  # of a probability, for its rounding: 1/2 is not more than 1/2
NEGLIGIBLE = 1e-18  # of a sum


def most_elsewhere(seen: int, confidence: float) -> int:
    """The largest number of images in a second set of the same size that goes with ``seen`` in
    this one: of ``seen + x`` images, each in either set with probability 1/2, so few fall here
    with a probability of at least ``1 - confidence``.

    ::

        max x:  P(Binomial(seen + x, 1/2) <= seen) > 1 - confidence

    Where none was seen: 4 at 95 %, since 2**-5 < 0.05.

    >>> most_elsewhere(0, 0.95), most_elsewhere(0, 0.9), most_elsewhere(10, 0.95)
    (4, 3, 19)
    """
    log = -math.log(1 - confidence)
    unlikely = (1 - confidence) * (1 + SLACK)
    most = 2 * seen + math.ceil(log + math.sqrt(log * (log + 4 * seen))) + 1  # by Hoeffding's bound
    counts = range(2 * seen + 1, most + 1)
    first = bisect_left(counts, True, key=lambda count: _at_most(seen, count) <= unlikely)
    return counts[first] - 1 - seen


def _at_most(few: int, count: int) -> float:
    """``P(Binomial(count, 1/2) <= few)``, summed from the last term down."""
    log = math.lgamma(count + 1) - math.lgamma(few + 1) - math.lgamma(count - few + 1)
    term, total = math.exp(log - count * math.log(2)), 0.0
    for i in range(few, -1, -1):
        total += term
        term *= i / (count - i + 1)
        if term < total * NEGLIGIBLE:
            break
    return total


def loss_bound(lost: int, gained: int, confidence: float) -> int:
    """Most images that as many others can lose, net of gained ones.

    ::

        lost - gained + (most_elsewhere(lost + gained) - (lost + gained))

    Lost and gained images spread alike, so that the difference strays as far as their sum.

    >>> loss_bound(0, 0, 0.95), loss_bound(6, 4, 0.95)
    (4, 11)
    """
    told = lost + gained
    return lost - gained + most_elsewhere(told, confidence) - told


def mcnemar(lost: int, gained: int) -> float:
    """The exact test's two-sided p: as uneven or more, were lost and gained equally likely.

    >>> mcnemar(0, 0), mcnemar(5, 0)
    (1.0, 0.0625)
    """
    return min(1.0, 2 * _at_most(min(lost, gained), lost + gained)) if lost + gained else 1.0


def rate_bound(seen: int, outputs: int, confidence: float) -> float:
    """Upper bound of a rate: of ``outputs``, ``seen`` were affected.

    None seen: ``-ln(1 - confidence) / outputs``, the rule of three at 95 %. Else Byar's
    approximation of the exact Poisson bound, within a thousandth of it.

    >>> round(rate_bound(0, 1000, 0.95), 6), round(rate_bound(10, 1000, 0.95), 4)
    (0.002996, 0.017)
    """
    if outputs == 0:
        return 0.0
    if seen == 0:
        return min(1.0, -math.log(1 - confidence) / outputs)
    z, more = NormalDist().inv_cdf(confidence), seen + 1
    most = more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3
    return min(1.0, most / outputs)
