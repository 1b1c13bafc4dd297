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


class Word:
    """Fields side by side, the first one lowest."""

    def __init__(self):
        self.value, self.bits = 0, 0

    def add(self, values, bits):
        mask = (1 << bits) - 1
        for value in values:
            self.value |= (int(value) & mask) << self.bits
            self.bits += bits


def add_registers(word, trace, clock, values):
    """The array's registers, lowest first as `mac_array_top.registers` holds them."""
    rows, cols = values["ROWS"], values["COLS"]
    input_stays = trace.dataflow == "input_stationary"
    left = values["W_BITS" if input_stays else "A_BITS"]
    top = values["A_BITS" if input_stays else "W_BITS"]
    registers = {name: x[clock] for name, x in trace.registers.items()}
    if trace.dataflow == "dot_product":
        levels = (rows - 1).bit_length()
        for c in range(cols):
            word.add(registers["w"][:, c].tolist(), top)
        for c in range(cols):
            for level in range(levels + 1):
                word.add(registers[f"tree_{level}"][:, c].tolist(), 64)
        return
    sums = "acc" if "acc" in registers else "psum"
    width = values["CHAIN_BITS"] & 255 if sums == "psum" else adding_bits(values)
    word.add(registers["a"].ravel().tolist(), left)
    word.add(registers["w"].ravel().tolist(), top)
    word.add(registers[sums].ravel().tolist(), width)


def adding_bits(values):
    return 64 if values["CHECK_FINAL"] else values["ACC_BITS"]


def lanes(values, count):
    return list(values) + [0] * (count - len(values))


def places(beat, dataflow):
    """(g, m, n) of a beat's lanes."""
    step = (1, 0) if dataflow == "input_stationary" else (0, 1)
    return [(beat.group, beat.m + i * step[0], beat.n + i * step[1]) for i in range(beat.lanes)]


def expected_words(result, values, dataflow):
    """One word a clock, as lockstep_case.svh puts `seen` together, and its bits."""
    cols = values["COLS"]
    stores = {beat.clock: beat for beat in result.beats}
    assert len(stores) == len(result.beats)
    words = []
    for clock in range(result.cycles + result.latency):
        word = Word()
        add_registers(word, result.trace, min(clock, result.cycles - 1), values)
        beat = stores.get(clock)
        word.add([beat is not None], 1)
        word.add(lanes(beat.stored if beat else [], cols), adding_bits(values))
        ends = beat is not None and beat.last
        word.add([ends], 1)
        finals = [result.final[at] for at in places(beat, dataflow)] if ends else []
        word.add(lanes(finals, cols), 64)
        coded = stores.get(clock - 1)
        coded = coded if coded is not None and coded.last else None
        at = places(coded, dataflow) if coded else []
        word.add([coded is not None], 1)
        word.add(lanes([1] * len(at), cols), 1)
        word.add(lanes([result.codes[i] for i in at], cols), values["OUT_BITS"])
        word.add(lanes([result.lost[i] for i in at], cols), 1)
        word.add(lanes([result.clipped[i] for i in at], cols), 1)
        word.add([coded.group, coded.m, coded.n] if coded else [0, 0, 0], 32)
        words.append(word.value)
    return words, word.bits


def write_case(case, number, folder):
    """Files of one case and the text that makes a module of it; returns text, clocks, events."""
    values, schedule = case.values, case.schedule
    into = streams(case.datapath, schedule, case.requantizer, case.sample, case.name)
    result = expected(case.datapath, schedule, case.requantizer, case.sample)
    words, bits = expected_words(result, values, schedule.array.dataflow)
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
