"""Exact sums and their codes in one kernel: between the two, sums stay in a near cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from hwsim._jit import kernel
from hwsim.array.alignment import LINE
from hwsim.array.exact_sums import add_exact
from hwsim.array.images import lay_codes
from hwsim.array.requantizer_near import make_codes

NEAR = 1 << 15  # sums at once
OF_WEIGHTS = 16  # a part of the weights: sums, where weights are many, lest they be read too often


@cache
def exact_codes(scheme: int, rounding: int) -> Callable[..., None]:
    """The kernel of one requantizer.

    ::

        made(rows, where, x, places, jump, w, start, tile, constants, repeats, repeated, output,
             codes)

    ``rows``: codes of images (S, height, length) that are laid in ``x`` before all else, and
    ``where``: their top bit, and where they lie there, as `hwsim.array.images.lay_codes` has them;
    ``x``, ``places``, ``jump``, ``w``, ``start``: as `hwsim.array.exact_sums.add_exact` has them,
    in whole tiles of ``tile`` places; ``constants``: of `hwsim.array.requantizer_near`, for the
    lanes of an output, and ``repeated`` for so many outputs in a row; ``output``: zero point, least
    and largest code; ``codes``: (outputs, blocks * lanes), no more than there are places, written.
    """

    @kernel
    def made(  # type: ignore[no-untyped-def]
        rows, where, x, places, jump, w, start, tile, constants, repeats, repeated, output, codes
    ):
        top_bit, begins, size, pitch = where
        lay_codes(rows, top_bit, 0, 0, x, begins, size, pitch)
        lanes = start.size
        at_once = max(max(NEAR, w.size // OF_WEIGHTS) // lanes // tile, 1) * tile
        memory = np.empty(4 * at_once * lanes + LINE, np.uint8)
        first = -memory.ctypes.data % LINE
        sums = memory[first : first + 4 * at_once * lanes].view(np.int32)
        for begin in range(0, len(codes), at_once):
            outputs = min(at_once, len(codes) - begin)
            some = places[begin : begin + -(-outputs // tile) * tile]
            of_some = sums[: some.size * lanes].reshape(some.size, *start.shape)
            add_exact(x, some, jump, w, start, of_some)  # type: ignore[no-untyped-call]
            whole = outputs // repeats * repeats
            for low, high, row, given in (
                (0, whole, repeats * lanes, repeated),
                (whole, outputs, lanes, constants),
            ):
                if low < high:
                    make_codes(  # type: ignore[no-untyped-call]
                        scheme,
                        rounding,
                        sums[low * lanes : high * lanes].reshape(-1, row),
                        given,
                        output,
                        codes[begin + low : begin + high].reshape(-1, row),
                    )

    return made
