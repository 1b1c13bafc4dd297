"""Who works on a call of `values`: this thread alone, or some side by side.

Images are shared out where there are several, else the outputs of each large layer: never one
output's sum, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

PARTS = 2  # of a call's work for each thread: one that comes late takes fewer
WORTH = 20_000_000  # MACs of a call: below, waking a second thread costs more than it brings
STEP = 85e-6  # seconds of a step, on average: below, threads that each take images are no gain
"""Between two kernels threads need Python in turn, and who waits for it sleeps."""


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


def worth_parts(seconds: float, steps: int) -> bool:
    """Whether threads that each take images are worth while: by what so many steps, of all parts,
    take on one thread."""
    return seconds >= steps * STEP
