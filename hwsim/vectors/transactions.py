"""``transactions.csv``: one line a value, for scoreboards that look values up instead of counting.

::

    stream,run,beat,lane,tile,group,m,n,expected
    chain,0,3,1,0,0,3,1,-412

``stream``: ``chain`` (what leaves the array) or ``output`` (codes). ``beat``: the line of that
stream's ``.hex`` file, from 0, and ``lane`` in it; ``tile``: the fold, from 0 in each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.vectors.beats import BeatTable
from hwsim.vectors.stages import RunStages

COLUMNS = ("stream", "run", "beat", "lane", "tile", "group", "m", "n", "expected")


def transactions(runs: Sequence[RunStages]) -> bytes:
    """The file's content, streams after each other, runs in order."""
    lines = [",".join(COLUMNS)]
    if runs[0].run.schedule.dataflow.reduction != "pe":
        lines += stream_lines("chain", runs)
    lines += stream_lines("output", runs)
    return ("\n".join(lines) + "\n").encode()


def stream_lines(stream: str, runs: Sequence[RunStages]) -> Iterator[str]:
    """Lines of one stream."""
    first = 0
    for number, one in enumerate(runs):
        table = one.table
        index = one.ends if stream == "output" else np.arange(len(table))
        values = table.lanes_of(one.result.codes) if stream == "output" else table.chain
        for row in rows(table, values, index, first):
            yield f"{stream},{number},{','.join(map(str, row))}"
        first += len(index)


def rows(table: BeatTable, values: Ints, index: Ints, first: int) -> list[list[int]]:
    """Columns beat to expected of the lanes that hold something."""
    beat, lane = np.nonzero(table.keep[index])
    at = index[beat]
    columns = (
        first + beat, lane, table.fold[at], table.group[at], table.lane_m[at, lane],
        table.lane_n[at, lane], values[at, lane],
    )  # fmt: skip
    found: list[list[int]] = np.stack(columns, axis=1).tolist()
    return found
