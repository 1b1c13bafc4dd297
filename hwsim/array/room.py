"""Memory that one layer after the other uses: new memory is slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Room:
    """Arrays by name, kept from one use to the next, and such rooms for other threads.

    >>> room = Room()
    >>> first = room.of("sums", 6, np.int64)
    >>> room.of("sums", 4, np.int64).base is first.base
    True
    """

    def __init__(self) -> None:
        self._memory: dict[str, NDArray[Any]] = {}
        self._others: list[Room] = []

    def of(self, name: str, size: int, dtype: DTypeLike) -> NDArray[Any]:
        """The first elements of one array, which grows as it is asked to; not cleared."""
        array = self._memory.get(name)
        if array is None or array.size < size or array.dtype != dtype:
            array = self._memory[name] = np.empty(size, dtype)
        return array[:size]

    def beside(self, number: int) -> Room:
        """That of another thread; 0: this one."""
        while len(self._others) < number:
            self._others.append(Room())
        return self._others[number - 1] if number else self

    def arrays(self) -> Iterator[NDArray[Any]]:
        """All of them, those of other threads too."""
        yield from self._memory.values()
        for other in self._others:
            yield from other.arrays()
