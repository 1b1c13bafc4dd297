"""The RTL against the cycle engine, clock by clock, on random machines and layers.

Compared after every clock: all registers of the array (operands, sums, tree nodes), every store of
the accumulator memory, sums after the last store, codes with their places and flags; and the
number of clocks. Verilator takes 52 machines a build, about a minute on two cores; 4 builds (208
machines) are slow. More of them: `rtl/campaign.py`.
"""

import numpy as np
import pytest
from rtl.campaign import overflows
from rtl.lockstep import run_cases, verdict, write_testbench
from rtl.random_machines import DATAFLOWS, OVERFLOWS, ROUNDINGS, SCHEMES, draw_case, draw_machine_of
from rtl.simulators import simulate

from hwsim.rtl import sources

A_BUILD, BUILDS = 52, 4


def cases_of(build_number):
    return [draw_case(build_number * A_BUILD + i) for i in range(A_BUILD)]


def test_icarus_runs_in_lockstep(tmp_path):
    assert run_cases("icarus", [draw_case(seed) for seed in range(20)], tmp_path) is None


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_one_altered_bit_of_the_expected_file_is_found(place, tmp_path):
    clocks = write_testbench([draw_case(1), draw_case(3)], tmp_path)
    file = tmp_path / "expected_1.hex"
    lines = file.read_text().split()
    at = int(place * (len(lines) - 1))
    lines[at] = f"{int(lines[at], 16) ^ 1:0{len(lines[at])}x}"
    file.write_text("\n".join(lines) + "\n")
    files = [*sources(), tmp_path / "tb_lockstep.sv"]
    said = simulate("icarus", files, "tb_lockstep", tmp_path)
    assert verdict(said, clocks) == said
    assert f"c1 clock {at}: bit 0" in said


def test_verilator_runs_in_lockstep(tmp_path):
    assert run_cases("verilator", [draw_case(seed) for seed in range(4)], tmp_path) is None


@pytest.mark.slow
@pytest.mark.parametrize("number", range(BUILDS))
def test_verilator_runs_in_lockstep_on_many_machines(number, tmp_path):
    assert run_cases("verilator", cases_of(number), tmp_path) is None


def test_the_random_machines_hold_every_rule_and_overflow():
    cases = [case for number in range(BUILDS) for case in cases_of(number)]
    assert len(cases) >= 200
    machines = [draw_machine_of(seed)[0] for seed in range(A_BUILD * BUILDS)]
    policies = [machine.requantize["default"] for machine in machines]
    registers = [machine.accumulator for machine in machines]
    registers += [machine.chain for machine in machines if machine.chain]
    assert {machine.array.dataflow for machine in machines} == set(DATAFLOWS)
    assert {register.overflow for register in registers} == set(OVERFLOWS)
    assert {register.wrap_bits for register in registers} >= {0, 1, 2, 3}
    assert {policy.scheme for policy in policies} == set(SCHEMES)
    assert {policy.rounding for policy in policies} == {*ROUNDINGS, "stochastic"}
    for path in ("multiplier", "pe", "tree_stage", "requantize"):
        assert {getattr(machine.latency, path) for machine in machines} == {1, 2, 3, 4}
    dropping = {m.product.rounding for m in machines if m.product.drop_bits}
    assert dropping == set(ROUNDINGS)
    events = np.array([overflows(case) for case in cases])
    assert (events > 0).mean() > 0.9, events
    assert events.sum() > 10_000
