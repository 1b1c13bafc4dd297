"""The bins that a testbench can see at an array's ports and stages, as a covergroup."""

from __future__ import annotations

import re

from hwsim.vectors.case import LayerCase
from hwsim.vectors.coverage import UNREACHABLE, Coverage
from hwsim.vectors.coverage_outputs import first_edges

HEAD = """\
// Coverage of layer {layer} on {machine}, of one output code at a time.
//   {name} coverage = new;
//   coverage.sample(value, accumulator, chain_overflow, accumulator_overflow, lost, lane);
// value: after the scheme, zero point added, before the activation clamp and the output format;
// accumulator: what is requantized; chain_overflow, accumulator_overflow: whether the output's
// registers lost anything; lost: the requantizer did; lane: the column that the output leaves.
// Bins that no input reaches are ignored. Ties, tiles and PEs stand in coverage.json alone.
// Simulators without covergroups (Icarus, Verilator) see nothing; others: define NO_COVERGROUP.
`ifndef {guard}
`define {guard}
`ifdef VERILATOR
`define NO_COVERGROUP
`endif
`ifdef __ICARUS__
`define NO_COVERGROUP
`endif
`ifndef NO_COVERGROUP
covergroup {name} with function sample(
    longint value, longint accumulator, bit chain_overflow, bit accumulator_overflow, bit lost,
    int lane);
  option.per_instance = 1;
"""
TAIL = """\
endgroup
`endif
`endif
"""
FLAGS = (
    ("chain_overflow", "chain"),
    ("accumulator_overflow", "accumulator"),
    ("lost", "requantizer"),
)


def identifier(text: str) -> str:
    """A SystemVerilog identifier.

    >>> identifier("conv 1/x"), identifier("1st")
    ('conv_1_x', 'layer_1st')
    """
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    return name if re.match(r"[A-Za-z]", name) else f"layer_{name}"


def literal(value: int) -> str:
    """A signed number of 64 bits.

    >>> literal(-5), literal(3), literal(-(1 << 63))
    ("-64'sd5", "64'sd3", "64'sh8000000000000000")
    """
    if value == -(1 << 63):
        return "64'sh8000000000000000"
    return f"{'-' if value < 0 else ''}64'sd{abs(value)}"


def covergroup(case: LayerCase, found: Coverage) -> str:
    """The text of ``coverage.svh``."""
    name = identifier(f"{found.layer}_coverage")
    head = HEAD.format(
        layer=found.layer, machine=found.machine, name=name, guard=f"{name.upper()}_SVH"
    )
    never = {one.name for one in found.unreachable_bins}
    states = {one.name: one.state for one in found.bins}
    lines = ["  coverpoint value {", *_value_bins(case, never), "  }"]
    register = case.runs[0].datapath.accumulator
    lines += ["  coverpoint accumulator {"]
    lines += [
        f"    bins at_{side} = {{{literal(end)}}};"
        for side, end in (("lo", register.lo), ("hi", register.hi))
        if states["overflow.accumulator.positive"] != UNREACHABLE
    ]
    lines += [
        f"    bins below_zero = {{[{literal(-(1 << 63))}:{literal(-1)}]}};",
        f"    bins zero_and_above = {{[{literal(0)}:{literal((1 << 63) - 1)}]}};",
        "  }",
    ]
    for flag, stage in FLAGS:
        lines += _flag(flag, stage, states)
    lines += _lanes(case, never)
    return head + "\n".join(lines) + "\n" + TAIL


def _value_bins(case: LayerCase, never: set[str]) -> list[str]:
    """Bins around the ends of activation and format."""
    lines = []
    for edge in first_edges(case):
        word = "ignore_bins" if f"clamp.{edge.goal}" in never else "bins"
        if edge.reason is not None:
            continue
        least = literal(-(1 << 63) if edge.least is None else edge.least)
        largest = literal((1 << 63) - 1 if edge.largest is None else edge.largest)
        lines.append(f"    {word} {identifier(edge.goal)} = {{[{least}:{largest}]}};")
    return lines


def _flag(flag: str, stage: str, states: dict[str, str]) -> list[str]:
    """Bins of one flag."""
    own = [state for name, state in states.items() if name.startswith(f"overflow.{stage}.")]
    never = all(state == UNREACHABLE for state in own)
    word = "ignore_bins" if never else "bins"
    return [
        f"  coverpoint {flag} {{",
        "    bins kept = {0};",
        f"    {word} overflowed = {{1}};",
        "  }",
    ]


def _lanes(case: LayerCase, never: set[str]) -> list[str]:
    """A bin a lane."""
    cols = case.runs[0].schedule.cols
    lines = ["  coverpoint lane {"]
    for lane in range(cols):
        word = "ignore_bins" if f"lane.{lane}" in never else "bins"
        lines.append(f"    {word} lane_{lane} = {{{lane}}};")
    return [*lines, "  }"]
