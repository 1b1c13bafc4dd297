"""The manifest's entries, and the bytes of the files of words that they describe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.vectors.contents import RUN, Content
from hwsim.vectors.manifest import FileEntry, RunEntry, Span, sha256_of
from hwsim.vectors.stages import RunStages
from hwsim.vectors.words import bits_of, hex_text

Stage = Literal["requantize", "narrow"]


def run_entries(runs: Sequence[RunStages]) -> list[RunEntry]:
    """Where each run stands in the files."""
    found, ends = [], [0, 0, 0, 0]
    for one in runs:
        counts = (one.run.datapath.a.size, len(one.ends), len(one.table), one.clocks)
        spans = [Span(first=end, count=count) for end, count in zip(ends, counts, strict=True)]
        ends = [end + count for end, count in zip(ends, counts, strict=True)]
        found.append(
            RunEntry(
                name=one.run.name,
                m=one.run.schedule.m,
                cycles=one.result.cycles,
                clocks_after=one.result.latency,
                **dict(zip(("activations", "output", "stores", "clocks"), spans, strict=True)),
            )
        )
    return found


def run_records(entries: Sequence[RunEntry]) -> Ints:
    """Records of ``runs.hex``, fields as `RUN` orders them."""
    rows = []
    for run in entries:
        spans = (run.activations, run.output)
        sizes = [number for span in spans for number in (span.first, span.count)]
        rows.append([run.m, *sizes, run.cycles, run.clocks.first, run.clocks.count])
    return np.array(rows, np.int64).reshape(-1, len(RUN))


def packed(kind: Content, array: Ints) -> bytes:
    """The file of one array."""
    if not kind.fields:
        return hex_text(bits_of(array, kind.lane_bits))
    parts = [bits_of(array[:, i : i + 1], field.bits) for i, field in enumerate(kind.fields)]
    return hex_text(np.concatenate(parts, axis=1))


def entry_of(kind: Content, count: int, content: bytes) -> FileEntry:
    """The manifest's entry of one file of words."""
    return FileEntry(
        sha256=sha256_of(content),
        bytes=len(content),
        width=kind.width,
        lanes=kind.lanes,
        lane_bits=kind.lane_bits,
        signed=kind.signed,
        fields=list(kind.fields),
        order=kind.order,
        count=count,
        description=kind.description,
    )
