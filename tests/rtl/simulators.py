"""Build and run a SystemVerilog testbench with Verilator or Icarus; absent ones skip the test."""

import shutil
import subprocess
from pathlib import Path

import pytest

SIMULATORS = ["verilator", "icarus"]
PROGRAM = {"verilator": "verilator", "icarus": "iverilog"}
SECONDS = 600
# most of a build is the C++ compiler: it does not optimize, and reads the runtime's headers seldom
QUICK_BUILD = [
    "-MAKEFLAGS", "OPT_FAST=-O0 OPT_GLOBAL=-O0", "-fno-expand", "--output-split", "2000000",
    "-j", "2",
]  # fmt: skip


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt install verilator iverilog yosys")


def run(command, folder):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout + done.stderr


def build(simulator, sources, top, folder, parameters=()):
    """Compile in ``folder``; returns the command that runs it there."""
    need(PROGRAM[simulator])
    sources = [str(source) for source in sources]
    if simulator == "icarus":
        values = [f"-P{top}.{name}={value}" for name, value in dict(parameters).items()]
        command = ["iverilog", "-g2012", "-s", top, *values, "-o", "sim.vvp", *sources]
        runs = ["vvp", "-n", "sim.vvp"]
    else:
        values = [f"-G{name}={value}" for name, value in dict(parameters).items()]
        command = [
            "verilator", "--binary", "-Wno-fatal", "-Wno-lint", "--Mdir", "obj", "--top", top,
            "-o", "sim", *QUICK_BUILD, *values, *sources,
        ]  # fmt: skip
        runs = ["obj/sim"]
    code, said = run(command, folder)
    assert code == 0, said[-4000:]
    return runs


def simulate(simulator, sources, top, folder, parameters=()):
    """Everything that the simulation prints."""
    code, said = run(build(simulator, sources, top, folder, parameters), folder)
    assert code == 0, said[-4000:]
    return said


def write_hex(path: Path, words, bits):
    """One word a line, two's complement, as ``$readmemh`` reads it."""
    digits = (bits + 3) // 4
    mask = (1 << bits) - 1
    path.write_text("".join(f"{int(word) & mask:0{digits}x}\n" for word in words))
