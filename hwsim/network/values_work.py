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

PARTS = 2  # of a call's work for each thread: one that comes late takes fewer
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
        return 1 + self.helpers if worth(macs) else 1


def worth(macs: int) -> bool:
    """Whether a second thread is."""
    return macs >= WORTH


def side_by_side(tasks: Sequence[Callable[[int], None]], hands: int) -> None:
    """Do all tasks by up to so many threads; each takes the next one, given its own number.

    This thread is number 0: what others have not begun when nothing is left, they never begin.
    Kernels let go of Python, so that threads meet between them alone.

    >>> done = []
    >>> side_by_side([lambda number: done.append(1), lambda number: done.append(2)], 2)
    >>> sorted(done)
    [1, 2]
    """
    todo = iter(tasks)

    def work(number: int) -> None:
        for task in todo:
            task(number)

    if hands == 1 or len(tasks) == 1:
        work(0)
        return
    pool = _pool(os.getpid(), hands - 1)
    others = [pool.submit(work, number) for number in range(1, hands)]
    try:
        work(0)
    finally:
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


@cache
def _pool(process: int, size: int) -> ThreadPoolExecutor:
    """Threads of one process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(size, thread_name_prefix=f"hwsim-{process}")
