"""Who works on a call of `values`: this thread alone, or some side by side.

Images are shared out where there are several, else the outputs of each large layer: never one
output's sum, so that results do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache

WORTH = 20_000_000  # MACs of a call: below, waking a second thread costs more than it brings


@dataclass(frozen=True)
class Worker:
    """One thread's place: rooms of its number are its own.

    Attributes
    ----------
    number : int
    helpers : int
        Threads that may work beside it on one layer.
    """

    number: int = 0
    helpers: int = 0

    def hands(self, macs: int) -> int:
        """Threads on a layer of so many MACs.

        >>> Worker(helpers=1).hands(WORTH), Worker(helpers=1).hands(WORTH - 1)
        (2, 1)
        """
        return 1 + self.helpers if macs >= WORTH else 1


def side_by_side(tasks: Sequence[Callable[[], None]]) -> None:
    """Do all tasks, the first in this thread; the others wait for the kernels to let go of Python.

    >>> done = []
    >>> side_by_side([lambda: done.append(1), lambda: done.append(2)])
    >>> sorted(done)
    [1, 2]
    """
    if len(tasks) == 1:
        tasks[0]()
        return
    pool = _pool(os.getpid(), len(tasks) - 1)
    others = [pool.submit(task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        wait(others)
    for other in others:
        other.result()


@cache
def _pool(process: int, size: int) -> ThreadPoolExecutor:
    """Threads of one process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(size, thread_name_prefix=f"hwsim-{process}")
