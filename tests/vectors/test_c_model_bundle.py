"""The C golden model where it is used: in a bundle's folder, and loaded by a simulator."""

import re
import subprocess

import numpy as np
import pytest
from rtl.simulators import build, run, write_hex
from vectors import c_models
from vectors.test_c_model import digits_case

from hwsim.vectors.bundle import bundle_files
from hwsim.vectors.c_model import c_model

TESTBENCH = """
`define CONV1_M 4
module tb;
  `include "dpi.svh"
  logic signed [63:0] words [0:CONV1_INPUTS-1];
  longint operands [CONV1_INPUTS];
  longint codes [CONV1_OUTPUTS], accumulators [CONV1_OUTPUTS];
  int chain_events [CONV1_OUTPUTS], accumulator_events [CONV1_OUTPUTS];
  int lost [CONV1_OUTPUTS], clipped [CONV1_OUTPUTS], flag;
  initial begin
    $readmemh("operands.hex", words);
    for (int i = 0; i < CONV1_INPUTS; i++) operands[i] = words[i];
    conv1_layer(`CONV1_M, operands, codes, accumulators, chain_events, accumulator_events, lost,
        clipped);
    for (int i = 0; i < CONV1_OUTPUTS; i++)
      $display("%0d %0d %0d %0d", codes[i], accumulators[i],
          conv1_output(conv1_requantize(i % CONV1_N, accumulators[i], flag), flag),
          chain_events[i] + accumulator_events[i]);
    $finish;
  end
endmodule
"""


def test_verilator_loads_the_model(tmp_path):
    case = digits_case("conv1", "edge_ws_16x16", "chain.bits=12")
    for name, text in c_model(case).items():
        (tmp_path / name).write_text(text)
    one = case.rows_run("some", case.runs[0].gemm.a[0, :, 20:24])
    want = c_models.expected(one)
    (tmp_path / "tb.sv").write_text(TESTBENCH)
    write_hex(tmp_path / "operands.hex", one.datapath.a.ravel().tolist(), 64)
    runs = build("verilator", ["tb.sv", "conv1.c"], "tb", tmp_path)
    code, said = run(runs, tmp_path)
    assert code == 0, said[-4000:]
    lines = re.findall(r"^ *(-?\d+) +(-?\d+) +(-?\d+) +(-?\d+)$", said, re.MULTILINE)
    rows = np.array(lines, np.int64).T
    assert rows[0].tolist() == want["codes"].ravel().tolist()
    assert rows[1].tolist() == want["accumulators"].ravel().tolist()
    assert rows[2].tolist() == rows[0].tolist()
    assert rows[3].sum() == want["chain_events"].sum() + want["accumulator_events"].sum() > 0


@pytest.fixture(scope="module", params=["edge_ws_16x16", "edge_is_16x16"])
def bundle(request, tmp_path_factory):
    """A bundle's data and the C model with its self-test, compiled."""
    c_models.need_gcc()
    case = digits_case("dw2", request.param, "array.rows=4", "array.cols=3", "chain.bits=12")
    case = case.with_runs(case.rows_run("reversed", case.runs[0].gemm.a[0, :, ::-1]))
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "data").mkdir()
    for path, content in bundle_files(case).items():
        if path.startswith("data/"):
            (folder / path).write_bytes(content)
    for name, text in c_model(case).items():
        (folder / name).write_text(text)
    command = [*c_models.CC, *c_models.SANITIZED, "-DHWSIM_MAIN", "-o", "model", "dw2.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=c_models.SECONDS)
    return folder, case.runs[0].datapath.shape


def said_of(folder):
    done = subprocess.run(
        ["./model", "."], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_bundle_passes_its_model(bundle):
    folder, (_, groups, m, _, n) = bundle
    assert said_of(folder) == (0, [f"PASS runs=2 outputs={2 * groups * m * n}"])


@pytest.mark.parametrize("stem", ["output", "accumulator", "output_flags", "overflow"])
def test_one_changed_bit_fails(stem, bundle):
    folder, _ = bundle
    file = folder / "data" / f"{stem}.hex"
    good = file.read_bytes()
    file.write_bytes(good[:-2] + (b"1" if good[-2:-1] == b"0" else b"0") + b"\n")
    code, lines = said_of(folder)
    file.write_bytes(good)
    assert code == 1
    assert lines[0].startswith(f"MISMATCH stream={stem} run=1 beat=")
    assert lines[-1] == "FAIL 1 mismatches"


@pytest.mark.parametrize(
    ("stem", "change", "reason"),
    [
        ("output", lambda text: None, "missing file"),
        ("output", lambda text: text[:-1], "lines of another width"),
        ("output", lambda text: text[: text.rfind(b"\n", 0, -1) + 1], "different lengths"),
        ("activations", lambda text: text[: text.find(b"\n") + 1], "do not hold"),
        ("output", lambda text: b"x" + text[1:], "a line that is no word"),
        ("output_keep", lambda text: text[:-2] + b"0\n", "another number of outputs"),
        ("output_place", lambda text: text.replace(b"0", b"4"), "does not have"),
        ("runs", lambda text: b"", "no runs"),
    ],
)
def test_a_broken_bundle_fails(stem, change, reason, bundle):
    folder, _ = bundle
    file = folder / "data" / f"{stem}.hex"
    good = file.read_bytes()
    bad = change(good)
    file.unlink() if bad is None else file.write_bytes(bad)
    code, lines = said_of(folder)
    file.write_bytes(good)
    assert code == 1
    assert lines[-1].startswith("FAIL ")
    assert reason in lines[-1]
