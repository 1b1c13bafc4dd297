"""Shares of an error that sum to it exactly: integers on one grid, inner products without rounding.

::

    d_i = y_i - y_(i-1),   sum_i d_i = e = y_n - y_0,   share_i = <d_i, e> / <e, e>

Every y is put on a grid of ``2**-20`` output LSB first, so that all of this holds in integers. A
counterfactual output is off by at most ``2**-21`` LSB by that; the hardware's codes are on the
grid. A share can be negative (the cause made the error smaller) and exceed 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints

GRID_BITS = 20  # of one output LSB
FARTHEST = 2.0**38  # LSB; a counterfactual value is held in +-this
LIMB_BITS = 20
CHUNK = 1 << 20  # 2**20 products of two limbs stay below 2**62
ORDERS = ("default", "reversed", "first", "last")

CAUSES = (
    "weight_quantization",
    "activation_quantization",
    "inherited",
    "bias_quantization",
    "zero_point",
    "product_rounding",
    "overflow_persistent",
    "overflow_transient",
    "multiplier",
    "output_quantization",
    "rounding_rule",
    "requantizer_overflow",
    "output_clipping",
)
"""In the default order: that of the datapath. `causes_layer.py` defines each."""

Outputs = Callable[[frozenset[str]], NDArray[np.float64]]


def on_grid(y: NDArray[np.float64]) -> Ints:
    """Values in output LSB as integers of ``2**-20`` LSB, half even.

    >>> on_grid(np.array([1.0, -0.5])).tolist()
    [1048576, -524288]
    """
    held = np.clip(y, -FARTHEST, FARTHEST)
    return np.rint(np.ldexp(held, GRID_BITS)).astype(np.int64).ravel()


def inner(x: Ints, y: Ints) -> int:
    """The exact inner product of two int64 vectors with ``abs(x), abs(y) < 2**60``.

    ::

        x = sum_j x_j * 2**(20 j),   0 <= x_j < 2**20 but for the highest limb, which has the sign

    >>> inner(np.array([1 << 58, -3]), np.array([1 << 58, 1 << 50])) == (1 << 116) - (3 << 50)
    True
    """
    total = 0
    for start in range(0, x.size, CHUNK):
        left, right = (_limbs(v[start : start + CHUNK]) for v in (x, y))
        for i, one in enumerate(left):
            for j, other in enumerate(right):
                total += int(np.dot(one, other)) << (LIMB_BITS * (i + j))
    return total


def _limbs(x: Ints) -> list[Ints]:
    """Limbs of 20 bits, lowest first, no more than the values need."""
    limbs = []
    while x.size and max(-int(x.min()), int(x.max())) >= 1 << LIMB_BITS:
        limbs.append(x & ((1 << LIMB_BITS) - 1))
        x = x >> LIMB_BITS
    return [*limbs, x]


@dataclass(frozen=True)
class Decomposition:
    """One layer's error by cause; every number an integer of the grid.

    Attributes
    ----------
    count : int
        Outputs.
    total : int
        ``<e, e>``, in ``2**-40`` LSB squared.
    products : dict of str to dict of str to int
        For each of `ORDERS` and each cause: ``<d_i, e>`` where the cause stands at that place.
        ``default`` and ``reversed`` sum to ``total`` each; ``first`` and ``last`` are of other
        orders for every cause.
    sums, squares : dict of str to int
        ``sum d_i`` and ``<d_i, d_i>`` of the default order.
    """

    count: int
    total: int
    products: dict[str, dict[str, int]]
    sums: dict[str, int]
    squares: dict[str, int]

    def merge(self, other: Decomposition) -> Decomposition:
        """Both sets of samples together."""
        return Decomposition(
            self.count + other.count,
            self.total + other.total,
            {order: _added(self.products[order], other.products[order]) for order in self.products},
            _added(self.sums, other.sums),
            _added(self.squares, other.squares),
        )

    @property
    def rms_lsb(self) -> float:
        """``sqrt(<e, e> / count)``."""
        return _root(self.total, self.count)

    def share(self, cause: str, order: str = "default") -> float:
        """``<d_i, e> / <e, e>``; 0 where there is no error."""
        return self.products[order][cause] / self.total if self.total else 0.0

    def span(self, cause: str) -> tuple[float, float]:
        """Least and largest share of a cause over `ORDERS`: how much the order decides."""
        shares = [self.share(cause, order) for order in self.products]
        return min(shares), max(shares)

    def mean_lsb(self, cause: str) -> float:
        """Mean of d_i."""
        return self.sums[cause] / (self.count << GRID_BITS) if self.count else 0.0

    def cause_rms_lsb(self, cause: str) -> float:
        """``sqrt(<d_i, d_i> / count)``."""
        return _root(self.squares[cause], self.count)


def _added(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {key: a[key] + b[key] for key in a}


def _root(squares: int, count: int) -> float:
    return float(np.sqrt(squares / count)) / (1 << GRID_BITS) if count else 0.0


def decompose(outputs: Outputs, active: Sequence[str]) -> Decomposition:
    """The error of a layer, shared among its causes.

    Parameters
    ----------
    outputs : callable
        ``outputs(S)``: the layer's output in LSB with only the causes in S at work; of the empty
        set the float twin's, of all causes the hardware's.
    active : sequence of str
        The causes that can change something here, in the default order; the others get 0.

    Examples
    --------
    >>> two = ["inherited", "multiplier"]
    >>> found = decompose(lambda at_work: np.array([1.0 * len(at_work)]), two)
    >>> found.share("inherited"), found.share("multiplier"), found.rms_lsb
    (0.5, 0.5, 2.0)
    """
    memory: dict[frozenset[str], Ints] = {}

    def y(at_work: Sequence[str]) -> Ints:
        key = frozenset(at_work)
        if key not in memory:
            memory[key] = on_grid(outputs(key))
        return memory[key]

    error = y(active) - y(())
    steps = _steps(y, list(active))
    products = {
        order: {c: inner(steps[order][c], error) if c in active else 0 for c in CAUSES}
        for order in ORDERS
    }
    main = steps["default"]
    return Decomposition(
        count=error.size,
        total=inner(error, error),
        products=products,
        sums={c: int(main[c].sum()) if c in active else 0 for c in CAUSES},
        squares={c: inner(main[c], main[c]) if c in active else 0 for c in CAUSES},
    )


def _steps(y: Callable[[Sequence[str]], Ints], active: list[str]) -> dict[str, dict[str, Ints]]:
    """d_i of every cause, where it stands in each of `ORDERS`."""

    def along(order: list[str]) -> dict[str, Ints]:
        values = [y(order[:i]) for i in range(len(order) + 1)]
        return {c: b - a for c, (a, b) in zip(order, pairwise(values), strict=True)}

    others = {c: [other for other in active if other != c] for c in active}
    return {
        "default": along(active),
        "reversed": along(active[::-1]),
        "first": {c: y([c]) - y(()) for c in active},
        "last": {c: y(active) - y(others[c]) for c in active},
    }
