"""A layer made ready, on several threads: samples are shared out, some at a time.

Each thread has images, counters and room of its own. Counters of all parts add up as those of
batches do, so that the number of threads changes nothing.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.threads import shares, side_by_side, threads
from hwsim.mapping.ready import LayerPass, ReadyLayer
from hwsim.mapping.run import LayerLedger, trap_at_first

WORTH = 20_000_000  # MACs of one part: what takes much longer than Python's part in it
PARTS = 2  # for each thread
SAMPLES = 4  # for each thread: fewer are too large a part each


def hands(ready: ReadyLayer, samples: int) -> int:
    """Threads that so many samples are worth; of fewer, a layer shares out the outputs."""
    _, groups, m, k, n = ready.prepared.datapath.shape
    worth = samples * groups * m * k * n // (PARTS * WORTH)
    return max(1, min(threads(), samples // SAMPLES, worth))


def run_shared(ready: ReadyLayer, codes: NDArray[Any], *, first_sample: int) -> LayerPass:
    """`ReadyLayer.__call__`.

    Raises
    ------
    TrapError
        A register with ``overflow: trap`` overflowed: its first event of all parts.
    """
    many = hands(ready, len(codes))
    if many == 1:
        return ready(codes, first_sample=first_sample)
    parts = shares(len(codes), many, -(-len(codes) // (PARTS * many)))
    done: dict[int, LayerPass] = {}

    layers = [ready.beside(number, limited=True) for number in range(many)]

    def run(start: int, stop: int, number: int) -> None:
        layer, first = layers[number], first_sample + start
        done[start] = layer(codes[start:stop], first_sample=first, trap=False, alone=True)

    side_by_side([partial(run, start, stop) for start, stop in parts], many)
    passes = [done[start] for start, _ in parts]
    ledger = reduce(LayerLedger.merge, (one.ledger for one in passes))
    trap_at_first(ready.prepared, ledger, first_sample, ready.where)
    own = np.concatenate([one.codes for one in passes])
    if all(one.exact_codes is one.codes for one in passes):
        return LayerPass(own, own, ledger)
    return LayerPass(own, np.concatenate([one.exact_codes for one in passes]), ledger)


def exact_codes_shared(ready: ReadyLayer, codes: NDArray[Any]) -> NDArray[Any]:
    """`ReadyLayer.exact_codes`."""
    many = hands(ready, len(codes))
    if many == 1:
        return ready.exact_codes(codes)
    parts = shares(len(codes), many, -(-len(codes) // (PARTS * many)))
    done: dict[int, NDArray[Any]] = {}

    layers = [ready.beside(number, limited=False) for number in range(many)]

    def run(start: int, stop: int, number: int) -> None:
        done[start] = layers[number].exact_codes(codes[start:stop], alone=True)

    side_by_side([partial(run, start, stop) for start, stop in parts], many)
    return np.concatenate([done[start] for start, _ in parts])
