"""How many threads kernels run on: outputs are shared out among them, never one output's sum.

Threads are started once a process and wait for the next call. Work lies in parts, several for each
thread, and each takes the next one: who comes late, or has the slower part, takes fewer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from hwsim.errors import ConfigError

NAME = "HWSIM_THREADS"
PARTS = 2  # of what is left of a call's work, for each thread
Result = TypeVar("Result")


def threads() -> int:
    """The environment's ``HWSIM_THREADS``, 1 or more; where it is not set, one a processor.

    Raises
    ------
    ConfigError
        It is no positive number.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, {NAME: "3"}):
    ...     threads()
    3
    """
    asked = os.environ.get(NAME, "")
    if not asked:
        return os.cpu_count() or 1
    if not (asked.isascii() and asked.isdigit() and int(asked)):
        raise ConfigError.at("environment", NAME, asked, "must be a positive number")
    return int(asked)


def side_by_side(tasks: Sequence[Callable[[int], None]], hands: int) -> None:
    """Do all tasks by up to so many threads; each takes the next one, given its own number.

    This thread is number 0: what others have not begun when nothing is left, they never begin.
    Kernels let go of Python, so that threads meet between them alone. What a task raises is raised
    here, once no thread is at work on the others.

    >>> done = []
    >>> side_by_side([lambda number: done.append(1), lambda number: done.append(2)], 2)
    >>> sorted(done)
    [1, 2]
    """
    todo = iter(tasks)

    def work(number: int) -> None:
        for task in todo:
            task(number)

    hands = min(hands, len(tasks))
    if hands <= 1:
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


def ahead(task: Callable[[], Result]) -> Callable[[], Result]:
    """Begin a task on another thread while this one goes on. What is returned is called once: it
    gives what the task gives, or raises what it raises. It waits where another thread is at the
    task, and does it where none has begun, or where there is one thread alone.

    A thread that is at it comes late to `side_by_side`, and takes fewer parts there.

    >>> ahead(lambda: 3)()
    3
    """
    many = threads()
    if many == 1:
        return task
    begun = _pool(os.getpid(), many - 1).submit(task)
    return lambda: task() if begun.cancel() else begun.result()


def shares(number: int, hands: int, least: int) -> list[tuple[int, int]]:
    """``start, stop`` of parts of ``number`` pieces for so many hands: large ones first, so that
    there are few, and then smaller ones, so that all are done at the same time; but for the last of
    no fewer than ``least`` pieces.

    >>> shares(25, 2, 3)
    [(0, 6), (6, 10), (10, 13), (13, 16), (16, 19), (19, 22), (22, 25)]
    >>> shares(25, 1, 3), shares(0, 2, 3)
    ([(0, 25)], [])
    """
    parts, start = [], 0
    while start < number:
        left = number - start
        share = left if hands == 1 else min(max(left // (PARTS * hands), least), left)
        parts.append((start, start + share))
        start += share
    return parts


@cache
def _pool(process: int, size: int) -> ThreadPoolExecutor:
    """Threads of one process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(size, thread_name_prefix=f"hwsim-{process}")
