// The stage of this bundle, as tb_requantize.sv takes it: one sum and its channel's record in, one
// code out. Input and output are valid/ready streams; a beat passes where both are 1 at a rising
// edge of clk. Replace it by your own module with these ports.
module requantize_stage #(
    parameter int SCHEME = hwsim_pkg::MULTIPLIER_SHIFT,
    parameter int ROUNDING = hwsim_pkg::HALF_UP,
    parameter int NARROW = 0,
    parameter int NARROW_SHIFT = 0,
    parameter int NARROW_ROUNDING = hwsim_pkg::HALF_AWAY,
    parameter int NARROW_BITS = 32,
    parameter int NARROW_OVERFLOW = hwsim_pkg::SATURATE,
    parameter int NARROW_WRAP_BITS = 0,
    // verilator lint_off UNUSEDPARAM
    parameter logic [31:0] LFSR_POLYNOMIAL = 32'h80200003,  // of the states that in_random holds
    parameter logic [31:0] LFSR_SEED = 32'd1,
    // verilator lint_on UNUSEDPARAM
    parameter int OUT_BITS = 8
) (
    input logic clk,
    input logic rst,
    input logic signed [31:0] zero_point,
    input logic signed [63:0] clamp_lo,
    input logic signed [63:0] clamp_hi,
    input logic signed [31:0] out_lo,
    input logic signed [31:0] out_hi,
    input logic in_valid,
    output logic in_ready,
    input logic signed [63:0] in_sum,
    // verilator lint_off UNUSEDSIGNAL
    input logic signed [63:0] in_partial,  // sum = fit(partial + addend): for stages that add
    input logic signed [63:0] in_addend,
    input logic [231:0] in_record,  // {add, shift, multiplier, w_zero_point, bias}
    // verilator lint_on UNUSEDSIGNAL
    input logic [31:0] in_random,
    output logic out_valid,
    input logic out_ready,
    output logic [OUT_BITS-1:0] out_data,
    output logic out_lost,
    output logic out_clipped
);
  assign in_ready = !out_valid || out_ready;

  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (in_ready) out_valid <= in_valid;

  requantize #(
      .SCHEME(SCHEME), .ROUNDING(ROUNDING), .NARROW(NARROW), .NARROW_SHIFT(NARROW_SHIFT),
      .NARROW_ROUNDING(NARROW_ROUNDING), .NARROW_BITS(NARROW_BITS),
      .NARROW_OVERFLOW(NARROW_OVERFLOW), .NARROW_WRAP_BITS(NARROW_WRAP_BITS), .OUT_BITS(OUT_BITS)
  ) requantizer (
      .clk(clk), .enable(in_ready), .acc(in_sum), .multiplier(in_record[158:128]),
      .shift(in_record[167:160]), .add(in_record[231:168]), .random(in_random),
      .zero_point(zero_point), .clamp_lo(clamp_lo), .clamp_hi(clamp_hi),
      .out_lo(out_lo), .out_hi(out_hi), .code(out_data), .lost(out_lost), .clipped(out_clipped)
  );
endmodule
