"""Where activations lie in memory: an address for each sample, group, pixel and step.

::

    a[s, g, m, k] = codes[s * strides[0] + g * strides[1] + pixel[m] + step[k]]

Rows of a matrix are one way; of a convolution, images are another, in which a code that several
outputs read lies once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints


class Source(NamedTuple):
    """The fields of the same names of `hwsim.array.fast_lanes.Lanes`."""

    codes: NDArray[np.signedinteger]
    strides: Ints
    pixel: Ints
    step: Ints


def of_rows(a: NDArray[np.signedinteger]) -> Source:
    """Activations of shape (S, G, M, K); a copy only where neither pixels nor steps lie side by
    side.

    >>> of_rows(np.arange(6, dtype=np.int32).reshape(1, 1, 2, 3)).pixel
    array([0, 3])
    """
    for order in ((0, 1, 3, 2), (0, 1, 2, 3)):
        turned = a.transpose(order)
        if turned.flags.c_contiguous:
            break
    else:
        turned = np.ascontiguousarray(a)
    of_axis = [stride // a.itemsize for stride in turned.strides]
    s, g, m, k = (of_axis[axis] for axis in order)  # the order is its own inverse
    return Source(
        codes=turned.reshape(-1),
        strides=np.array([s, g], np.int64),
        pixel=np.arange(a.shape[2]) * m,
        step=np.arange(a.shape[3]) * k,
    )
