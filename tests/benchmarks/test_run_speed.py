"""What a user waits for: the first run, every later one, and the commands that run nothing.

The promise is absolute: first and later run below 20 and 4 seconds, 600 MB. What fails here is
twice that time, so that a busy machine does not; the measured figures are in the README.
"""

import os
import shutil
import subprocess
import sys

import pytest
from benchmarks.moments import in_some_moment

HWSIM = [sys.executable, "-m", "hwsim"]
RUN = ["run", "digits", "--limit", "100"]
BUSY = 2.0  # a machine that does other things too
FIRST, LATER, ANSWER = 20.0 * BUSY, 4.0 * BUSY, 1.0 * BUSY  # seconds
PEAK = 600  # MB


LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, time.perf_counter() - start, usage.ru_maxrss)
"""  # a process of its own: a child's peak begins with the size of the process that started it


def measured(words, folder) -> tuple[float, float]:
    """Seconds and peak megabytes of one process; its kernel cache in ``folder``."""
    cache = {"NUMBA_CACHE_DIR": str(folder / "numba"), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-c", LAUNCHER, *HWSIM, *words]
    printed = subprocess.run(
        command, cwd=folder, env=os.environ | cache, check=True, capture_output=True, text=True
    ).stdout
    code, seconds, peak = printed.split()
    assert code == "0"
    return float(seconds), float(peak) / (1e6 if sys.platform == "darwin" else 1e3)


def first_run(words, folder):
    """`measured` with nothing in the cache; the last one's cache stays for later runs."""

    def once():
        shutil.rmtree(folder)
        folder.mkdir()
        return measured(words, folder)

    return in_some_moment(once, lambda found: found[0] < FIRST)


def test_run_is_quick_and_lean(benchmark, tmp_path):
    first, first_peak = first_run(RUN, tmp_path)
    later = []
    benchmark.pedantic(lambda: later.append(measured(RUN, tmp_path)), rounds=3)
    seconds, peak = min(s for s, _ in later), max(first_peak, *(p for _, p in later))
    benchmark.extra_info.update(
        first_seconds=round(first, 2), later_seconds=round(seconds, 2), peak_mb=round(peak)
    )
    assert first < FIRST
    assert seconds < LATER
    assert peak < PEAK


def test_run_with_overflow_is_quick_too(benchmark, tmp_path):
    """Where an event has to be placed, more kernels are compiled."""
    words = [*RUN, "--set", "accumulator.bits=12", "--trace", "overflow"]
    first, peak = first_run(words, tmp_path)
    later = []
    benchmark.pedantic(lambda: later.append(measured(words, tmp_path)[0]), rounds=2)
    benchmark.extra_info.update(
        first_seconds=round(first, 2), later_seconds=round(min(later), 2), peak_mb=round(peak)
    )
    assert first < FIRST
    assert min(later) < 1.5 * LATER
    assert peak < PEAK


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["hw", "list"]])
def test_what_needs_no_kernel_answers_at_once(words, benchmark, tmp_path):
    times = []
    benchmark.pedantic(lambda: times.append(measured(words, tmp_path)[0]), rounds=3)
    benchmark.extra_info["seconds"] = round(min(times), 2)
    assert min(times) < ANSWER


def test_import_of_hwsim_loads_nothing_heavy():
    program = (
        "import sys, hwsim\n"
        "heavy = {'numpy', 'numba', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
