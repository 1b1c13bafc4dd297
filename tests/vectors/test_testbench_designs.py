"""Designs that lose data, hang, or do not compile must not pass."""

import pytest
from vectors.testbench_runs import fails, make, passes

WRAPPER = """
module wrapper #(parameter int COLS = 4, parameter int OUT_BITS = 8) (
    input logic clk, rst, start, a_valid, w_valid, channel_valid, code_ready,
    input logic signed [31:0] groups, m, k, n, zero_point, out_lo, out_hi,
    input logic signed [63:0] clamp_lo, clamp_hi,
    input logic [{a}-1:0] a_data, input logic [{w}-1:0] w_data, input logic [231:0] channel_data,
    output logic a_ready, w_ready, channel_ready, code_valid, done,
    output logic [31:0] code_data,
    output logic [3:0] code_keep, code_lost, code_clipped,
    output logic [3:0] code_chain_overflow, code_accumulator_overflow,
    output logic signed [31:0] code_group, code_row, code_col,
    output logic [63:0] cycles
);
  logic take, give, ready, valid, finished;
  int beats;
  always @(posedge clk) if (rst || start) beats <= 0; else if (valid && ready) beats <= beats + 1;
  {logic}
  mac_array_top #(`MAC_ARRAY_PARAMETERS) inner (
      .clk(clk), .rst(rst), .start(start), .groups(groups), .m(m), .k(k), .n(n),
      .zero_point(zero_point), .clamp_lo(clamp_lo), .clamp_hi(clamp_hi),
      .out_lo(out_lo), .out_hi(out_hi),
      .a_valid(take), .a_ready(give), .a_data(a_data),
      .w_valid(w_valid), .w_ready(w_ready), .w_data(w_data),
      .channel_valid(channel_valid), .channel_ready(channel_ready), .channel_data(channel_data),
      .code_valid(valid), .code_ready(ready), .code_data(code_data), .code_keep(code_keep),
      .code_lost(code_lost), .code_clipped(code_clipped),
      .code_chain_overflow(code_chain_overflow),
      .code_accumulator_overflow(code_accumulator_overflow),
      .code_group(code_group), .code_row(code_row), .code_col(code_col),
      .done(finished), .cycles(cycles)
  );
endmodule
"""
STREAM_IN = "assign take = a_valid; assign a_ready = give;"
STREAM_OUT = "assign code_valid = valid; assign ready = code_ready; assign done = finished;"
DESIGNS = {
    "honest": STREAM_IN + STREAM_OUT,
    "drops codes on a stall": STREAM_IN
    + "assign code_valid = valid; assign ready = 1'b1; assign done = finished;",
    "takes words that are not valid": "assign take = 1'b1; assign a_ready = give;" + STREAM_OUT,
    "hangs": STREAM_IN + "assign code_valid = valid && beats < 40; "
    "assign ready = code_ready && beats < 40; assign done = 1'b0;",
    "gives too few": STREAM_IN + "assign code_valid = valid && beats != 40; "
    "assign ready = code_ready || beats == 40; assign done = finished;",
    "gives too many": STREAM_IN + "logic again; always @(posedge clk) "
    "again <= !rst && (finished || again) && !start; "
    "assign code_valid = valid || again; assign ready = code_ready; assign done = finished;",
    "is unknown": STREAM_IN + "assign code_valid = beats > 9 ? 1'bx : valid; "
    "assign ready = code_ready; assign done = finished;",
}  # fmt: skip


def design(folder, name):
    """Words of make that put a wrapper of the reference RTL in its place."""
    text = WRAPPER.replace("{a}", "`BUNDLE_ACTIVATIONS_WIDTH").replace(
        "{w}", "`BUNDLE_WEIGHTS_WIDTH")  # fmt: skip
    includes = '`include "bundle.svh"\n`include "mac_array_parameters.svh"\n'
    (folder / "wrapper.sv").write_text(includes + text.replace("{logic}", DESIGNS[name]))
    listed = (folder / "filelist.f").read_text().split()
    own = [line for line in listed if line.startswith("rtl/")]
    return [f"RTL={' '.join(own)} wrapper.sv", "TOP=wrapper"]


@pytest.mark.parametrize("name", ["drops codes on a stall", "takes words that are not valid"])
def test_a_design_that_loses_data_on_a_stall_fails_for_every_seed(name, own_bundle):
    words = design(own_bundle, name)
    code, said = make(
        own_bundle, "stalls", "SIM=icarus", "SEEDS=5", "PLUSARGS=+timeout=300", *words
    )
    assert code != 0
    assert "5 seeds, 5 failed" in said


def test_the_same_wrapper_passes_where_it_is_honest(own_bundle):
    code, said = make(own_bundle, "stalls", "SIM=icarus", "SEEDS=3", *design(own_bundle, "honest"))
    assert code == 0, said


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs", "FAIL timeout: no output for 301 clocks"),
        ("gives too few", "FAIL too few outputs: 255 of 256"),
        ("gives too many", "FAIL too many outputs: run 0 has 256"),
        ("is unknown", "FAIL code_valid is unknown (X)"),
    ],
)
def test_a_design_that_ends_wrong_fails(name, reason, own_bundle):
    code, said = make(own_bundle, "icarus", "PLUSARGS=+timeout=300", *design(own_bundle, name))
    assert code != 0
    assert fails(said) == [reason]
    assert not passes(said)


def test_a_design_that_does_not_compile_fails(own_bundle):
    (own_bundle / "wrapper.sv").write_text("module wrapper (; endmodule\n")
    code, said = make(own_bundle, "icarus", "RTL=wrapper.sv", "TOP=wrapper")
    assert code != 0
    assert not passes(said)
    code, said = make(own_bundle, "icarus", "RTL=absent.sv", "TOP=wrapper")
    assert code != 0
    assert "absent.sv" in said
