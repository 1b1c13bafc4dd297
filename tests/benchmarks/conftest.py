"""Ratios of one run: peers in turn, medians, and the table `reports/benchmarks.md`.

`python -m pytest tests/benchmarks --benchmark-only` writes the table: what ran here, beside whom,
and who was absent.
"""

import gc
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from benchmarks.moments import in_some_moment

from hwsim.array.vector import exact
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.matrices import HAS_MATRICES

TABLE = Path(__file__).parents[2] / "reports" / "benchmarks.md"
PLAIN = 0.35  # of every ratio, with less than 512-bit vectors
SHARE = 1.0 if exact.HAS_VNNI else PLAIN
BUSY = 0.6  # of a goal: what a busy machine still shows


@dataclass
class Table:
    """Rows: workload, what hwsim does, peer, ratio of the peer's time to ours, goal."""

    rows: list = field(default_factory=list)
    absent: dict = field(default_factory=dict)
    figures: list = field(default_factory=list)

    def add(self, workload, ours, peer, seconds, goal=None):
        """``seconds``: ours and the peer's; gives back the ratio."""
        ratio = seconds[1] / seconds[0]
        self.rows.append((workload, ours, peer, seconds[0], seconds[1], ratio, goal))
        return ratio

    def note(self, what, figure, goal=""):
        """A figure that is no ratio to a peer, as text, and what it should be."""
        self.figures.append((what, figure, goal))

    def missing(self, peer, reason):
        self.absent[peer] = reason

    def text(self):
        kernels = "plain numba" if CHOSEN is None else CHOSEN.name
        vnni = " with VNNI" if exact.HAS_VNNI else ""
        vnni += " and AMX" if HAS_MATRICES else ""
        lines = [
            "# Benchmarks",
            "",
            f"Processor: {processor()}. Kernels: {kernels}{vnni}.",
            "One core; medians of one run, ours and the peer's in turn. Only ratios carry over.",
            "",
            "| workload | hwsim | peer | ours, ms | peer, ms | times faster | goal |",
            "|---|---|---|---|---|---|---|",
        ]
        for workload, ours, peer, mine, theirs, ratio, goal in sorted(self.rows):
            aim = "" if goal is None else f"{goal:g}"
            lines.append(
                f"| {workload} | {ours} | {peer} | {mine * 1e3:.3g} | {theirs * 1e3:.3g} | "
                f"{ratio:.3g} | {aim} |"
            )
        if self.figures:
            lines += ["", "| what | measured | goal |", "|---|---|---|"]
            lines += [f"| {what} | {figure} | {goal} |" for what, figure, goal in self.figures]
        lines += ["", *(f"Absent: {p} ({why})." for p, why in sorted(self.absent.items()))]
        return "\n".join(lines).rstrip() + "\n"


def processor():
    """The processor's own name."""
    try:
        found = Path("/proc/cpuinfo").read_text().split("model name\t: ")[1]
        return found.split("\n")[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


TABLE_OF_SESSION = Table()


@pytest.fixture(scope="session")
def table():
    """Where ratios are kept."""
    return TABLE_OF_SESSION


@pytest.fixture(scope="session")
def torch_alone(table):
    """PyTorch on one core, or a skip that the table names."""
    try:
        import torch
    except ImportError:
        table.missing("PyTorch", "not installed: run the benchmarks where torch is")
        pytest.skip("PyTorch is not installed")
    torch.set_num_threads(1)
    return torch


@pytest.fixture(autouse=True)
def one_core(monkeypatch):
    """One thread, but for a benchmark that asks for more."""
    monkeypatch.setenv("HWSIM_THREADS", "1")


@pytest.fixture(autouse=True)
def no_collection():
    """A collection looks at every object of the process: 0.7 s behind thousands of tests."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def in_turn():
    """Median seconds of several functions, run in turn so that what else runs here slows all.

    ``holds`` says of them whether a bound is kept; where it is not, they are measured again.
    """

    def run(*functions, rounds=9, holds=None):
        def medians():
            times = np.empty((rounds, len(functions)))
            for row in times:
                for i, function in enumerate(functions):
                    start = time.perf_counter()
                    function()
                    row[i] = time.perf_counter() - start
            return np.median(times, axis=0)

        for function in functions:
            function()
        return medians() if holds is None else in_some_moment(medians, holds)

    return run


def pytest_sessionfinish(session):
    """Write the table where the command asked for benchmarks alone."""
    if (
        session.config.getoption("--benchmark-only", default=False)
        and TABLE_OF_SESSION.rows + TABLE_OF_SESSION.figures
    ):
        TABLE.write_text(TABLE_OF_SESSION.text())
