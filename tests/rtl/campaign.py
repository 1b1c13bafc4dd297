"""Lockstep of many random machines, beyond what CI runs::

    cd tests && python -m rtl.campaign --machines 2000 --first 1000

All 2,000 of these agreed (Verilator 5.006, 2026-11-22): 236,707 clocks, 1,875 machines with
overflow, 0 differences, 86 minutes on a busy machine. Machines are drawn as in `test_lockstep`
(CI's are 0..207), a few dozen a build of Verilator. Prints a line a build and ends with exit code 1
where a machine differs; its seed is its name.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rtl.lockstep import run_cases
from rtl.random_machines import draw_case

from hwsim.array.cycle import execute


def overflows(case):
    """Events of both registers of the array."""
    run = execute(case.datapath, case.schedule)
    ledgers = [x for x in (run.chain, run.accumulator_ledger) if x is not None]
    return sum(int(ledger.events_by_channel.sum()) for ledger in ledgers)


def run_build(seeds, simulator):
    """Clocks, machines that overflow, and what was said where one differs."""
    cases = [draw_case(seed) for seed in seeds]
    for seed, case in zip(seeds, cases, strict=True):
        case.name = f"seed_{seed}_{case.name}"
    clocks = sum(case.schedule.cycles + case.schedule.latency_cycles for case in cases)
    overflowing = sum(overflows(case) > 0 for case in cases)
    with tempfile.TemporaryDirectory() as folder:
        return clocks, overflowing, run_cases(simulator, cases, Path(folder))


def main():
    """The campaign; exit code 1 where a machine differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machines", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first machine")
    parser.add_argument("--build", type=int, default=50, help="machines a build")
    parser.add_argument("--simulator", default="verilator", choices=["verilator", "icarus"])
    asked = parser.parse_args()
    done = clocks = overflowing = failed = 0
    began = time.monotonic()
    for start in range(asked.first, asked.first + asked.machines, asked.build):
        seeds = range(start, min(start + asked.build, asked.first + asked.machines))
        ran, over, said = run_build(seeds, asked.simulator)
        done, clocks, overflowing = done + len(seeds), clocks + ran, overflowing + over
        failed += said is not None
        if said is not None:
            print(f"seeds {seeds.start}..{seeds.stop - 1} differ:\n{said[:4000]}", flush=True)
        seconds = time.monotonic() - began
        print(
            f"{done} machines, {clocks} clocks, {overflowing} machines overflow, "
            f"{failed} builds with a difference, {seconds:.0f} s", flush=True,
        )  # fmt: skip
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
