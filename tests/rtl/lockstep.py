"""Lockstep of the RTL with the cycle engine: files, a testbench of many cases, its verdict."""

import re
from dataclasses import dataclass
from pathlib import Path

from rtl.simulators import simulate, write_hex

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath
from hwsim.array.requantizer import Requantizer
from hwsim.rtl import sources
from hwsim.rtl.expected import expected
from hwsim.rtl.machine import literal, parameter_text
from hwsim.rtl.streams import RECORD_BITS, streams
from hwsim.vectors.beats import BeatTable
from hwsim.vectors.clocks import adding_bits, clock_bits
from hwsim.vectors.words import words_of

HERE = Path(__file__).parent
SIGNED_64 = ("clamp_lo", "clamp_hi")


@dataclass
class Case:
    """One layer on one machine, one image of it; ``stalls``: seed of the streams' stalls, 0: none.

    ``requantizer.output`` is the format of the codes, ``values`` the parameters of the machine.
    """

    name: str
    values: dict
    datapath: Datapath
    schedule: Schedule
    requantizer: Requantizer
    sample: int = 0
    stalls: int = 0


def write_case(case, number, folder):
    """Files of one case and the text that makes a module of it; returns text, clocks, events."""
    values, schedule = case.values, case.schedule
    into = streams(case.datapath, schedule, case.requantizer, case.sample, case.name)
    result = expected(case.datapath, schedule, case.requantizer, case.sample)
    table = BeatTable.of(result.stores.beats, values["COLS"], schedule.array.dataflow)
    bits = clock_bits(result, table, values)
    words, bits = words_of(bits), bits.shape[1]
    files = {
        "A": (into.a, values["A_BITS"]),
        "W": (into.w, values["W_BITS"]),
        "CHANNEL": (into.channel, RECORD_BITS),
        "EXPECTED": (words, bits),
    }
    macros = {"NAME": f"case_{number}", "STALLS": case.stalls, "BITS": bits, "CLOCKS": len(words)}
    for name, (content, width) in files.items():
        file = f"{name.lower()}_{number}.hex"
        write_hex(folder / file, content, width)
        macros |= {f"{name}_FILE": f'"{file}"', f"{name}_COUNT": len(content)}
    macros |= {"A_BITS": values["A_BITS"], "W_BITS": values["W_BITS"], "COLS": values["COLS"]}
    macros |= {"OUT_BITS": values["OUT_BITS"], "ADDING_BITS": adding_bits(values)}
    macros |= {"CYCLES": result.cycles}
    macros["CAPACITIES"] = ", ".join(
        f".{name}({literal(name, value)})" for name, value in into.capacities.items()
    )
    macros["INPUTS"] = ", ".join(
        f".{name}({port_value(name, value)})" for name, value in into.inputs.items()
    )
    text = parameter_text(values, case.name)
    text += "".join(f"`define CASE_{name} {value}\n" for name, value in macros.items())
    text += '`include "lockstep_case.svh"\n`undef MAC_ARRAY_PARAMETERS\n'
    text += "".join(f"`undef CASE_{name}\n" for name in macros)
    return text, len(words)


def port_value(name, value):
    bits = 64 if name in SIGNED_64 else 32
    sign = "-" if value < 0 else ""
    return f"{sign}{bits}'sd{abs(value)}"


def write_testbench(cases, folder):
    """tb_lockstep.sv of all cases; returns the clocks of each."""
    (folder / "lockstep_case.svh").write_text((HERE / "lockstep_case.svh").read_text())
    texts, clocks = zip(*(write_case(c, i, folder) for i, c in enumerate(cases)), strict=True)
    instances = "".join(
        f"  case_{i} c{i} (.clk(clk), .rst(rst), .finished(finished[{i}]));\n"
        for i in range(len(cases))
    )
    limit = 100 + 8 * max(clocks) + 8 * max(entries(folder))
    body = (HERE / "lockstep_top.svh").read_text()
    body = body.replace("COUNT", str(len(cases))).replace("LIMIT", str(limit))
    (folder / "tb_lockstep.sv").write_text("".join(texts) + body.replace("INSTANCES\n", instances))
    return list(clocks)


def entries(folder):
    return [path.read_text().count("\n") for path in folder.glob("[awc]*_*.hex")]


def verdict(said, clocks):
    """None where every case ran all its clocks without a mismatch, else what was said."""
    seen = re.findall(r"CASE \S*\.c(\d+): (\d+) clocks, 0 mismatches", said)
    right = {int(i): int(count) for i, count in seen} == dict(enumerate(clocks))
    return None if right and "MISMATCH" not in said and "DONE" in said else said


def run_cases(simulator, cases, folder, rtl=None):
    """Simulate all cases in one build; None where they agree, else the simulator's words."""
    clocks = write_testbench(cases, folder)
    files = [*(rtl or sources()), folder / "tb_lockstep.sv"]
    return verdict(simulate(simulator, files, "tb_lockstep", folder), clocks)
