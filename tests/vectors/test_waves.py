"""Waveforms under the RTL's own names: what Icarus dumps of the RTL, signal by signal."""

from pathlib import Path

import pytest
from rtl.simulators import need
from vectors.cosim_cases import case

from hwsim.errors import ConfigError
from hwsim.rtl import sources
from hwsim.vectors import simulators, vcd
from hwsim.vectors.bundle import write
from hwsim.vectors.waves import WaveWindow, wave_text, write_waves

FLOWS = ["weight_stationary", "output_stationary", "input_stationary", "dot_product"]


def simulated(folder: Path):
    """The VCD of tb_streams of a bundle under Icarus, under no stalls."""
    need("iverilog")
    icarus = simulators.find("icarus")
    files = [*sources(), *sorted((folder / "tb").glob("*.sv")), folder / "tb_streams.sv"]
    command = simulators.build(
        icarus, files, "tb_streams", folder=folder, include=folder, defines={}, seconds=100
    )
    words = [*command, f"+data={folder / 'data'}", "+vcd=rtl.vcd", "+seed=0"]
    said = simulators.run(icarus, words, folder, 100, folder / "log")
    assert "PASS" in said.words, said.words
    return vcd.read(folder / "rtl.vcd")


def by_cycles(wave, names, runs=1):
    """cycles -> values before the next edge, of the first run."""
    data = wave.signals["tb_streams.dut.cycles"]
    wanted = [wave.signals[name] for name in names]
    found = {}
    for _, sample in wave.samples(wave.clock_of(data), [data, *wanted]):
        cycle = sample[data.name]
        if cycle is None or cycle in found:
            continue
        if cycle < max(found, default=0):
            break
        found[cycle] = {name: sample[name] for name in names}
    return found


@pytest.mark.parametrize("dataflow", FLOWS)
def test_every_signal_equals_the_rtl_s_at_every_clock(dataflow, tmp_path):
    layer = case(dataflow, runs=1)
    write(layer, tmp_path / "b")
    write_waves(layer, layer.runs[0], WaveWindow(), tmp_path / "ours.vcd")
    ours, theirs = vcd.read(tmp_path / "ours.vcd"), simulated(tmp_path / "b")
    assert set(ours.signals) <= set(theirs.signals)
    assert all(theirs.signals[name].bits == one.bits for name, one in ours.signals.items())
    registers = [name for name in ours.signals if "sums_" in name]
    assert len(registers) >= 3 * 4 * 2
    cycles = layer.runs[0].schedule.cycles
    own = by_cycles(ours, registers)
    rtl = by_cycles(theirs, registers)
    assert set(own) - {cycles} == set(range(1, cycles))
    places = ["clock", "group", "row_start", "col_start"]
    control = [f"tb_streams.dut.{name}" for name in places]
    own_control, rtl_control = by_cycles(ours, control), by_cycles(theirs, control)
    for cycle in range(1, cycles):
        assert own[cycle] == rtl[cycle], cycle
        assert own_control[cycle] == rtl_control[cycle], cycle
    moving = {name for name in registers if len({own[c][name] for c in own}) > 2}
    assert len(moving) > len(registers) // 3


def test_a_window_holds_its_clocks_alone(tmp_path):
    layer = case()
    run = layer.runs[0]
    whole, part = tmp_path / "whole.vcd", tmp_path / "part.vcd"
    write_waves(layer, run, WaveWindow(), whole)
    clocks = run.schedule.fold_cycles
    for window in (WaveWindow(1, 2), WaveWindow(clocks=(clocks, 3 * clocks))):
        write_waves(layer, run, window, part)
        wave = vcd.read(part)
        names = [name for name in wave.signals if name.endswith(".sum")]
        seen = by_cycles(wave, names)
        truth = by_cycles(vcd.read(whole), names)
        assert [c for c in seen if c] == list(range(clocks + 1, 3 * clocks))
        assert all(seen[cycle] == truth[cycle] for cycle in seen)


def test_equal_runs_write_equal_bytes(tmp_path):
    for name in ("a", "b"):
        layer = case()
        write_waves(layer, layer.runs[1], WaveWindow(0, 0), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_window_outside_the_run_is_refused(tmp_path):
    layer = case()
    with pytest.raises(ConfigError, match="must not be empty"):
        write_waves(layer, layer.runs[0], WaveWindow(clocks=(5, 5)), tmp_path / "x")
    assert wave_text is not None
