// The device with its parameters filled in, for test_streams.py.

`include "mac_array_parameters.svh"
`include "bundle.svh"
`ifndef DUT
`define DUT mac_array_top
`endif

module cocotb_top (
    input logic clk,
    input logic rst,
    input logic start,
    input logic signed [31:0] groups,
    input logic signed [31:0] m,
    input logic signed [31:0] k,
    input logic signed [31:0] n,
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,
    input logic signed [31:0] out_hi,
    input logic a_valid,
    output logic a_ready,
    input logic [`BUNDLE_ACTIVATIONS_WIDTH-1:0] a_data,
    input logic w_valid,
    output logic w_ready,
    input logic [`BUNDLE_WEIGHTS_WIDTH-1:0] w_data,
    input logic channel_valid,
    output logic channel_ready,
    input logic [`BUNDLE_CHANNEL_WIDTH-1:0] channel_data,
    output logic code_valid,
    input logic code_ready,
    output logic [`BUNDLE_OUTPUT_WIDTH-1:0] code_data,
    output logic [`BUNDLE_COLS-1:0] code_keep,
    output logic [`BUNDLE_COLS-1:0] code_lost,
    output logic [`BUNDLE_COLS-1:0] code_clipped,
    output logic [`BUNDLE_COLS-1:0] code_chain_overflow,
    output logic [`BUNDLE_COLS-1:0] code_accumulator_overflow,
    output logic signed [31:0] code_group,
    output logic signed [31:0] code_row,
    output logic signed [31:0] code_col,
    output logic done,
    output logic [63:0] cycles
);
`ifdef DUT_HAS_NO_PARAMETERS
  `DUT dut (
`else
  `DUT #(`MAC_ARRAY_PARAMETERS) dut (
`endif
      .clk(clk), .rst(rst), .start(start), .groups(groups), .m(m), .k(k), .n(n),
      .zero_point(zero_point), .clamp_lo(clamp_lo), .clamp_hi(clamp_hi),
      .out_lo(out_lo), .out_hi(out_hi),
      .a_valid(a_valid), .a_ready(a_ready), .a_data(a_data),
      .w_valid(w_valid), .w_ready(w_ready), .w_data(w_data),
      .channel_valid(channel_valid), .channel_ready(channel_ready), .channel_data(channel_data),
      .code_valid(code_valid), .code_ready(code_ready), .code_data(code_data),
      .code_keep(code_keep), .code_lost(code_lost), .code_clipped(code_clipped),
      .code_chain_overflow(code_chain_overflow),
      .code_accumulator_overflow(code_accumulator_overflow),
      .code_group(code_group), .code_row(code_row), .code_col(code_col),
      .done(done), .cycles(cycles)
  );
endmodule
