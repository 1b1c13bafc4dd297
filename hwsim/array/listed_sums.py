"""Sums that saturate at each addition, without the steps whose code is 0.

Such a step adds nothing: a register that holds a value of its range holds it still. What is left,
in its order, gives the sum of all (`hwsim.array.saturating_sums`). Behind a ReLU about half of all
codes are 0, each where another output's is not, so every output has a list of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from hwsim._jit import kernel
from hwsim.array.gemm import Ints
from hwsim.array.vector.listed import GROUP, lay_lists, listed_kernel

OUTPUTS = 64  # whose lists stand at once: they share what it takes to read the weights
NEAR = 1 << 15  # bytes of weights that stay in the processor's nearest memory
VECTOR_BYTES = 64
MOST_STEPS = 1 << 16  # that a list can name


def are_groups(taps: Ints) -> bool:
    """Whether steps can be listed: their codes lie side by side, `GROUP` by `GROUP`.

    >>> are_groups(np.arange(32) + 7), are_groups(np.arange(24)), are_groups(np.arange(32) * 2)
    (True, False, False)
    """
    if taps.size % GROUP or not 0 < taps.size < MOST_STEPS:
        return False
    groups = taps.reshape(-1, GROUP)
    return bool((groups == groups[:, :1] + np.arange(GROUP)).all())


def part_of(vectors: int) -> int:
    """Steps whose weights, so many vectors each, stay near.

    >>> part_of(8), part_of(4)
    (64, 128)
    """
    return NEAR // (vectors * VECTOR_BYTES)


def list_steps(x, places, taps, part, codes, steps, ends):  # type: ignore[no-untyped-def]
    """What `hwsim.array.vector.listed.lay_lists` does, step by step: of each output, the steps
    whose code is not 0.

    ``x``: int16; ``places``, ``taps``: int64, as `hwsim.array.saturating_sums.add_saturating` has
    them. Written: ``codes``, int32 of shape (outputs, K + `GROUP`), each code in both halves of its
    word; ``steps``, uint16 of the same shape; ``ends``, int64 of shape (outputs, parts + 1): the
    steps of a part of ``part`` steps are ``ends[p, i] <= j < ends[p, i + 1]``. What stands behind
    the last one means nothing.
    """
    for p in range(places.size):
        end = ends[p, 0] = 0
        for k in range(taps.size):
            code = int(x[places[p] + taps[k]])
            if code != 0:
                codes[p, end] = code << 16 | code & 0xFFFF
                steps[p, end] = k
                end += 1
            ends[p, k // part + 1] = end


@cache
def listed_sums(form: int, vectors: int) -> Callable[..., None]:
    """`hwsim.array.saturating_sums.add_saturating`, of the listed steps, in so many vectors of a
    form; weights as `hwsim.array.saturating_sums.lay_steps` puts them."""
    add_listed, part = listed_kernel(form, vectors), part_of(vectors)

    @kernel
    def in_lists(x, places, taps, w, start, late, register, out):  # type: ignore[no-untyped-def]
        lo, hi, shift = register
        room = taps.size + GROUP
        codes = np.empty((OUTPUTS, room), np.int32)
        steps = np.empty((OUTPUTS, room), np.uint16)
        ends = np.empty((OUTPUTS, -(-taps.size // part) + 1), np.int64)
        batches = -(-places.size // OUTPUTS)
        many = -(-places.size // max(batches, 1))  # about the same number each
        for begin in range(0, places.size, many):
            some = places[begin : begin + many]
            lay_lists(x, some, taps, part, codes, steps, ends)
            of_some = ends[: some.size]
            add_listed(
                codes, steps, of_some, w, start, late, lo, hi, shift, out[begin : begin + many]
            )

    return in_lists
